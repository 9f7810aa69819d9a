/*
 * The serial line. Registers and bits: National Semiconductor PC16550D data sheet.
 */
#include <arch/io.h>
#include <arch/serial.h>

#define COM1 0x3f8

enum {
	DATA = 0, /* with DLAB: divisor, low byte */
	INTERRUPTS = 1, /* with DLAB: divisor, high byte */
	FIFO = 2,
	LINE_CONTROL = 3,
	MODEM_CONTROL = 4,
	LINE_STATUS = 5,
	SCRATCH = 7,
};

#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define FCR_ENABLE_CLEAR 0x07
#define MCR_DTR_RTS 0x03
#define LSR_DATA_READY 0x01
#define LSR_ROOM 0x20 /* transmitter holding register empty */
#define LSR_IDLE 0x40 /* transmitter empty: the last bit is out */

/* A byte takes 87 us at 115200 baud; port reads take about 1 us on old buses. */
#define SPINS 100000

static bool present;

void serial_init(void)
{
	/* An absent UART reads as all ones. An 8250 without scratch register stays unused. */
	outb(COM1 + SCRATCH, 0x5a);
	present = inb(COM1 + SCRATCH) == 0x5a;
	if (!present)
		return;
	outb(COM1 + INTERRUPTS, 0);
	outb(COM1 + LINE_CONTROL, LCR_DLAB);
	outb(COM1 + DATA, 1); /* 115200 / 1 baud */
	outb(COM1 + INTERRUPTS, 0);
	outb(COM1 + LINE_CONTROL, LCR_8N1);
	outb(COM1 + FIFO, FCR_ENABLE_CLEAR);
	outb(COM1 + MODEM_CONTROL, MCR_DTR_RTS);
}

static inline void wait(uint8_t status)
{
	for (int spin = 0; spin < SPINS; spin++) {
		if (inb(COM1 + LINE_STATUS) & status)
			return;
	}
}

static inline void send(char c)
{
	wait(LSR_ROOM);
	outb(COM1 + DATA, (uint8_t)c);
}

void serial_putc(char c)
{
	if (!present)
		return;
	if (c == '\n')
		send('\r');
	send(c);
}

bool serial_getc(char *c)
{
	if (!present || !(inb(COM1 + LINE_STATUS) & LSR_DATA_READY))
		return false;
	*c = (char)inb(COM1 + DATA);
	return true;
}

void serial_drain(void)
{
	if (present)
		wait(LSR_IDLE);
}
