/* Process 1 ends and leaves children that run, that wait, that have ended: all end with it. */
#include "check.h"
#include <sched.h>

int main(int argc, char **argv)
{
	int fds[2];
	char byte;

	if (!is_kgen()) {
		printf("orphans: they would stay here\n");
		return 2;
	}
	if (pipe(fds))
		return 1;
	for (unsigned i = 0; i < 6; i++) {
		if (fork())
			continue;
		if (i % 3 == 0)
			for (;;)
				;
		if (i % 3 == 1)
			read(fds[0], &byte, 1);
		if (i == 5) { /* with a child of its own, which outlives it */
			if (!fork())
				for (;;)
					sched_yield();
		}
		_exit(0);
	}
	for (unsigned i = 0; i < 20; i++)
		sched_yield();
	if (argc > 1 && !strcmp(argv[1], "deadlock")) {
		while (kill(-1, SIGKILL) == 0)
			while (waitpid(-1, NULL, 0) > 0)
				;
		read(fds[0], &byte, 1); /* nobody is left to write */
	}
	printf("PASS: 0 failed\n");
	return 0;
}
