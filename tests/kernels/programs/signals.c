/* Signals: faults that are caught, with address and code; what is sent; what is blocked. */
#include "check.h"
#include <sched.h>
#include <setjmp.h>

static volatile siginfo_t seen;
static volatile unsigned count;
static volatile uint32_t seen_cr2, seen_error, seen_trap;
static jmp_buf back;

static void on_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *machine = context;

	(void)number;
	seen.si_signo = info->si_signo;
	seen.si_code = info->si_code;
	seen.si_addr = info->si_addr;
	seen_cr2 = machine->uc_mcontext.cr2;
	seen_error = machine->uc_mcontext.err;
	seen_trap = machine->uc_mcontext.trapno;
	count++;
	longjmp(back, 1);
}

static void catch(int number, void (*with)(int, siginfo_t *, void *), uint32_t flags)
{
	struct sigaction action = { .sa_sigaction = with, .sa_flags = SA_SIGINFO | flags };

	sigaction(number, &action, NULL);
}

static void expect_fault(uint8_t *at, bool write, int code, const char *what)
{
	seen.si_signo = 0;
	if (!setjmp(back)) {
		if (write)
			do_write(at);
		else
			do_read(at);
	}
	check(seen.si_signo == SIGSEGV && seen.si_addr == at && seen.si_code == code &&
		      seen_cr2 == (uint32_t)at && seen_trap == 14 &&
		      (seen_error & 2) == (write ? 2u : 0u) && (seen_error & 4),
	      "%s: signal %d, code %d, error %#x", what, seen.si_signo, seen.si_code,
	      (unsigned)seen_error);
}

static void faults(void)
{
	uint8_t *read_only = pages(1, PROT_READ);
	uint8_t *hole = pages(1, RW);

	munmap(hole, PAGE);
	catch(SIGSEGV, on_fault, SA_NODEFER);
	expect_fault(hole, false, SEGV_MAPERR, "a read of a hole");
	expect_fault(hole + 5, true, SEGV_MAPERR, "a write to a hole");
	expect_fault(read_only + 7, true, SEGV_ACCERR, "a write to a read-only page");
	expect_fault((uint8_t *)100, false, SEGV_MAPERR, "a read of page 0");
	signal(SIGSEGV, SIG_DFL);
	check_killed(do_write, hole, SIGSEGV, "the default again");
	munmap(read_only, PAGE);
}

/* A handler that makes the access possible, and goes on where it happened. */
static uint8_t *lazy;

static void supply(int number, siginfo_t *info, void *context)
{
	uint8_t *at = (uint8_t *)((uint32_t)info->si_addr & ~(PAGE - 1));

	(void)number;
	(void)context;
	mprotect(at, PAGE, RW);
	at[1] = 77;
	count++;
}

static void supplied(void)
{
	unsigned right = 0;

	lazy = pages(32, PROT_NONE);
	count = 0;
	catch(SIGSEGV, supply, 0);
	for (unsigned i = 0; i < 32; i++)
		lazy[i * PAGE] = (uint8_t)i;
	for (unsigned i = 0; i < 32; i++)
		right += lazy[i * PAGE] == i && lazy[i * PAGE + 1] == 77;
	check(count == 32 && right == 32, "a handler supplies 32 pages, as a collector would");
	signal(SIGSEGV, SIG_DFL);
	munmap(lazy, 32 * PAGE);
}

/* Registers and flags survive a handler. */
static void trample(int number)
{
	(void)number;
	count++;
	__asm__ volatile("movl $-1, %%eax\n\tmovl $-1, %%ebx\n\tmovl $-1, %%ecx\n\t"
			 "movl $-1, %%edx\n\tmovl $-1, %%esi\n\tmovl $-1, %%edi\n\tcld\n\tclc"
			 :
			 :
			 : "eax", "ebx", "ecx", "edx", "esi", "edi", "cc");
}

uint32_t kept[5];
uint32_t own_pid;

static void registers(void)
{
	uint32_t flags;

	signal(SIGUSR1, trample);
	count = 0;
	own_pid = (uint32_t)getpid();
	__asm__ volatile(
		"movl own_pid, %%ebx\n\tmovl $10, %%ecx\n\tmovl $20, %%edx\n\t"
		"movl $30, %%esi\n\tmovl $40, %%edi\n\tmovl $37, %%eax\n\tstc\n\t"
		"int $0x80\n\tmovl %%ecx, kept\n\tmovl %%edx, kept + 4\n\t"
		"movl %%esi, kept + 8\n\tmovl %%edi, kept + 12\n\tmovl %%eax, kept + 16\n\t"
		"pushfl\n\tpopl %%eax"
		: "=a"(flags)
		:
		: "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
	check(count == 1, "kill() of oneself is delivered at once");
	check(kept[0] == SIGUSR1 && kept[1] == 20 && kept[2] == 30 && kept[3] == 40,
	      "registers survive the handler");
	check(kept[4] == 0, "kill() returned 0");
	check(flags & 1, "and so do the flags");
	signal(SIGUSR1, SIG_DFL);
}

static void counted(int number)
{
	(void)number;
	count++;
}

static void blocked(void)
{
	sigset_t set;
	sigset_t old;
	uint32_t pending[2] = { 0, 0 };

	signal(SIGUSR2, counted);
	count = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR2);
	raise(SIGUSR2);
	check(count == 0, "a blocked signal waits");
	syscall_raw(SYS_rt_sigpending, pending, 8);
	check(pending[0] == 1u << (SIGUSR2 - 1), "and is pending");
	sigprocmask(SIG_SETMASK, &old, NULL);
	check(count == 1, "once, when it is let through");
	signal(SIGUSR2, SIG_IGN);
	raise(SIGUSR2);
	check(count == 1, "an ignored one is not seen");
	signal(SIGUSR2, SIG_DFL);
}

static void blocked_fault(void *unused)
{
	sigset_t set;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	catch(SIGSEGV, supply, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	do_write((void *)16);
}

static void ignored_fault(void *unused)
{
	(void)unused;
	signal(SIGSEGV, SIG_IGN);
	do_write((void *)16);
}

static void fault_in_the_handler(int number)
{
	(void)number;
	do_write((void *)16);
}

static void twice(void *unused)
{
	(void)unused;
	signal(SIGSEGV, fault_in_the_handler);
	do_write((void *)16);
}

static void handler_nowhere(void *unused)
{
	(void)unused;
	signal(SIGSEGV, (void (*)(int))0x1000);
	do_write((void *)16);
}

static void handler_in_the_kernel(void *unused)
{
	(void)unused;
	signal(SIGUSR1, (void (*)(int))0xc0100000);
	raise(SIGUSR1);
}

static void wild_return(void *unused)
{
	(void)unused;
	__asm__ volatile("movl $0xc0100000, %%esp\n\tint $0x80" : : "a"(SYS_rt_sigreturn));
}

static void return_without_a_signal(void *unused)
{
	static uint32_t nonsense[256];

	(void)unused;
	memset(nonsense, 0xff, sizeof(nonsense));
	__asm__ volatile("movl %1, %%esp\n\tint $0x80"
			 :
			 : "a"(SYS_rt_sigreturn), "r"(nonsense + 64));
}

static void bad_segments(int number, siginfo_t *info, void *context)
{
	ucontext_t *machine = context;

	(void)number;
	(void)info;
	machine->uc_mcontext.cs = 8; /* the kernel's */
	machine->uc_mcontext.eip = 0xc0100000;
}

static void return_to_the_kernel(void *unused)
{
	(void)unused;
	catch(SIGUSR1, bad_segments, 0);
	raise(SIGUSR1);
	_exit(0); /* Linux gives the selector the privilege of ring 3: then the address faults */
}

static void bad_flags(int number, siginfo_t *info, void *context)
{
	ucontext_t *machine = context;

	(void)number;
	(void)info;
	machine->uc_mcontext.eflags |= 0x3000 | 0x4000 | 0x20000; /* IOPL 3, NT, VM */
	machine->uc_mcontext.eflags &= ~0x200u; /* IF */
}

static void flags_that_are_not_ours(void *unused)
{
	uint32_t flags;

	(void)unused;
	catch(SIGUSR1, bad_flags, 0);
	raise(SIGUSR1);
	__asm__ volatile("pushfl\n\tpopl %0" : "=r"(flags));
	_exit(flags & 0x200 && !(flags & 0x23000) ? 0 : 1);
}

static void exceptions(void)
{
	check_killed((void (*)(void *))abort, NULL, SIGABRT, "abort()");
}

static void arithmetic(void *unused)
{
	(void)unused;
	__asm__ volatile("xorl %%edx, %%edx\n\tmovl $1, %%eax\n\txorl %%ecx, %%ecx\n\tdivl %%ecx"
			 :
			 :
			 : "eax", "ecx", "edx");
}

static void illegal(void *unused)
{
	(void)unused;
	__asm__ volatile("ud2");
}

static void breakpoint(void *unused)
{
	(void)unused;
	__asm__ volatile("int3");
}

static void children_end(void)
{
	pid_t child;

	signal(SIGCHLD, counted);
	count = 0;
	child = fork();
	if (!child)
		_exit(0);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	check(count == 1, "SIGCHLD when a child ends");
	signal(SIGCHLD, SIG_DFL);
}

static void killed_while_running(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		for (;;)
			;
	sched_yield();
	check(kill(child, SIGKILL) == 0, "kill() of a child that runs for ever");
	waitpid(child, &status, 0);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it is dead");
	check_fails(syscall_raw(SYS_kill, child, 0), ESRCH, "and gone");
	check_fails(syscall_raw(SYS_kill, getpid(), 99), EINVAL,
		    "kill() with an invalid signal");
}

static void wrong(void)
{
	struct sigaction action = { .sa_handler = SIG_IGN };

	check_fails(syscall_raw(SYS_rt_sigaction, SIGKILL, &action, 0, 8), EINVAL,
		    "SIGKILL can't be ignored");
	check_fails(syscall_raw(SYS_rt_sigaction, 0, &action, 0, 8), EINVAL,
		    "there is no signal 0");
	check_fails(syscall_raw(SYS_rt_sigaction, 65, &action, 0, 8), EINVAL, "nor 65");
	check_fails(syscall_raw(SYS_rt_sigaction, SIGUSR1, &action, 0, 7), EINVAL,
		    "sets have 8 bytes");
	check_fails(syscall_raw(SYS_rt_sigaction, SIGUSR1, 16, 0, 8), EFAULT,
		    "an action on page 0");
	check_fails(syscall_raw(SYS_rt_sigaction, SIGUSR1, 0, KERNEL, 8), EFAULT,
		    "the old one to the kernel");
}

int main(void)
{
	faults();
	supplied();
	registers();
	blocked();
	check_killed(blocked_fault, NULL, SIGSEGV, "a fault whose signal is blocked");
	check_killed(ignored_fault, NULL, SIGSEGV, "a fault whose signal is ignored");
	check_killed(twice, NULL, SIGSEGV, "a fault in the handler of a fault");
	check_killed(handler_nowhere, NULL, SIGSEGV, "a handler on page 1");
	check_killed(handler_in_the_kernel, NULL, SIGSEGV, "a handler in the kernel");
	check_killed(wild_return, NULL, SIGSEGV, "sigreturn with its stack in the kernel");
	check_killed(return_without_a_signal, NULL, SIGSEGV, "sigreturn to nonsense");
	check_killed(return_to_the_kernel, NULL, SIGSEGV, "sigreturn to the kernel's code");
	check_runs(flags_that_are_not_ours, NULL, "sigreturn with flags of the kernel's");
	exceptions();
	check_killed(arithmetic, NULL, SIGFPE, "a division by zero");
	check_killed(illegal, NULL, SIGILL, "an invalid instruction");
	check_killed(breakpoint, NULL, SIGTRAP, "a breakpoint");
	children_end();
	killed_while_running();
	wrong();
	return verdict();
}
