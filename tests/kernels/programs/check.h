/*
 * Test programs: each prints a line for each thing that must hold, and exits with 0 only
 * if all do. Nothing in them is of kgen's kernel: the same ELF runs on Linux, which says
 * what is right (tests/boot/test_user_programs.py runs it on both).
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u
#define KERNEL 0xc0000000u /* where user addresses end, on kgen and on a 32-bit Linux */
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static int failures;

/*
 * A 64-bit Linux gives 32-bit programs nearly 4 GiB, so what lies above KERNEL is theirs
 * there. Checks that depend on it run on kgen alone.
 */
__attribute__((unused)) static bool is_kgen(void)
{
	struct utsname name;

	return !uname(&name) && !strcmp(name.version, "kgen");
}

__attribute__((format(printf, 2, 3), unused)) static void check(bool holds, const char *format, ...)
{
	char text[200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	printf("%s %s\n", holds ? "ok" : "not ok", text);
	failures += !holds;
}

/* A system call must fail so. */
__attribute__((unused)) static void check_fails(long result, int error, const char *what)
{
	if (result == -error)
		check(true, "%s: %s", what, strerror(error));
	else
		check(false, "%s: %ld (%s), not %s", what, result,
		      result < 0 ? strerror((int)-result) : "no error", strerror(error));
}

/* Run it in a child; its wait status. */
__attribute__((unused)) static int status_of(void (*run)(void *), void *with)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		run(with);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

/* It must be killed by a signal. */
__attribute__((unused)) static void check_killed(void (*run)(void *), void *with, int signal,
						 const char *what)
{
	int status = status_of(run, with);
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == signal;

	if (killed)
		check(true, "%s: %s", what, strsignal(signal));
	else
		check(false, "%s: status %#x, not %s", what, (unsigned)status, strsignal(signal));
}

/* It must end with exit status 0. */
__attribute__((unused)) static void check_runs(void (*run)(void *), void *with, const char *what)
{
	int status = status_of(run, with);

	check(status == 0, "%s (status %#x)", what, (unsigned)status);
}

__attribute__((unused)) static uint8_t *pages(unsigned count, int prot)
{
	uint8_t *at = mmap(NULL, count * PAGE, prot, ANON, -1, 0);

	if (at == MAP_FAILED) {
		check(false, "mmap of %u pages: %s", count, strerror(errno));
		exit(1);
	}
	return at;
}

/* What a child does to touch memory. The compiler must not know where. */
__attribute__((unused)) static void do_read(void *at)
{
	__asm__("" : "+r"(at));
	(void)*(volatile uint8_t *)at;
}

__attribute__((unused)) static void do_write(void *at)
{
	__asm__("" : "+r"(at));
	*(volatile uint8_t *)at = 1;
}

__attribute__((unused)) static bool all_are(const uint8_t *at, size_t n, uint8_t byte)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] != byte)
			return false;
	return true;
}

__attribute__((unused)) static int verdict(void)
{
	printf("%s: %d failed\n", failures ? "FAIL" : "PASS", failures);
	return failures ? 1 : 0;
}

#endif /* CHECK_H */
