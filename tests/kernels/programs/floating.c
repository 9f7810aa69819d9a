/* The x87 over forks, switches, signals and deaths: each process has its own registers. */
#include "check.h"
#include <sched.h>

static double turned(double value, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		value = value * 1.0000001 + 0.5;
	return value;
}

/* The same in pieces: what is kept in memory between them is rounded to 64 bits. */
static double turned_in_pieces(double value, bool yields)
{
	for (unsigned i = 0; i < 200; i++) {
		volatile double kept = turned(value, 100);

		value = kept;
		if (yields)
			sched_yield();
	}
	return value;
}

static bool same(double one, double other)
{
	return !memcmp(&one, &other, sizeof(one));
}

static void switches(void)
{
	double expected[8];
	unsigned right = 0;
	int status;

	for (unsigned who = 0; who < 8; who++)
		expected[who] = turned_in_pieces(who, false);
	for (unsigned who = 0; who < 8; who++) {
		if (!fork())
			_exit(same(turned_in_pieces(who, true), expected[who]) ? 0 : 1);
	}
	while (wait(&status) > 0)
		right += status == 0;
	check(right == 8, "eight processes compute, and are switched: %u right", right);
}

/* What lies on the register stack when a process forks lies on the child's. */
static void forked(void *unused)
{
	double kept = 0;
	pid_t child;
	int status;

	(void)unused;
	__asm__ volatile("fldpi" : : : "st");
	child = (pid_t)syscall_raw(SYS_fork);
	__asm__ volatile("fstpl %0" : "=m"(kept) : : "st");
	if (!child)
		_exit(kept > 3.14 && kept < 3.15 ? 0 : 1);
	waitpid(child, &status, 0);
	_exit(status || kept < 3.14 || kept > 3.15);
}

static void disturb(int number)
{
	volatile double value = number;

	__asm__ volatile("fninit");
	value = value * 3;
}

static void signalled(void *unused)
{
	double kept;

	(void)unused;
	signal(SIGUSR1, disturb);
	__asm__ volatile("fldpi" : : : "st");
	syscall_raw(SYS_kill, getpid(), SIGUSR1);
	__asm__ volatile("fstpl %0" : "=m"(kept) : : "st");
	_exit(kept > 3.14 && kept < 3.15 ? 0 : 1);
}

/* A new program begins with an empty register stack and the default control word. */
static void fresh(void *unused)
{
	uint16_t control;

	(void)unused;
	__asm__ volatile("fnstcw %0" : "=m"(control));
	_exit(control == 0x37f ? 0 : 1);
}

static void divide(void *unused)
{
	uint16_t control = 0x37b; /* division by zero is not masked */
	volatile double zero = 0;
	volatile double result;

	(void)unused;
	__asm__ volatile("fldcw %0" : : "m"(control));
	result = 1 / zero;
	(void)result;
	__asm__ volatile("fwait");
}

int main(void)
{
	check_runs(fresh, NULL, "the control word is the default");
	switches();
	check_runs(forked, NULL, "the register stack is a child's, too");
	check_runs(signalled, NULL, "and survives a handler");
	check_killed(divide, NULL, SIGFPE, "a division by zero that is not masked");
	return verdict();
}
