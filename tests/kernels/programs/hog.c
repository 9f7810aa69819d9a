/*
 * More memory than there is: promises are refused or kept, and who asks too much ends alone.
 * Its argument says what to expect: "small" is a machine with less than 64 MiB.
 */
#include "check.h"

static void promises(void)
{
	unsigned many = 0;
	void *at;

	at = mmap(NULL, 0x7ff00000, RW, ANON, -1, 0);
	check(at != MAP_FAILED || errno == ENOMEM, "2 GiB at once: %s",
	      at == MAP_FAILED ? "refused" : "promised");
	if (at != MAP_FAILED)
		munmap(at, 0x7ff00000);
	while (many < 4096 && mmap(NULL, 1 << 20, RW, ANON, -1, 0) != MAP_FAILED)
		many++;
	check(errno == ENOMEM || many == 4096, "%u MiB one by one, then ENOMEM", many);
}

/* Touches all that it can have, until it is told no, or ended. */
static void eat(void *unused)
{
	(void)unused;
	for (;;) {
		uint8_t *at = mmap(NULL, 1 << 20, RW, ANON, -1, 0);

		if (at == MAP_FAILED)
			_exit(0);
		for (uint32_t i = 0; i < 1 << 20; i += PAGE)
			at[i] = 1;
	}
}

static void eat_by_brk(void *unused)
{
	(void)unused;
	for (;;) {
		uint8_t *at = sbrk(1 << 16);

		if (at == (void *)-1)
			_exit(0);
		for (uint32_t i = 0; i < 1 << 16; i += PAGE)
			at[i] = 1;
	}
}

static void eat_by_forking(void *unused)
{
	uint8_t *at = pages(512, RW);

	(void)unused;
	memset(at, 1, 512 * PAGE);
	for (;;) {
		pid_t child = fork();

		if (child < 0)
			_exit(0);
		if (child) {
			waitpid(child, NULL, 0);
			_exit(0);
		}
		memset(at, 2, 512 * PAGE); /* each generation copies all of it */
	}
}

static void ends_alone(void (*run)(void *), const char *what)
{
	int status = status_of(run, NULL);
	uint8_t *at;

	check(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL), "%s: %s", what,
	      status ? "ended" : "refused");
	at = pages(256, RW);
	memset(at, 5, 256 * PAGE);
	check(all_are(at, 256 * PAGE, 5), "and there is memory for others");
	munmap(at, 256 * PAGE);
}

static void in_a_child(void *unused)
{
	(void)unused;
	promises();
	_exit(failures);
}

int main(void)
{
	check_runs(in_a_child, NULL, "promises");
	for (unsigned i = 0; i < 2; i++) {
		ends_alone(eat, "mmap and touch without end");
		ends_alone(eat_by_brk, "brk and touch without end");
		ends_alone(eat_by_forking, "fork and copy without end");
	}
	return verdict();
}
