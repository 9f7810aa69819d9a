/* COM1, a 16550 or older, at 115200 baud, 8N1; polled. */
#ifndef ARCH_SERIAL_H
#define ARCH_SERIAL_H

#include <kernel/types.h>

/* Set the line up. Without a UART there, everything below does nothing. */
void serial_init(void);

/* Write one byte, a newline as CR and LF; waits for room, but not for ever. */
void serial_putc(char c);

/* Read one byte. Returns false if none has arrived. */
bool serial_getc(char *c);

/* Wait until the last bit has left. */
void serial_drain(void);

#endif /* ARCH_SERIAL_H */
