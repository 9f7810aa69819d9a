/* Consoles: the devices to which the log is written. Each registers itself. */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <kernel/types.h>

struct console {
	void (*putc)(char c);
	bool for_programs; /* gets the lines for programs as well */
	bool mid_line; /* the last byte was not a newline; the log's own */
	struct console *next;
};

/* From now on the log goes to this device as well. It stays the kernel's. */
void console_register(struct console *console);

#endif /* KERNEL_CONSOLE_H */
