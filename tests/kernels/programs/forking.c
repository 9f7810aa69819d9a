/* fork: copies that are made when somebody writes, over generations, by system calls, too. */
#include "check.h"

static uint8_t *shown; /* shared: what children found */

static void generation(uint8_t *at, unsigned depth, unsigned of)
{
	pid_t child;

	if (depth == of) {
		shown[depth] = at[0]; /* still what the first one wrote */
		return;
	}
	child = fork();
	if (!child) {
		generation(at, depth + 1, of);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	shown[16 + depth] = at[0];
	at[0] = (uint8_t)(100 + depth);
	shown[32 + depth] = at[0];
}

static void generations(void)
{
	uint8_t *at = pages(1, RW);

	at[0] = 42;
	memset(shown, 0, PAGE);
	generation(at, 0, 5);
	check(shown[5] == 42, "a page is still shared after five generations");
	check(all_are(shown + 16, 5, 42),
	      "each parent sees what there was, not what a child wrote");
	check(shown[32] == 100 && shown[36] == 104, "and then what it writes itself");
	munmap(at, PAGE);
}

static void both_sides(void)
{
	uint8_t *at = pages(4, RW);
	pid_t child;
	int status;

	memset(at, 1, 3 * PAGE); /* the last is never touched before */
	child = fork();
	if (!child) {
		at[0] = 2;
		at[3 * PAGE] = 3;
		_exit(at[0] == 2 && at[PAGE] == 1 && at[3 * PAGE] == 3 ? 0 : 1);
	}
	at[PAGE] = 4;
	waitpid(child, &status, 0);
	check(status == 0, "the child has its own copies");
	check(at[0] == 1, "the parent does not see them");
	check(at[3 * PAGE] == 0, "nor a page that came to the child");
	check(at[PAGE] == 4, "it has its own");
	munmap(at, 4 * PAGE);
}

static void read_only(void)
{
	uint8_t *at = pages(2, RW);
	pid_t child;
	int status;

	at[0] = 9;
	mprotect(at, PAGE, PROT_READ);
	child = fork();
	if (!child) {
		do_write(at);
		_exit(0);
	}
	waitpid(child, &status, 0);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
	      "what was read-only before the fork is read-only in the child");
	check_killed(do_write, at, SIGSEGV, "and in the parent");
	check(at[0] == 9, "nobody has written to it");
	munmap(at, 2 * PAGE);
}

static void protected_in_between(void)
{
	uint8_t *at = pages(1, RW);
	pid_t child;
	int status;

	at[0] = 5;
	mprotect(at, PAGE, PROT_READ);
	child = fork();
	if (!child) {
		mprotect(at, PAGE, RW);
		at[0] = 6;
		_exit(at[0] == 6 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	check(status == 0, "the child makes it writable again, and writes");
	check(at[0] == 5, "the parent does not see that");
	mprotect(at, PAGE, RW);
	child = fork();
	if (!child)
		_exit(at[0] == 5 ? 0 : 1);
	at[0] = 7;
	waitpid(child, &status, 0);
	check(status == 0, "the other way round: the parent writes, the child sees the old");
	munmap(at, PAGE);
}

/* The kernel writes on the program's behalf: to a shared page, an untouched one, across three. */
static void by_the_kernel(void *unused)
{
	uint8_t *at = pages(6, RW);
	int fds[2];
	pid_t child;
	int status;

	(void)unused;
	if (pipe(fds))
		_exit(2);
	memset(at, 1, PAGE);
	child = fork();
	if (!child) {
		if (read(fds[0], at, 4) != 4 || memcmp(at, "word", 4))
			_exit(3);
		_exit(at[4] == 1 ? 0 : 4);
	}
	if (write(fds[1], "word", 4) != 4)
		_exit(5);
	waitpid(child, &status, 0);
	if (status || !all_are(at, PAGE, 1))
		_exit(6);
	if (write(fds[1], "word", 4) != 4 || read(fds[0], at + 2 * PAGE, 4) != 4)
		_exit(7); /* never touched */
	memset(at, 8, PAGE);
	if (write(fds[1], at, PAGE) != (ssize_t)PAGE || write(fds[1], "tail", 4) != 4)
		_exit(8);
	if (read(fds[0], at + 4 * PAGE - 2, PAGE + 4) != (ssize_t)PAGE + 4)
		_exit(9); /* three pages, two of them untouched */
	if (!all_are(at + 4 * PAGE - 2, PAGE, 8) || memcmp(at + 5 * PAGE - 2, "tail", 4))
		_exit(10);
}

/* Below the lowest page of the stack that was ever touched. */
static void below_the_stack(void *unused)
{
	int fds[2];
	uint8_t *low = (uint8_t *)__builtin_frame_address(0) - 40 * PAGE;

	(void)unused;
	if (pipe(fds) || write(fds[1], "word", 4) != 4)
		_exit(1);
	__asm__ volatile("movl %%esp, %%esi\n\tmovl %3, %%esp\n\tint $0x80\n\tmovl %%esi, %%esp"
			 : "+a"((int){ SYS_read })
			 : "b"(fds[0]), "c"(low), "r"(low), "d"(4)
			 : "esi", "memory");
	_exit(memcmp(low, "word", 4) ? 2 : 0);
}

static void sole_owner(void)
{
	uint8_t *at = pages(16, RW);
	pid_t child;
	unsigned same = 0;

	memset(at, 1, 16 * PAGE);
	child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	for (unsigned i = 0; i < 16; i++)
		at[i * PAGE] = 2;
	for (unsigned i = 0; i < 16; i++)
		same += at[i * PAGE] == 2 && at[i * PAGE + 1] == 1;
	check(same == 16, "when the child is gone the parent goes on with what it had");
	munmap(at, 16 * PAGE);
}

/* Frames of the dead do not show what was in them. */
static void nothing_remains(void)
{
	unsigned clean = 0;

	for (unsigned round = 0; round < 4; round++) {
		pid_t child = fork();

		if (!child) {
			memset(pages(256, RW), 0xa5, 256 * PAGE);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		child = fork();
		if (!child)
			_exit(all_are(pages(256, RW), 256 * PAGE, 0) ? 0 : 1);
		else {
			int status;

			waitpid(child, &status, 0);
			clean += status == 0;
		}
	}
	check(clean == 4, "what a process left in its frames is not seen by the next");
}

uint32_t kept[5];

static void registers(void)
{
	bool same;
	pid_t child;
	int status;

	__asm__ volatile("movl $0x11111111, %%ebx\n\tmovl $0x22222222, %%ecx\n\t"
			 "movl $0x33333333, %%edx\n\tmovl $0x44444444, %%esi\n\t"
			 "movl $0x55555555, %%edi\n\tint $0x80\n\t"
			 "movl %%ebx, kept\n\tmovl %%ecx, kept + 4\n\tmovl %%edx, kept + 8\n\t"
			 "movl %%esi, kept + 12\n\tmovl %%edi, kept + 16"
			 : "=a"(child)
			 : "0"(SYS_fork)
			 : "ebx", "ecx", "edx", "esi", "edi", "memory");
	same = kept[0] == 0x11111111 && kept[1] == 0x22222222 && kept[2] == 0x33333333 &&
	       kept[3] == 0x44444444 && kept[4] == 0x55555555;
	if (!child)
		_exit(!same);
	check(same, "fork keeps the parent's registers");
	waitpid(child, &status, 0);
	check(status == 0, "and gives them to the child");
}

static void many(void)
{
	unsigned good = 0;

	for (unsigned i = 0; i < 1000; i++) {
		pid_t child = fork();
		int status = -1;

		if (!child)
			_exit((int)(i & 0x7f));
		if (child > 0 && waitpid(child, &status, 0) == child)
			good += WEXITSTATUS(status) == (i & 0x7f);
	}
	check(good == 1000, "1000 forks, one after the other (%u)", good);
}

static void families(void)
{
	pid_t children[20];
	unsigned found = 0;
	int status;

	fflush(stdout);
	for (unsigned i = 0; i < 20; i++) {
		children[i] = fork();
		if (!children[i])
			_exit((int)i);
	}
	check(syscall_raw(SYS_waitpid, children[7], &status, 0) == children[7] &&
		      WEXITSTATUS(status) == 7,
	      "waitpid() for one of twenty");
	while (wait(&status) > 0)
		found++;
	check(found == 19 && errno == ECHILD, "wait() for the others, and then for none");
	check(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD, "WNOHANG without a child");
}

int main(void)
{
	shown = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	generations();
	both_sides();
	read_only();
	protected_in_between();
	check_runs(by_the_kernel, NULL, "the kernel writes to shared and untouched pages");
	check_runs(below_the_stack, NULL, "and below the lowest page of the stack");
	sole_owner();
	nothing_remains();
	registers();
	many();
	families();
	return verdict();
}
