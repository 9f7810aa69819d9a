/* Ends: what a kernel does when it can't go on, or has nothing left to do. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include <kernel/types.h>

/* Say why and where, end with the exit code for a panic, halt. */
void panic(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

/* Not a bug but a machine on which this kernel can't run: say which, end. */
void refuse_boot(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

/* The boot is over: print `# kgen:end`, exit accordingly. */
void kernel_end(bool passed) __attribute__((noreturn));

#define BUG_ON(condition)                                                       \
	do {                                                                    \
		if (unlikely(condition))                                        \
			panic("BUG at %s:%d: " #condition, __FILE__, __LINE__); \
	} while (0)

/* --- for the floors above ------------------------------------------------------ */

/* How this machine ends, and what its stack tells; the architecture provides it. */
struct machine {
	/*
	 * Wait until the log is out, write the code to the debug-exit port (QEMU ends with
	 * 2 * code + 1) and halt for ever, so that real hardware ends, too.
	 */
	void (*exit)(uint8_t code) __attribute__((noreturn));

	/*
	 * Return addresses on the stack, innermost first, from the frame that a saved frame
	 * pointer names. Returns how many of `most` were found.
	 */
	unsigned (*callers)(uintptr_t frame, uint32_t *callers, unsigned most);
};

/* Call once, before anything else may panic. */
void panic_init(const struct machine *machine);

/* More that a panic prints for people, each in a line of its own. */
struct panic_note {
	void (*print)(void);
	struct panic_note *next;
};

void panic_add_note(struct panic_note *note);

/*
 * A panic in two steps, for whoever has to find words first: enter, so that a fault in
 * finding them ends the boot at once; then end, with what was found.
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
