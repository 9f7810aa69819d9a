/*
 * Ends in one of several ways, as its argument says: a test looks at what the log has of it.
 */
#include "calls.h"

static int is(const char *word, const char *other)
{
	while (*word && *word == *other)
		word++, other++;
	return *word == *other;
}

void run(u32 *stack)
{
	const char *word = (const char *)stack[2];
	int pid;

	if (is(word, "stuck")) { /* parent and child wait for each other */
		int fds[2];
		char c;

		pipe(fds);
		pid = fork();
		if (pid)
			wait4(pid, 0);
		read(fds[0], &c, 1);
	} else if (is(word, "reboot")) {
		if (!fork())
			for (;;)
				C(29, 0, 0, 0, 0, 0); /* pause */
		C(88, 0xfee1dead, 672274793, 0x01234567, 0, 0);
	} else if (is(word, "fault")) {
		*(volatile int *)0x12345678 = 1;
	} else if (is(word, "abort")) {
		C(270, C(20, 0, 0, 0, 0, 0), C(224, 0, 0, 0, 0, 0), 6, 0, 0);
	} else if (is(word, "killed")) { /* by a child: process 1 is not */
		pid = fork();
		if (!pid) {
			C(37, 1, 9, 0, 0, 0);
			C(37, 1, 15, 0, 0, 0);
			exit(0);
		}
		wait4(pid, 0);
		exit(33);
	}
	exit(44);
}
