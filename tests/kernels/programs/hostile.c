/* Acts that ring 3 must not commit: each ends the process that tries it, and nothing else happens. */
#include "check.h"

#define TRY(name, text)                 \
	static void name(void *unused)  \
	{                               \
		(void)unused;           \
		__asm__ volatile(text); \
	}

/* Privileged instructions: general protection, SIGSEGV on Linux. */
TRY(do_hlt, "hlt")
TRY(do_cli, "cli")
TRY(do_sti, "sti")
TRY(do_in, "inb $0x60, %al")
TRY(do_out, "movb $0, %al\n\toutb %al, $0xf4")
TRY(do_out_dx, "movw $0x3f8, %dx\n\toutb %al, %dx")
TRY(do_lgdt, "lgdt 0x1000")
TRY(do_lidt, "lidt 0x1000")
TRY(do_ltr, "movw $0x18, %ax\n\tltr %ax")
TRY(do_read_cr0, "movl %cr0, %eax")
TRY(do_write_cr3, "xorl %eax, %eax\n\tmovl %eax, %cr3")
TRY(do_read_dr7, "movl %dr7, %eax")
TRY(do_clts, "clts")
TRY(do_lmsw, "movw $1, %ax\n\tlmsw %ax")

/* Ways into the kernel. */
TRY(far_jump_to_kernel_code, "ljmp $0x08, $0xc0100000")
TRY(far_call_to_kernel_code, "lcall $0x08, $0xc0100000")
TRY(jump_to_the_kernel, "movl $0xc0100000, %eax\n\tjmp *%eax")
TRY(call_the_last_page, "movl $0xfffff000, %eax\n\tcall *%eax")
TRY(iret_to_ring_0, "pushfl\n\tpushl $8\n\tpushl $0xc0100000\n\tiret")
TRY(iret_to_nowhere, "pushfl\n\tpushl $0x1233\n\tpushl $0x1000\n\tiret")
TRY(load_kernel_data_segment, "movw $0x10, %ax\n\tmovw %ax, %ss")
TRY(load_segment_beyond_the_table, "movw $0xfffb, %ax\n\tmovw %ax, %ds")
TRY(load_null_stack, "xorw %ax, %ax\n\tmovw %ax, %ss")
TRY(interrupt_of_the_timer, "int $0x20")
TRY(interrupt_of_a_page_fault, "int $14")
TRY(interrupt_of_a_double_fault, "int $8")
TRY(interrupt_255, "int $255")

/* Traps that programs may cause. (QEMU 7.2 checks no segment limits and has no INT1: not here.) */
TRY(into_overflow, "movb $127, %al\n\taddb $1, %al\n\tinto")
TRY(bound, "pushl $2\n\tpushl $1\n\tmovl $5, %eax\n\tboundl %eax, (%esp)")
TRY(single_step, "pushfl\n\torl $0x100, (%esp)\n\tpopfl\n\tnop\n\tnop")
TRY(wrapping_code, "movl $0xbfffffff, %eax\n\tjmp *%eax")

/* Flags and segments that a system call is entered with. */
static void call_with_flags(void *with)
{
	uint32_t flags = (uint32_t)with;
	uint32_t after;
	int pid;

	__asm__ volatile(
		"pushl %2\n\tpopfl\n\tint $0x80\n\tpushfl\n\tpopl %1\n\tpushl $0x202\n\tpopfl"
		: "=a"(pid), "=&r"(after)
		: "r"(flags), "0"(SYS_getpid)
		: "memory", "cc");
	if (pid != getpid())
		_exit(1);
	_exit((after & flags & 0x40400) == (flags & 0x40400) ? 0 : 2); /* AC and DF are kept */
}

static void call_with_segments(void *unused)
{
	int pid;

	(void)unused;
	__asm__ volatile(
		"movw %%ds, %%cx\n\txorw %%dx, %%dx\n\tmovw %%dx, %%ds\n\t"
		"movw %%dx, %%es\n\tmovw %%dx, %%fs\n\tmovw %%dx, %%gs\n\tint $0x80\n\t"
		"movw %%ds, %%dx\n\tmovw %%cx, %%ds\n\tmovw %%cx, %%es\n\tmovzwl %%dx, %%edx\n\t"
		"movl %%edx, kept"
		: "=a"(pid)
		: "0"(SYS_getpid)
		: "ecx", "edx", "memory");
	extern uint32_t kept;
	_exit(pid == getpid() && kept == 0 ? 0 : 1);
}

uint32_t kept;

/* A loop forever, with interrupts "off": the timer comes all the same. */
static void others_run(void)
{
	volatile uint32_t *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();

	if (!child)
		for (;;)
			(*shared)++;
	while (*shared < 1000)
		; /* without a system call: only the timer can let the child run */
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	check(true, "two processes that call nothing both run");
}

int main(void)
{
	static const struct {
		void (*run)(void *);
		int signal;
		const char *what;
	} tries[] = {
		{ do_hlt, SIGSEGV, "hlt" },
		{ do_cli, SIGSEGV, "cli" },
		{ do_sti, SIGSEGV, "sti" },
		{ do_in, SIGSEGV, "in" },
		{ do_out, SIGSEGV, "out to the exit port" },
		{ do_out_dx, SIGSEGV, "out to the serial port" },
		{ do_lgdt, SIGSEGV, "lgdt" },
		{ do_lidt, SIGSEGV, "lidt" },
		{ do_ltr, SIGSEGV, "ltr" },
		{ do_read_cr0, SIGSEGV, "mov from CR0" },
		{ do_write_cr3, SIGSEGV, "mov to CR3" },
		{ do_read_dr7, SIGSEGV, "mov from DR7" },
		{ do_clts, SIGSEGV, "clts" },
		{ do_lmsw, SIGSEGV, "lmsw" },
		{ far_jump_to_kernel_code, SIGSEGV, "far jump to selector 8" },
		{ far_call_to_kernel_code, SIGSEGV, "far call to selector 8" },
		{ jump_to_the_kernel, SIGSEGV, "jump to the kernel" },
		{ call_the_last_page, SIGSEGV, "call of the last page" },
		{ iret_to_ring_0, SIGSEGV, "iret to ring 0" },
		{ iret_to_nowhere, SIGSEGV, "iret to an invalid selector" },
		{ load_kernel_data_segment, SIGSEGV, "SS with selector 0x10" },
		{ load_segment_beyond_the_table, SIGSEGV, "DS with a selector past the table" },
		{ load_null_stack, SIGSEGV, "SS with selector 0" },
		{ interrupt_of_the_timer, SIGSEGV, "int 0x20" },
		{ interrupt_of_a_page_fault, SIGSEGV, "int 14" },
		{ interrupt_of_a_double_fault, SIGSEGV, "int 8" },
		{ interrupt_255, SIGSEGV, "int 255" },
		{ into_overflow, SIGSEGV, "into" },
		{ bound, SIGSEGV, "bound" },
		{ single_step, SIGTRAP, "the trap flag" },
		{ wrapping_code, SIGSEGV, "a jump to the last byte of user space" },
	};

	for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		check_killed(tries[i].run, NULL, tries[i].signal, tries[i].what);
	check_runs(call_with_flags, (void *)0x202, "a system call");
	check_runs(call_with_flags, (void *)0x602, "with DF set");
	check_runs(call_with_flags, (void *)0x40202, "with AC set");
	check_runs(call_with_flags, (void *)0x4202, "with NT set");
	check_runs(call_with_segments, NULL, "with null segments");
	others_run();
	return verdict();
}
