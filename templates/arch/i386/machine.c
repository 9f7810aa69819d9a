/*
 * A PC, as the log and a panic see it: the devices that the log is written to, the port
 * that ends QEMU, and the chain of frames on the stack.
 *
 * Every function that keeps a frame begins with
 *
 *     pushl %ebp            saved frame pointer of the caller   <- %ebp
 *     movl %esp, %ebp       return address, right above
 *
 * so %ebp is the head of a list of frames that ends with the 0 of boot.S.
 */
#include <arch/io.h>
#include <arch/machine.h>
#include <arch/sections.h>
#include <arch/serial.h>
//% if console.vga
#include <arch/vga.h>
//% endif
#include <generated/config.h>
#include <kernel/console.h>
#include <kernel/panic.h>

static struct console serial = { .putc = serial_putc, .for_programs = true };
//% if console.vga
static struct console screen = { .putc = vga_putc };
//% endif

static void __attribute__((noreturn)) exit_machine(uint8_t code)
{
	serial_drain();
	outb(EXIT_PORT, code);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

static bool is_frame(uintptr_t frame)
{
	return frame >= (uintptr_t)boot_stack && frame <= (uintptr_t)boot_stack_top - 8 &&
	       IS_ALIGNED(frame, sizeof(uintptr_t));
}

static unsigned read_callers(uintptr_t frame, uint32_t *callers, unsigned most)
{
	unsigned count = 0;

	while (count < most && is_frame(frame)) {
		const uintptr_t *at = (const uintptr_t *)frame;

		callers[count++] = at[1];
		if (at[0] <= frame) /* callers' frames lie above */
			break;
		frame = at[0];
	}
	return count;
}

static const struct machine pc = { .exit = exit_machine, .callers = read_callers };

void machine_init(void)
{
	serial_init();
	console_register(&serial);
	//% if console.vga
	vga_init();
	console_register(&screen);
	//% endif
	panic_init(&pc);
}
