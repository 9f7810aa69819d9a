/* mprotect: every right, in parts, across areas and forks; a right that was taken is gone at once. */
#include "check.h"

static void rights(void)
{
	uint8_t *at = pages(1, RW);

	at[0] = 1;
	check(mprotect(at, PAGE, PROT_READ) == 0, "to read-only");
	check(at[0] == 1, "read");
	check_killed(do_write, at, SIGSEGV, "write");
	check(mprotect(at, PAGE, PROT_NONE) == 0, "to nothing");
	check_killed(do_read, at, SIGSEGV, "read");
	check(mprotect(at, PAGE, RW) == 0, "to all");
	at[0]++;
	check(at[0] == 2, "what was in it is there");
	for (unsigned i = 0; i < 100; i++) {
		mprotect(at, PAGE, PROT_READ);
		mprotect(at, PAGE, RW);
		at[0]++;
	}
	check(at[0] == 102, "100 times to and fro");
	munmap(at, PAGE);
}

static void untouched(void)
{
	uint8_t *at = pages(2, PROT_NONE);

	check(mprotect(at, PAGE, RW) == 0, "a page that was never touched");
	at[0] = 1;
	check_killed(do_read, at + PAGE, SIGSEGV, "its neighbour");
	munmap(at, 2 * PAGE);
}

static void parts(void)
{
	uint8_t *at = pages(6, RW);
	unsigned there = 0;

	memset(at, 1, 6 * PAGE);
	check(mprotect(at + 2 * PAGE, 2 * PAGE, PROT_READ) == 0, "the middle of an area");
	at[PAGE] = at[4 * PAGE] = 2;
	check_killed(do_write, at + 2 * PAGE, SIGSEGV, "its first page");
	check_killed(do_write, at + 4 * PAGE - 1, SIGSEGV, "its last byte");
	check(mprotect(at + PAGE, 4 * PAGE, PROT_NONE) == 0, "across three areas");
	check_killed(do_read, at + PAGE, SIGSEGV, "the first page");
	check_killed(do_read, at + 4 * PAGE, SIGSEGV, "the last page");
	check(at[0] == 1 && at[5 * PAGE] == 1, "what is around it");
	munmap(at + 3 * PAGE, PAGE);
	check_fails(syscall_raw(SYS_mprotect, at, 6 * PAGE, RW), ENOMEM, "over a hole");
	at[2 * PAGE] = 3;
	check(at[2 * PAGE] == 3, "what is in front of the hole was changed");
	check_killed(do_read, at + 4 * PAGE, SIGSEGV, "what is past it was not");
	mprotect(at + 4 * PAGE, 2 * PAGE, RW);
	for (unsigned i = 0; i < 6; i++)
		there += i != 3 && at[i * PAGE] != 0;
	check(there == 5, "everything is there");
	munmap(at, 6 * PAGE);
}

static void wrong(void)
{
	uint8_t *at = pages(1, RW);

	check_fails(syscall_raw(SYS_mprotect, at + 1, PAGE, RW), EINVAL, "an odd address");
	check_fails(syscall_raw(SYS_mprotect, at, PAGE, 0x100), EINVAL,
		    "a right that there is not");
	check(syscall_raw(SYS_mprotect, at, 0, RW) == 0, "nothing");
	check_fails(syscall_raw(SYS_mprotect, 0, PAGE, RW), ENOMEM, "page 0");
	if (is_kgen()) { /* a 64-bit Linux finds mappings there, and forbids them */
		check_fails(syscall_raw(SYS_mprotect, at, 0xffffffff, RW), ENOMEM,
			    "a length that wraps");
		check_fails(syscall_raw(SYS_mprotect, KERNEL, PAGE, RW), ENOMEM, "the kernel");
		check_fails(syscall_raw(SYS_mprotect, at, 0xc0000000, RW), ENOMEM,
			    "all that there is");
	}
	munmap(at, PAGE);
}

static uint8_t *page;

static void back_to_write(void *unused)
{
	(void)unused;
	mprotect(page, PAGE, RW);
	page[0] = 6;
	_exit(0);
}

static void across_a_fork(void)
{
	page = pages(1, RW);
	page[0] = 5;
	mprotect(page, PAGE, PROT_READ);
	check_runs(back_to_write, NULL, "read-only, forked, writable in the child");
	check(page[0] == 5, "the parent's has not changed");
	check_killed(do_write, page, SIGSEGV, "nor its right");
	mprotect(page, PAGE, RW);
	page[0] = 7;
	check(page[0] == 7, "which it can take back");
	munmap(page, PAGE);
}

/* Data as code: an i386 without the NX bit cannot stop it, and Linux there does not say so. */
static void run_data(void *with)
{
	uint8_t *code = with;

	code[0] = 0xc3; /* ret */
	mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	((void (*)(void))(uintptr_t)code)();
}

static void code_written(void)
{
	check_runs(run_data, pages(1, RW), "code that a program wrote, and may execute");
	check_killed(run_data, NULL, SIGSEGV, "code at 0");
}

/* A page that was made read-only must not be writable for a moment more: by a stale TLB entry. */
static void at_once(void)
{
	uint8_t *at = pages(64, RW);
	unsigned stopped = 0;

	memset(at, 1, 64 * PAGE);
	for (unsigned i = 0; i < 64; i += 8) {
		int status;
		pid_t child = fork();

		if (!child) {
			at[i * PAGE] = 2; /* it is in the TLB, writable */
			mprotect(at + i * PAGE, PAGE, PROT_READ);
			at[i * PAGE] = 3;
			_exit(0);
		}
		waitpid(child, &status, 0);
		stopped += WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
		child = fork();
		if (!child) {
			at[i * PAGE] = 2;
			munmap(at + i * PAGE, PAGE);
			at[i * PAGE] = 3;
			_exit(0);
		}
		waitpid(child, &status, 0);
		stopped += WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
	}
	check(stopped == 16, "a page just written is protected, or gone, at once (%u)", stopped);
	munmap(at, 64 * PAGE);
}

int main(void)
{
	rights();
	untouched();
	parts();
	wrong();
	across_a_fork();
	code_written();
	at_once();
	return verdict();
}
