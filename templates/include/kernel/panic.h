/* The ways to end: panic, refusal of a machine, end of the boot. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include <kernel/types.h>

/* Print why and where, end with the exit code for a panic, halt. */
void panic(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

/* This kernel can't run on this machine, which is not a bug: print the reason, end. */
void refuse_boot(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

/* The boot is over: print `# kgen:end`, exit accordingly. */
void kernel_end(bool passed) __attribute__((noreturn));

#define BUG_ON(condition)                                                       \
	do {                                                                    \
		if (unlikely(condition))                                        \
			panic("BUG at %s:%d: " #condition, __FILE__, __LINE__); \
	} while (0)

/* --- for the floors above ------------------------------------------------------ */

/* Functions that the architecture provides: ending the machine, and walking the stack. */
struct machine {
	/*
	 * Wait until the log is out, write the code to the debug-exit port (QEMU ends with
	 * 2 * code + 1) and halt for ever, so that real hardware ends, too.
	 */
	void (*exit)(uint8_t code) __attribute__((noreturn));

	/*
	 * Find return addresses on the stack, innermost first, starting at the frame of a saved
	 * frame pointer. Returns how many were found, at most `most`.
	 */
	unsigned (*callers)(uintptr_t frame, uint32_t *callers, unsigned most);
};

/* Call once, before anything else may panic. */
void panic_init(const struct machine *machine);

/* More lines for people that a panic prints. */
struct panic_note {
	void (*print)(void);
	struct panic_note *next;
};

void panic_add_note(struct panic_note *note);

/*
 * A panic in two steps, for a caller that has to compose its message. After panic_enter()
 * a fault, while the message is composed, ends the boot at once. panic_end() prints the
 * report and ends the boot.
 */
void panic_enter(void) __attribute__((cold));

struct panic_report {
	char *text; /* one line, at most 160 bytes; quotes in it are replaced */
	const char *details; /* lines for people: registers */
	const char *fields; /* for programs, beside `msg`: "vec=14 err=0x2 …" */
	const uint32_t *where; /* the instruction that faulted; NULL if none did */
	uintptr_t frame; /* the saved frame pointer at that moment */
};

void panic_end(const struct panic_report *report) __attribute__((noreturn, cold));

#endif /* KERNEL_PANIC_H */
