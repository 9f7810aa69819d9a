/* Ends: what a kernel does when it can't go on, or has nothing left to do. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include <arch/trap.h>
#include <kernel/types.h>

/* Say why and where, end with the exit code for a panic, halt. */
void panic(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

/* The same for a CPU exception, with the registers and the stack pointer at the fault. */
void panic_trap(const struct trap_frame *frame, uintptr_t esp) __attribute__((noreturn, cold));

/* Not a bug but a machine on which this kernel can't run: say which, end. */
void refuse_boot(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

/* The boot is over: print `# kgen:end`, exit accordingly. */
void kernel_end(bool passed) __attribute__((noreturn));

#define BUG_ON(condition)                                                       \
	do {                                                                    \
		if (unlikely(condition))                                        \
			panic("BUG at %s:%d: " #condition, __FILE__, __LINE__); \
	} while (0)

/*
 * Wait for the transmitter to empty, write the code to the debug-exit port (QEMU
 * ends with 2 * code + 1) and halt for ever, so that real hardware ends, too.
 */
void machine_exit(uint8_t code) __attribute__((noreturn));

#endif /* KERNEL_PANIC_H */
