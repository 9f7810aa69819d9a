/* The stack: it grows when it is touched, to its limit, and no further; a gap is kept below it. */
#include "check.h"

static unsigned depth;

/* Recursion without end, 1 KiB a step. */
static unsigned deeper(unsigned n)
{
	volatile uint8_t room[1024];

	room[0] = (uint8_t)n;
	depth++;
	return n ? deeper(n - 1) + room[0] : 0;
}

static void without_end(void *unused)
{
	(void)unused;
	_exit(deeper(0xffffffff) ? 1 : 2);
}

static void two_mib(void *unused)
{
	(void)unused;
	deeper(2048);
	_exit(depth == 2049 ? 0 : 1);
}

/* One step of 1 MiB: touched at its far end first. */
static void in_one_step(void *unused)
{
	uint8_t *low = (uint8_t *)__builtin_frame_address(0) - (1 << 20);

	(void)unused;
	__asm__ volatile("movl %%esp, %%esi\n\tmovl %0, %%esp\n\tmovb $7, (%%esp)\n\t"
			 "pushl $1\n\tmovl %%esi, %%esp"
			 :
			 : "r"(low)
			 : "esi", "memory");
	_exit(*low == 7 ? 0 : 1);
}

/* 16 MiB below: past the limit, where nothing is. */
static void past_the_limit(void *unused)
{
	(void)unused;
	do_write((uint8_t *)__builtin_frame_address(0) - (16 << 20));
}

/* Signals need a stack: without, the default action ends the program. */
static void handled(int number)
{
	(void)number;
	_exit(0);
}

static void no_stack_for_the_handler(void *unused)
{
	(void)unused;
	signal(SIGSEGV, handled);
	_exit(deeper(0xffffffff) ? 1 : 2);
}

static uint8_t other_stack[16384];

static void another_stack_for_the_handler(void *unused)
{
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };
	struct sigaction action = { .sa_handler = handled, .sa_flags = SA_ONSTACK };

	(void)unused;
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	_exit(deeper(0xffffffff) ? 1 : 2);
}

/* A mapping as near below the stack as there may be one: the stack must not grow into it. */
static void not_into_a_mapping(void *unused)
{
	uint32_t here = (uint32_t)__builtin_frame_address(0) & ~(PAGE - 1);
	uint32_t at = here - (2 << 20);

	(void)unused;
	if (mmap((void *)at, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED)
		_exit(1);
	*(volatile uint8_t *)at = 9;
	*(volatile uint8_t *)(here - (512 << 10)) = 1; /* there is room */
	do_write((uint8_t *)at + 2 * PAGE); /* inside of the gap */
	_exit(2);
}

/* Words that an IRET, a PUSH or a system call finds at a stack that is nowhere. */
static void stack_nowhere(void *unused)
{
	(void)unused;
	__asm__ volatile("movl $0x10, %esp\n\tpushl $1");
}

static void stack_in_the_kernel(void *unused)
{
	(void)unused;
	__asm__ volatile("movl $0xc0100000, %esp\n\tpushl $1");
}

static void call_with_stack_nowhere(void *unused)
{
	int pid;

	(void)unused;
	__asm__ volatile("movl %%esp, %%esi\n\tmovl $0xfffffff0, %%esp\n\tint $0x80\n\t"
			 "movl %%esi, %%esp"
			 : "=a"(pid)
			 : "0"(SYS_getpid)
			 : "esi", "memory");
	_exit(pid == getpid() ? 0 : 1);
}

/* New stack is zero when it comes. */
static void comes_as_zeros(void *unused)
{
	uint8_t *low = (uint8_t *)__builtin_frame_address(0) - 64 * PAGE;

	(void)unused;
	_exit(all_are(low, 32 * PAGE, 0) ? 0 : 1);
}

int main(void)
{
	check_runs(two_mib, NULL, "recursion of 2 MiB");
	check_runs(in_one_step, NULL, "a frame of 1 MiB");
	check_runs(comes_as_zeros, NULL, "new stack is zero");
	check_killed(without_end, NULL, SIGSEGV, "recursion without end");
	check_killed(past_the_limit, NULL, SIGSEGV, "an access 16 MiB below the stack");
	check_killed(not_into_a_mapping, NULL, SIGSEGV, "an access in the gap above a mapping");
	check_killed(no_stack_for_the_handler, NULL, SIGSEGV, "a handler without a stack");
	check_runs(another_stack_for_the_handler, NULL, "a handler on a stack of its own");
	check_killed(stack_nowhere, NULL, SIGSEGV, "a push on page 0");
	check_killed(stack_in_the_kernel, NULL, SIGSEGV, "a push on the kernel");
	check_runs(call_with_stack_nowhere, NULL, "a system call with ESP at the last page");
	return verdict();
}
