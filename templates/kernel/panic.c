/*
 * The ways in which a boot ends.
 *
 * A panic prints, for people, what happened and the registers; for programs,
 * `# kgen:panic` and the return addresses on the stack, which `kgen boot` turns
 * into functions, files and lines. All of it uses nothing but the serial line.
 */
#include <arch/fault.h>
#include <arch/io.h>
#include <arch/sections.h>
#include <arch/serial.h>
#include <generated/config.h>
#include <kernel/ktest.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
//% if debug.fail
#include <kernel/sweep.h>
#include <mm/fail.h>
//% endif

#define BACKTRACE_MAX 16 /* of 11 bytes each: fits a protocol line */

void machine_exit(uint8_t code)
{
	serial_drain();
	outb(EXIT_PORT, code);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

/*
 * `# kgen:bt` with "0x…" for each caller, following the saved frame pointers. `where`
 * is the instruction that faulted, NULL if none did and the first caller says it all.
 */
static void print_backtrace(const uint32_t *where, uintptr_t frame)
{
	char line[LOG_LINE_MAX] = "";
	int length = 0;

	if (where)
		length = snprintf(line, sizeof(line), " 0x%x", *where);
	for (int depth = 0; depth < BACKTRACE_MAX - 1; depth++) {
		const uintptr_t *at = (const uintptr_t *)frame;

		if (frame < (uintptr_t)boot_stack || frame > (uintptr_t)boot_stack_top - 8 ||
		    !IS_ALIGNED(frame, sizeof(uintptr_t)))
			break;
		length += snprintf(line + length, sizeof(line) - length, " 0x%x", at[1]);
		if (at[0] <= frame) /* callers' frames lie above */
			break;
		frame = at[0];
	}
	kgen_line("bt%s", line);
}

static void end(const char *status, uint8_t code) __attribute__((noreturn));

static void end(const char *status, uint8_t code)
{
	kgen_line("end status=%s ok=%u fail=%u skip=%u", status, ktest_counts.ok, ktest_counts.fail,
		  ktest_counts.skip);
	machine_exit(code);
}

/* A panic while panicking says no more: whatever it prints might fail again. */
static void enter_panic(void)
{
	static bool panicking;

	if (panicking)
		machine_exit(EXIT_PANIC);
	panicking = true;
	//% if debug.fail
	printk("\n");
	sweep_print();
	fail_print();
	//% endif
}

/* The message is quoted in the protocol: no quote, and nothing that escapes one. */
static void unquote(char *text)
{
	for (; *text; text++) {
		if (*text == '"')
			*text = '\'';
		else if (*text == '\\')
			*text = '/';
	}
}

void panic(const char *format, ...)
{
	uintptr_t eip = (uintptr_t)__builtin_return_address(0);
	char text[160]; /* with what stands around it, a protocol line */
	va_list args;

	enter_panic();
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	unquote(text);
	printk("\nkernel panic: %s\n", text);
	kgen_line("panic eip=0x%x msg=\"%s\"", eip, text);
	print_backtrace(NULL, (uintptr_t)__builtin_frame_address(0));
	end("panic", EXIT_PANIC);
}

void panic_trap(const struct trap_frame *frame, uintptr_t esp)
{
	uint32_t cr2 = read_cr2();
	char text[120];

	enter_panic();
	describe_fault(frame, cr2, text, sizeof(text));
	printk("\nkernel panic: %s\n", text);
	printk("  eip=%08x eflags=%08x error=%x\n", frame->eip, frame->eflags, frame->error);
	printk("  eax=%08x ebx=%08x ecx=%08x edx=%08x\n", frame->eax, frame->ebx, frame->ecx,
	       frame->edx);
	printk("  esi=%08x edi=%08x ebp=%08x esp=%08x\n", frame->esi, frame->edi, frame->ebp, esp);
	printk("  cr0=%08x cr2=%08x cr3=%08x\n", read_cr0(), cr2, read_cr3());
	kgen_line("panic vec=%u err=0x%x eip=0x%x cr2=0x%x msg=\"%s\"", frame->vector, frame->error,
		  frame->eip, cr2, text);
	print_backtrace(&frame->eip, frame->ebp);
	end("panic", EXIT_PANIC);
}

void refuse_boot(const char *format, ...)
{
	char text[150]; /* with what stands around it, a protocol line */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	unquote(text);
	printk("\nboot refused: %s\n", text);
	kgen_line("panic eip=0x%x msg=\"boot refused: %s\"", (uintptr_t)__builtin_return_address(0),
		  text);
	end("refused", EXIT_REFUSED);
}

void kernel_end(bool passed)
{
	log_line("%s: %u tests passed, %u failed, %u skipped", passed ? "pass" : "fail",
		 ktest_counts.ok, ktest_counts.fail, ktest_counts.skip);
	end(passed ? "pass" : "fail", passed ? EXIT_PASS : EXIT_FAIL);
}
