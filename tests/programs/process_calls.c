/*
 * What calls about processes and signals answer, what a handler finds, and how programs end
 * that do what they may not: a line for each.
 *
 * Made to run on Linux and on kgen, whose lines are to be the same: the test compares them.
 * Usage: process_calls FOLDER, which is empty and may be written to. Things that can't be
 * the same (selectors, pids, addresses, times) are not printed.
 */
#include "calls.h"

static void tell(int number, const char *text, int value)
{
	put_number(number);
	put_text(": ");
	for (int i = 0; text[i] && i < 120; i++)
		put(text[i]);
	put_text(" = ");
	put_number(value);
	end_line();
}

#define T(expression) tell(__LINE__, #expression, (int)(expression))

#define getpid() C(20, 0, 0, 0, 0, 0)
#define pause() C(29, 0, 0, 0, 0, 0)
#define kill(pid, n) C(37, pid, n, 0, 0, 0)
#define execve(path, argv, envp) C(11, path, argv, envp, 0, 0)
#define setpgid(pid, group) C(57, pid, group, 0, 0, 0)
#define getppid() C(64, 0, 0, 0, 0, 0)
#define setsid() C(66, 0, 0, 0, 0, 0)
#define wait(pid, status, options, usage) C(114, pid, status, options, usage, 0)
#define clone(flags, stack, ptid, tls, ctid) C(120, flags, stack, ptid, tls, ctid)
#define mprotect(at, size, prot) C(125, at, size, prot, 0, 0)
#define getpgid(pid) C(132, pid, 0, 0, 0, 0)
#define getsid(pid) C(147, pid, 0, 0, 0, 0)
#define nanosleep(time, left) C(162, time, left, 0, 0, 0)
#define prctl(option, a) C(172, option, a, 0, 0, 0)
#define action(n, new, old, size) C(174, n, new, old, size, 0)
#define procmask(how, new, old, size) C(175, how, new, old, size, 0)
#define sigpending(to) C(176, to, 8, 0, 0, 0)
#define sigsuspend(mask) C(179, mask, 8, 0, 0, 0)
#define altstack(new, old) C(186, new, old, 0, 0, 0)
#define vfork() C(190, 0, 0, 0, 0, 0)
#define gettid() C(224, 0, 0, 0, 0, 0)
#define futex(at, what, value) C(240, at, what, value, 0, 0)
#define set_thread_area(desc) C(243, desc, 0, 0, 0, 0)
#define get_thread_area(desc) C(244, desc, 0, 0, 0, 0)
#define tgkill(group, tid, n) C(270, group, tid, n, 0, 0)

enum { ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10, SEGV = 11, USR2 = 12,
       PIPE = 13, TERM = 15, CHLD = 17, CONT = 18, STOP = 19, WINCH = 28, RT = 40 };

enum { SIGINFO = 4, NOCLDWAIT = 2, RESTORER = 0x04000000, ONSTACK = 0x08000000,
       RESTART = 0x10000000, NODEFER = 0x40000000, RESETHAND = (int)0x80000000 };

enum { NOHANG = 1, UNTRACED = 2, CONTINUED = 8 };

struct act {
	void *handler;
	u32 flags;
	void *restorer;
	u32 mask[2];
};

struct stack {
	void *start;
	u32 flags, size;
};

struct context { /* ucontext_t */
	u32 flags, link;
	struct stack stack;
	u32 gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trap, error, eip, cs, eflags,
		esp_at_signal, ss, fpu, old_mask, cr2;
	u32 mask[2];
};

#define NOWHERE ((void *)0x00001000)
#define KERNEL ((void *)0xffffe000)

static u8 other_stack[16384] __attribute__((aligned(16)));
static volatile int calls, number_seen, on_other_stack;
static u32 info_seen[32];
static struct context seen;
static void *go_on; /* where a fault's handler makes the program go on */
static u32 eflags_in_handler;
static int pid_of_self;

extern char sigreturn_code[];
__asm__("sigreturn_code: popl %eax; movl $119, %eax; int $0x80");
extern char rt_sigreturn_code[];
__asm__("rt_sigreturn_code: movl $173, %eax; int $0x80");

static u32 flags_now(void)
{
	u32 flags;

	__asm__ volatile("pushfl; popl %0" : "=r"(flags));
	return flags;
}

static void look(int number, u32 *info, struct context *context)
{
	eflags_in_handler = flags_now();
	calls++;
	number_seen = number;
	for (int i = 0; i < 32; i++)
		info_seen[i] = info[i];
	seen = *context;
	on_other_stack = (u8 *)&number >= other_stack &&
			 (u8 *)&number < other_stack + sizeof(other_stack);
	context->eflags &= ~0x100; /* one step is enough */
	if (go_on)
		context->eip = (u32)go_on;
}

static void plain(int number)
{
	calls++;
	number_seen = number;
}

static int set(int number, void *handler, u32 flags, u32 mask)
{
	struct act new = { handler, flags | RESTORER,
			   flags & SIGINFO ? rt_sigreturn_code : sigreturn_code, { mask, 0 } };

	return action(number, &new, 0, 8);
}

/* The wait status of a child that does `what`. */
static int status_of(void (*what)(void))
{
	int status = -1;
	int pid = fork();

	if (!pid) {
		what();
		exit(77);
	}
	if (wait(pid, &status, 0, 0) != pid)
		return -1;
	return status;
}

/* --- ends ------------------------------------------------------------------------ */

static void exit_300(void)
{
	exit(300);
}

static void old_exit(void)
{
	C(1, 5, 0, 0, 0, 0);
}

static void kill_self(void)
{
	kill(getpid(), KILL);
}

static void term_self(void)
{
	kill(getpid(), TERM);
}

static void abort_self(void)
{
	tgkill(getpid(), gettid(), ABRT);
}

static void rt_self(void)
{
	kill(getpid(), RT);
}

static void winch_self(void)
{
	kill(getpid(), WINCH);
	kill(getpid(), CHLD);
	kill(getpid(), CONT);
	exit(1);
}

static void ignored_fault(void)
{
	set(SEGV, (void *)1, 0, 0);
	*(volatile int *)NOWHERE = 1;
}

static void blocked_fault(void)
{
	u32 all[2] = { ~0u, ~0u };

	set(SEGV, look, SIGINFO, 0);
	procmask(2, all, 0, 8);
	*(volatile int *)NOWHERE = 1;
}

static void handler_without_stack(void)
{
	set(SEGV, look, SIGINFO, 0);
	__asm__ volatile("movl %0, %%esp; movl $1, (%%esp)" : : "r"(NOWHERE));
}

static void wild_rt_return(void)
{
	__asm__ volatile("movl %0, %%esp; movl $173, %%eax; int $0x80" : : "r"(NOWHERE));
}

static void wild_return(void)
{
	__asm__ volatile("movl %0, %%esp; movl $119, %%eax; int $0x80" : : "r"(KERNEL));
}

static void broken_pipe(void)
{
	int fds[2];

	pipe(fds);
	close(fds[0]);
	write(fds[1], "x", 1);
}

static void execute_data(void)
{
	__asm__ volatile("jmp *%0" : : "r"(KERNEL));
}

static void ends(void)
{
	T(status_of(exit_300));
	T(status_of(old_exit));
	T(status_of(kill_self));
	T(status_of(term_self));
	T(status_of(abort_self) & 0x7f);
	T(status_of(rt_self));
	T(status_of(winch_self));
	T(status_of(ignored_fault) & 0x7f);
	T(status_of(blocked_fault) & 0x7f);
	T(status_of(handler_without_stack) & 0x7f);
	T(status_of(wild_rt_return) & 0x7f);
	T(status_of(wild_return) & 0x7f);
	T(status_of(broken_pipe));
	T(status_of(execute_data) & 0x7f);
}

/* --- waiting --------------------------------------------------------------------- */

static void waiting(void)
{
	int status = 0;
	int pid;

	T(wait(-1, &status, 0, 0));
	T(wait(-1, &status, NOHANG, 0));
	T(wait(1, &status, 0, 0));
	T(wait(-1, &status, 0x10, 0));
	T(wait(0x80000000, &status, 0, 0));
	pid = fork();
	if (!pid) {
		pause();
		exit(1);
	}
	T(wait(pid, &status, NOHANG, 0));
	T(wait(0, &status, NOHANG, 0));
	T(wait(-getpgid(0), &status, NOHANG, 0));
	T(wait(pid + 1, &status, NOHANG, 0));
	T(kill(pid, STOP));
	T(wait(pid, &status, UNTRACED, 0) == pid);
	T(status);
	T(wait(pid, &status, UNTRACED | NOHANG, 0));
	T(kill(pid, CONT));
	T(wait(pid, &status, CONTINUED, 0) == pid);
	T(status);
	T(kill(pid, STOP));
	T(kill(pid, KILL));
	T(wait(pid, &status, 0, 0) == pid);
	T(status);
	T(wait(pid, &status, 0, 0));
	pid = fork();
	if (!pid)
		exit(9);
	T(wait(-1, 0, 0, 0) == pid);
	set(CHLD, (void *)1, 0, 0);
	pid = fork();
	if (!pid)
		exit(9);
	T(wait(pid, &status, 0, 0));
	set(CHLD, (void *)0, NOCLDWAIT, 0);
	pid = fork();
	if (!pid)
		exit(9);
	T(wait(-1, &status, 0, 0));
	set(CHLD, (void *)0, 0, 0);
	set(CHLD, look, SIGINFO, 0);
	calls = 0;
	pid = fork();
	if (!pid)
		exit(3);
	T(wait(pid, &status, 0, 0) == pid || wait(pid, &status, 0, 0) == pid);
	T(calls);
	T(number_seen);
	T(info_seen[2]);
	T(info_seen[3] == (u32)pid);
	T(info_seen[5]);
	pid = fork();
	if (!pid)
		term_self();
	T(wait(pid, &status, 0, 0) == pid || wait(pid, &status, 0, 0) == pid);
	T(info_seen[2]);
	T(info_seen[5]);
	set(CHLD, (void *)0, 0, 0);
}

/* --- groups ---------------------------------------------------------------------- */

static void groups(void)
{
	int pid;
	int status;

	T(kill(getpid(), 0));
	T(kill(getpid(), 65));
	T(kill(getpid(), -1));
	T(kill(0x7ffffff0, 0));
	T(kill(-0x7ffffff0, 0));
	T(tgkill(getpid(), gettid(), 0));
	T(tgkill(getpid(), 0x7ffffff0, 0));
	T(tgkill(0, 1, 0));
	T(C(238, 0, 0, 0, 0, 0));
	T(getpgid(0x7ffffff0));
	T(getsid(0x7ffffff0));
	T(getsid(0) == getsid(getpid()));
	T(setpgid(0, -1));
	T(setpgid(0x7ffffff0, 0));
	pid = fork();
	if (!pid) {
		T(setpgid(0, 0));
		T(getpgid(0) == getpid());
		T(setsid());
		pid = fork();
		if (!pid) {
			T(setsid() == getpid());
			T(getsid(0) == getpid());
			T(setpgid(0, 0));
			T(setsid());
			exit(0);
		}
		wait(pid, &status, 0, 0);
		pid = fork();
		if (!pid)
			for (;;)
				pause();
		T(setpgid(pid, 0x7ffffff0));
		T(setpgid(pid, pid));
		T(setpgid(pid, getpgid(0)));
		T(kill(-getpgid(pid), 0));
		set(TERM, (void *)1, 0, 0);
		T(kill(0, TERM));
		T(wait(pid, &status, 0, 0) == pid);
		T(status);
		exit(0);
	}
	wait(pid, &status, 0, 0);
	T(status);
}

/* --- dispositions and masks --------------------------------------------------------- */

static void dispositions(void)
{
	struct act act = { look, SIGINFO | RESTORER, rt_sigreturn_code, { 0xffffffff, 0xffffffff } };
	struct act old;
	u32 mask[2] = { ~0u, ~0u };
	u32 had[2];

	T(action(0, 0, &old, 8));
	T(action(65, 0, &old, 8));
	T(action(64, 0, &old, 8));
	T(action(KILL, 0, &old, 8));
	T(action(KILL, &act, 0, 8));
	T(action(STOP, &act, 0, 8));
	T(action(USR1, &act, 0, 4));
	T(action(USR1, NOWHERE, 0, 8));
	T(action(USR1, KERNEL, 0, 8));
	T(action(USR1, 0, NOWHERE, 8));
	T(action(USR1, &act, 0, 8));
	T(action(USR1, 0, &old, 8));
	T(old.handler == look);
	T(old.flags);
	T(old.restorer == rt_sigreturn_code);
	T(old.mask[0]);
	T(old.mask[1]);
	T(procmask(3, mask, 0, 8));
	T(procmask(3, 0, had, 8));
	T(procmask(0, mask, 0, 4));
	T(procmask(0, NOWHERE, 0, 8));
	T(procmask(0, 0, NOWHERE, 8));
	T(procmask(0, mask, had, 8));
	T(had[0] | had[1]);
	T(procmask(0, 0, had, 8));
	T(had[0]);
	T(had[1]);
	calls = 0;
	T(kill(getpid(), USR1));
	T(calls);
	T(sigpending(had));
	T(had[0]);
	T(sigpending(NOWHERE));
	T(C(176, had, 16, 0, 0, 0));
	set(USR1, (void *)1, 0, 0); /* forgets it */
	T(sigpending(had));
	T(had[0]);
	set(USR1, look, SIGINFO, 0);
	T(kill(getpid(), USR1));
	T(kill(getpid(), USR1));
	mask[0] = 1 << (USR1 - 1);
	mask[1] = 0;
	T(procmask(1, mask, 0, 8));
	T(calls); /* once, though sent twice */
	mask[0] = 0;
	T(procmask(2, mask, had, 8));
	T(had[0]);
	T(had[1]);
}

/* --- handlers ---------------------------------------------------------------------- */

static u32 *raised; /* EAX, ESI, EDI, EBP and flags after kill(pid, USR1) */

static void raise_with_registers(u32 *out)
{
	raised = out;
	__asm__ volatile("pushal\n\t"
			 "movl %1, %%ecx\n\t"
			 "pushl %0\n\t"
			 "movl %2, %%ebx\n\t"
			 "movl $0x33333333, %%esi; movl $0x44444444, %%edi; movl $0x55555555, %%ebp\n\t"
			 "movl $37, %%eax\n\t"
			 "std\n\t"
			 "int $0x80\n\t"
			 "pushfl\n\t"
			 "cld\n\t"
			 "popl %%edx\n\t"
			 "movl (%%esp), %%ecx\n\t"
			 "movl %%eax, (%%ecx); movl %%esi, 4(%%ecx); movl %%edi, 8(%%ecx)\n\t"
			 "movl %%ebp, 12(%%ecx); movl %%edx, 16(%%ecx)\n\t"
			 "addl $4, %%esp\n\t"
			 "popal"
			 :
			 : "m"(raised), "i"(USR1), "m"(pid_of_self)
			 : "memory");
}

static void change(int number, u32 *info, struct context *context)
{
	look(number, info, context);
	context->eax = 0x1234;
	context->esi = 0x5678;
	context->edi = 0x9abc;
	context->ebp = 0xdef0;
	context->eflags = 0xffffffff & ~0x100 & ~0x4000 & ~0x10000;
	context->mask[0] = 1 << (USR2 - 1);
	context->mask[1] = 0;
}

static void deeper(int number)
{
	plain(number);
	if (calls < 5)
		kill(pid_of_self, number);
}

static void registers(void)
{
	u32 out[5];
	u32 mask[2] = { 0, 0 };

	pid_of_self = getpid();
	set(USR1, look, SIGINFO, 1 << (TERM - 1));
	calls = 0;
	raise_with_registers(out);
	T(calls);
	T(number_seen);
	T(info_seen[0]);
	T(info_seen[1]);
	T(info_seen[2]);
	T(info_seen[3] == (u32)pid_of_self);
	T(seen.link);
	T(seen.stack.flags);
	T(seen.eax);
	T(seen.ecx);
	T(seen.esi == 0x33333333);
	T(seen.edi == 0x44444444);
	T(seen.ebp == 0x55555555);
	T(seen.esp == seen.esp_at_signal);
	T(seen.eflags & 0x4400);
	T(eflags_in_handler & 0x4500);
	T(seen.mask[0]);
	T(seen.old_mask);
	T(out[0]);
	T(out[1] == 0x33333333 && out[2] == 0x44444444 && out[3] == 0x55555555);
	T(out[4] & 0x400);
	set(USR1, change, SIGINFO, 0);
	raise_with_registers(out);
	T(out[0]);
	T(out[1]);
	T(out[2]);
	T(out[3]);
	T(out[4] & 0x40cd5); /* what a program may set, RF and VIF never */
	T(out[4] & 0x7000);
	procmask(2, mask, mask, 8);
	T(mask[0]);
	calls = 0;
	set(USR1, plain, 0, 0);
	raise_with_registers(out);
	T(calls);
	T(out[0]);
	T(out[1] == 0x33333333 && out[2] == 0x44444444 && out[3] == 0x55555555);
	calls = 0;
	set(USR1, deeper, 0, 0);
	T(kill(pid_of_self, USR1));
	T(calls);
	calls = 0;
	set(USR1, deeper, NODEFER, 0);
	T(kill(pid_of_self, USR1));
	T(calls);
	calls = 0;
	set(USR1, plain, RESETHAND, 0);
	T(kill(pid_of_self, USR1));
	T(calls);
	T(status_of(term_self));
}

/* A handler whose frame has the code that returns: no SA_RESTORER. */
static void code_on_stack(void)
{
	struct act new = { plain, 0, 0, { 0, 0 } };
	struct act rt = { look, SIGINFO, 0, { 0, 0 } };

	calls = 0;
	action(USR1, &new, 0, 8);
	kill(getpid(), USR1);
	action(USR1, &rt, 0, 8);
	kill(getpid(), USR1);
	exit(calls);
}

static void stacks(void)
{
	struct stack stack = { other_stack, 0, sizeof(other_stack) };
	struct stack old;
	u32 out[5];

	T(altstack(0, &old));
	T(old.flags);
	T(old.size);
	T(altstack(NOWHERE, 0));
	T(altstack(0, NOWHERE));
	stack.size = 2047;
	T(altstack(&stack, 0));
	stack.size = sizeof(other_stack);
	stack.flags = 4;
	T(altstack(&stack, 0));
	stack.flags = 0;
	T(altstack(&stack, 0));
	T(altstack(0, &old));
	T(old.start == other_stack);
	T(old.flags);
	T(old.size);
	set(USR1, look, SIGINFO, 0);
	raise_with_registers(out);
	T(on_other_stack);
	T(seen.stack.flags);
	set(USR1, look, SIGINFO | ONSTACK, 0);
	raise_with_registers(out);
	T(on_other_stack);
	T(seen.stack.flags);
	T(seen.stack.size);
	stack.flags = 2;
	T(altstack(&stack, 0));
	raise_with_registers(out);
	T(on_other_stack);
	T(status_of(code_on_stack));
}

/* --- faults ------------------------------------------------------------------------ */

#define FAULT(instructions)                                                                   \
	do {                                                                                  \
		calls = 0;                                                                    \
		__asm__ volatile("movl $2f, %0\n1:\t" instructions "\n2:"                     \
				 : "=m"(go_on)                                                \
				 :                                                            \
				 : "eax", "ecx", "edx", "memory");                            \
		go_on = 0;                                                                    \
		tell_fault(__LINE__, instructions);                                           \
	} while (0)

static u8 *page;

static void tell_fault(int at, const char *text)
{
	put_number(at);
	put_text(": ");
	put_text(text);
	put_text(" : ");
	put_number(calls);
	put(' ');
	put_number(number_seen);
	put(' ');
	put_number(info_seen[2]);
	put(' ');
	put_number(seen.trap);
	put(' ');
	put_number(seen.error);
	put(' ');
	if (info_seen[3] == seen.eip)
		put_text("EIP");
	else if (info_seen[3] - (u32)page < PAGE)
		put_number(info_seen[3] - (u32)page);
	else
		put_number(info_seen[3]);
	end_line();
}

static void faults(void)
{
	static const int caught[] = { ILL, TRAP, BUS, FPE, SEGV };

	for (u32 i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		set(caught[i], look, SIGINFO, 0);
	page = (u8 *)mmap(PAGE, 1, 0x22, -1);
	FAULT("movl $1, 0x1000");
	FAULT("movl 0x1004, %%eax");
	FAULT("movl page, %%eax; movb $1, (%%eax)");
	FAULT("movl page, %%eax; movb (%%eax), %%cl; movb $1, 1(%%eax)");
	mprotect(page, PAGE, 0);
	FAULT("movl page, %%eax; movb (%%eax), %%cl");
	FAULT("movl $0xfffffff0, %%eax; movb (%%eax), %%cl");
	FAULT("xorl %%eax, %%eax; movl (%%eax), %%eax");
	FAULT("xorl %%ecx, %%ecx; xorl %%edx, %%edx; movl $1, %%eax; divl %%ecx");
	FAULT("ud2");
	FAULT("int3");
	FAULT("movb $127, %%al; addb $1, %%al; into");
	FAULT("hlt");
	FAULT("cli");
	FAULT("sti");
	FAULT("inb $0x60, %%al");
	FAULT("outb %%al, $0x80");
	FAULT("movl %%cr0, %%eax");
	FAULT("movl %%cr3, %%eax");
	FAULT("movl %%dr0, %%eax");
	FAULT("lmsw %%ax");
	FAULT("clts");
	FAULT("invd");
	FAULT("int $0x40");
	FAULT("int $0x0e");
	FAULT("movl $0x18, %%eax; movw %%ax, %%ds");
	FAULT("movl $0xfff8, %%eax; movw %%ax, %%es");
	FAULT("xorl %%eax, %%eax; movw %%ax, %%ss");
	FAULT("pushl $0; popl %%ds; movl %%ss, %%eax; pushl %%eax; popl %%ds; ud2");
	FAULT("pushfl; orl $0x100, (%%esp); popfl; nop");
	FAULT("pushl %%es; xorl %%eax, %%eax; movl %%eax, %%es; movl $20, %%eax; int $0x80; "
	      "movl %%es, %%eax; popl %%es; testl %%eax, %%eax; jnz 2f; ud2");
	FAULT("pushfl; orl $0x40000, (%%esp); popfl; movl $20, %%eax; int $0x80; pushfl; "
	      "popl %%eax; pushfl; andl $~0x40000, (%%esp); popfl; testl $0x40000, %%eax; jz 2f; ud2");
	FAULT("pushfl; orl $0x4000, (%%esp); popfl; movl $20, %%eax; int $0x80; pushfl; "
	      "popl %%eax; pushfl; andl $~0x4000, (%%esp); popfl; testl $0x4000, %%eax; jz 2f; ud2");
	FAULT("pushfl; orl $0x3000, (%%esp); popfl; pushfl; popl %%eax; testl $0x3000, %%eax; "
	      "jnz 2f; ud2");
	FAULT("pushfl; andl $~0x200, (%%esp); popfl; pushfl; popl %%eax; testl $0x200, %%eax; "
	      "jz 2f; ud2");
}

/* --- interrupted calls ---------------------------------------------------------------- */

/* A child that sends USR1 after a while, and writes a byte later still if `late`. */
static int helper(int fd)
{
	u32 time[2] = { 0, 50000000 };
	int pid = fork();

	if (!pid) {
		nanosleep(time, 0);
		kill(getppid(), USR1);
		nanosleep(time, 0);
		if (fd >= 0)
			write(fd, "z", 1);
		exit(0);
	}
	return pid;
}

static void interrupted(void)
{
	u32 time[2] = { 5, 0 };
	u32 left[2] = { 77, 0 };
	u32 mask[2] = { 1 << (USR1 - 1), 0 };
	u32 none[2] = { 0, 0 };
	int fds[2];
	int pid;
	char c = 0;

	pipe(fds);
	set(USR1, look, SIGINFO, 0);
	pid = helper(fds[1]);
	T(read(fds[0], &c, 1));
	wait(pid, 0, 0, 0);
	T(read(fds[0], &c, 1));
	set(USR1, look, SIGINFO | RESTART, 0);
	c = 0;
	calls = 0;
	pid = helper(fds[1]);
	T(read(fds[0], &c, 1));
	T(calls);
	T(c);
	wait(pid, 0, 0, 0);
	pid = helper(-1);
	T(nanosleep(time, left));
	T(left[0]);
	wait(pid, 0, 0, 0);
	pid = helper(-1);
	T(pause());
	wait(pid, 0, 0, 0);
	pid = helper(-1);
	T(poll(0, 0, 5000));
	wait(pid, 0, 0, 0);
	procmask(2, mask, 0, 8);
	kill(getpid(), USR1);
	calls = 0;
	T(sigsuspend(none));
	T(calls);
	T(seen.mask[0]);
	procmask(0, 0, left, 8);
	T(left[0]);
	procmask(2, none, 0, 8);
	set(USR1, (void *)1, 0, 0);
	pid = helper(fds[1]);
	T(read(fds[0], &c, 1)); /* an ignored one does not interrupt */
	wait(pid, 0, 0, 0);
	set(USR1, look, SIGINFO, 0);
	pid = helper(fds[1]);
	T(wait(pid, 0, 0, 0)); /* without SA_RESTART */
	T(wait(pid, 0, 0, 0) == pid);
	set(USR1, (void *)0, 0, 0);
	close(fds[0]);
	close(fds[1]);
}

/* --- fork and its relatives ------------------------------------------------------------- */

static volatile int shared_word;
static u32 tid_words[2];
static u8 child_stack[4096] __attribute__((aligned(16)));

static void relatives(void)
{
	int status = 0;
	int pid = vfork();

	if (!pid) {
		shared_word = 5;
		exit(2);
	}
	T(shared_word); /* the child has ended by now, in this very memory */
	T(wait(pid, &status, 0, 0) == pid);
	T(status);
	pid = fork();
	if (!pid) {
		shared_word = 6;
		exit(0);
	}
	T(wait(pid, &status, 0, 0) == pid);
	T(shared_word);
	pid = clone(0x01300011, 0, &tid_words[0], 0, &tid_words[1]);
	if (!pid)
		exit(tid_words[1] == (u32)getpid());
	T(tid_words[0] == (u32)pid);
	T(tid_words[1]);
	T(wait(pid, &status, 0, 0) == pid);
	T(status);
	pid = clone(0x00100011, 0, NOWHERE, 0, 0); /* the address is bad: nobody is told */
	if (!pid)
		exit(0);
	T(pid > 0);
	T(wait(-1, &status, 0, 0) == pid);
	T(clone(0x00000811, 0, 0, 0, 0)); /* CLONE_SIGHAND without CLONE_VM */
	T(clone(0x00010111, 0, 0, 0, 0)); /* CLONE_THREAD without CLONE_SIGHAND */
	T(child_stack[0]);
	T(futex(&tid_words[1], 0, 1));
	T(futex(&tid_words[1], 1, 1));
	T(futex((u8 *)tid_words + 1, 0, 1));
	T(futex(NOWHERE, 0, 1));
}

/* --- execve ------------------------------------------------------------------------------ */

static const char *folder;

static char *path_of(const char *name)
{
	static char path[256];
	int n = 0;

	for (const char *c = folder; *c; c++)
		path[n++] = *c;
	path[n++] = '/';
	while (*name)
		path[n++] = *name++;
	path[n] = 0;
	return path;
}

static void make(const char *name, const char *text, int mode)
{
	int fd = open(path_of(name), CREAT | WRONLY | TRUNC, mode);
	int n = 0;

	while (text[n])
		n++;
	write(fd, text, n);
	close(fd);
}

static int status_of_exec(const char *path, char **argv, char **envp)
{
	int status = -1;
	int pid = fork();

	if (!pid)
		exit(-execve(path, argv, envp));
	wait(pid, &status, 0, 0);
	return status;
}

static char many[200000];

static void executing(void)
{
	static char *none[1];
	static char *again[] = { "again", "one", "", "three words here", 0 };
	static char *env[] = { "A=1", "B=", 0 };
	static char *huge[] = { "x", many, 0 };
	static char *wild[] = { "x", NOWHERE, 0 };
	int fd = open(path_of("kept"), CREAT | RDWR, 0644);
	int closed = open(path_of("kept"), RDONLY | CLOEXEC, 0);

	dup2(fd, 50);
	dup3(closed, 51, CLOEXEC);
	make("garbage", "\001\002\003 nothing", 0755);
	make("empty", "", 0755);
	make("short", "\177ELF", 0755);
	make("plain", "#!/proc/self/exe\n", 0644);
	make("lost", "#!/does/not/exist\n", 0755);
	make("nobody", "#!\n", 0755);
	make("blank", "#!   \t \n", 0755);
	T(execve("/does/not/exist", none, none));
	T(execve("", none, none));
	T(execve(NOWHERE, none, none));
	T(execve(KERNEL, none, none));
	T(execve("/proc/self/exe", NOWHERE, none));
	T(execve("/proc/self/exe", wild, none));
	T(execve("/proc/self/exe", none, NOWHERE));
	T(execve("/proc", none, none));
	T(execve("/proc/self/exe/x", none, none));
	T(execve(path_of("garbage"), again, env));
	T(execve(path_of("empty"), again, env));
	T(execve(path_of("short"), again, env));
	T(execve(path_of("plain"), again, env));
	T(execve(path_of("lost"), again, env));
	T(execve(path_of("nobody"), again, env));
	T(execve(path_of("blank"), again, env));
	for (u32 i = 0; i < sizeof(many) - 1; i++)
		many[i] = 'x';
	T(execve("/proc/self/exe", huge, none));
	set(USR1, look, SIGINFO, 0);
	set(USR2, (void *)1, 0, 0);
	T(status_of_exec("/proc/self/exe", again, env));
	make("script", "#! /proc/self/exe  an option \nrest\n", 0755);
	again[0] = "ignored";
	T(status_of_exec(path_of("script"), again, env) > 255);
	close(50);
	close(51);
	close(fd);
	close(closed);
	set(USR1, (void *)0, 0, 0);
	set(USR2, (void *)0, 0, 0);
}

/* The last part of a path. */
static const char *name_of(const char *path)
{
	const char *name = path;

	for (; *path; path++) {
		if (*path == '/')
			name = path + 1;
	}
	return name;
}

/* What was executed again: what it has got. */
static void again(u32 *stack)
{
	u32 count = stack[0];
	char **argv = (char **)stack + 1;
	char **envp = argv + count + 1;
	u32 *auxiliary;
	struct act act;

	T(count);
	for (u32 i = 0; i < count; i++)
		tell(i, name_of(argv[i]), (u32)argv[i] > (u32)stack);
	for (; *envp; envp++)
		tell(0, *envp, 1);
	T((u32)stack % 16);
	for (auxiliary = (u32 *)envp + 1; auxiliary[0]; auxiliary += 2) {
		u32 type = auxiliary[0];

		if (type == 4 || type == 6 || type == 7 || type == 8 || type == 11 || type == 12 ||
		    type == 13 || type == 14 || type == 17 || type == 23)
			tell(type, "auxiliary", auxiliary[1]);
		if (type == 3)
			tell(type, "headers", *(u32 *)auxiliary[1] < 10);
		if (type == 5)
			tell(type, "headers", auxiliary[1] > 1);
		if (type == 25)
			tell(type, "random", *(u32 *)auxiliary[1] != ((u32 *)auxiliary[1])[1]);
		if (type == 31)
			tell(type, name_of((char *)auxiliary[1]), 0);
	}
	T(fcntl(50, 1, 0));
	T(fcntl(51, 1, 0));
	action(USR1, 0, &act, 8);
	T(act.handler);
	T(act.flags);
	action(USR2, 0, &act, 8);
	T(act.handler);
	exit(4);
}

/* --- the rest ------------------------------------------------------------------------------ */

struct user_desc {
	u32 entry;
	void *base;
	u32 limit, flags;
};

static int first_word_by_gs(u32 entry)
{
	int value;

	__asm__ volatile("movw %w1, %%gs; movl %%gs:0, %0" : "=r"(value) : "r"(entry * 8 + 3));
	return value;
}

static void segments(void)
{
	static int storage[16] = { 4711 };
	struct user_desc desc = { -1, storage, 0xfffff, 0x51 };
	struct user_desc copy;
	int status = 0;
	int pid;

	T(set_thread_area(NOWHERE));
	T(set_thread_area(&desc));
	T(first_word_by_gs(desc.entry));
	copy = (struct user_desc){ desc.entry, 0, 0, 0 };
	T(get_thread_area(&copy));
	T(copy.base == storage);
	T(copy.limit);
	T(copy.flags & 0x7f);
	pid = fork();
	if (!pid) {
		int value;

		__asm__ volatile("movl %%gs:0, %0" : "=r"(value));
		exit(value == 4711);
	}
	wait(pid, &status, 0, 0);
	T(status);
	copy.entry = 1;
	T(set_thread_area(&copy));
	T(get_thread_area(&copy));
	copy.entry = 0xffff;
	T(set_thread_area(&copy));
	copy = desc;
	copy.flags = 0x55; /* code */
	T(set_thread_area(&copy));
	copy.flags = 0x50; /* of 16 bits */
	T(set_thread_area(&copy));
	copy.entry = -1;
	copy.flags = 0x51;
	T(set_thread_area(&copy));
	copy.entry = -1;
	T(set_thread_area(&copy));
	copy.entry = -1;
	T(set_thread_area(&copy));
	T(first_word_by_gs(desc.entry));
	__asm__ volatile("movw %w0, %%gs" : : "r"(0));
}

static void little_things(void)
{
	char name[20];
	u32 words[32];

	T(prctl(15, "a name that is much too long"));
	T(prctl(16, name));
	T(name[14] == 'u' && name[15] == 0);
	T(prctl(15, "short"));
	T(prctl(16, name));
	T(name[0] == 's' && name[5] == 0);
	T(prctl(15, NOWHERE));
	T(prctl(16, NOWHERE));
	T(prctl(0x12345, 0));
	T(C(355, words, 128, 0, 0, 0));
	T(C(355, words, 0, 0, 0, 0));
	T(C(355, words, 4, 8, 0, 0));
	T(C(355, NOWHERE, 4, 0, 0, 0));
	T(C(265, 99, words, 0, 0, 0));
	T(C(265, 1, NOWHERE, 0, 0, 0));
	T(C(403, 1, words, 0, 0, 0));
	T(C(403, 99, words, 0, 0, 0));
	words[0] = 0;
	words[1] = 1000000000;
	T(nanosleep(words, 0));
	words[1] = -1;
	T(nanosleep(words, 0));
	words[0] = -1;
	words[1] = 0;
	T(nanosleep(words, 0));
	T(nanosleep(NOWHERE, 0));
	words[0] = 0;
	words[1] = 1;
	T(nanosleep(words, 0));
	T(C(116, NOWHERE, 0, 0, 0, 0));
	T(C(122, NOWHERE, 0, 0, 0, 0));
	T(C(191, 99, words, 0, 0, 0));
	T(C(191, 3, NOWHERE, 0, 0, 0));
	T(C(191, 3, words, 0, 0, 0));
	T(C(340, 0, 99, 0, words, 0));
	T(C(340, 0x7ffffff0, 3, 0, words, 0));
	T(C(157, 0, 0, 0, 0, 0));
	T(C(157, 0x7ffffff0, 0, 0, 0, 0));
	words[0] = 1;
	T(C(156, 0, 0, words, 0, 0));
	T(C(156, 0, 99, words, 0, 0));
	T(C(156, 0x7ffffff0, 0, words, 0, 0));
	T(C(156, 0, 0, NOWHERE, 0, 0));
	T(C(158, 0, 0, 0, 0, 0));
	T(C(88, 0, 0, 0, 0, 0) < 0);
	T(C(311, words, 11, 0, 0, 0));
	T(C(311, words, 12, 0, 0, 0));
	T(C(205, -1, words, 0, 0, 0));
	T(C(43, NOWHERE, 0, 0, 0, 0));
	T(C(13, NOWHERE, 0, 0, 0, 0));
	T(C(78, NOWHERE, 0, 0, 0, 0));
	T(C(78, words, 0, 0, 0, 0));
	T(C(77, 5, words, 0, 0, 0));
	T(C(77, 0, NOWHERE, 0, 0, 0));
	T(C(77, -1, words, 0, 0, 0));
	T(C(4000, 0, 0, 0, 0, 0));
	T(C(0x7fffffff, 0, 0, 0, 0, 0));
	T(C(-1, 0, 0, 0, 0, 0));
	T(C(17, 0, 0, 0, 0, 0)); /* break: never was */
}

void run(u32 *stack)
{
	if (stack[0] != 2) {
		again(stack);
		exit(0);
	}
	folder = (char *)stack[2];
	ends();
	waiting();
	groups();
	dispositions();
	registers();
	stacks();
	faults();
	interrupted();
	relatives();
	executing();
	segments();
	little_things();
	exit(0);
}
