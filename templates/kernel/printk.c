/*
 * The log: all of it on the serial line and, if the description says so, what is
 * for people on the screen, too.
 *
 * A machine line is formatted whole, then written on a line of its own, so that
 * text which someone left without a newline can't run into it.
 */
#include <arch/serial.h>
//% if console.vga
#include <arch/vga.h>
//% endif
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/types.h>

#define PREFIX "# kgen:"

static bool mid_line; /* the last byte on the serial line was not a newline */

static void write_serial(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			serial_putc('\r');
		serial_putc(*text);
		mid_line = *text != '\n';
	}
}

//% if console.vga
static void write_screen(const char *text)
{
	for (; *text; text++)
		vga_putc(*text);
}

//% endif
void printk(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	write_serial(text);
	//% if console.vga
	write_screen(text);
	//% endif
}

/* Protocol lines are printable ASCII. */
static void write_line(char *line)
{
	for (char *at = line; *at; at++) {
		if (*at < ' ' || *at > '~')
			*at = '?';
	}
	if (mid_line)
		write_serial("\n");
	write_serial(line);
	write_serial("\n");
}

void kgen_line(const char *format, ...)
{
	char line[LOG_LINE_MAX + 1] = PREFIX;
	va_list args;

	va_start(args, format);
	vsnprintf(line + strlen(PREFIX), sizeof(line) - strlen(PREFIX), format, args);
	va_end(args);
	write_line(line);
}

void kgen_stat(unsigned long long value, const char *key, ...)
{
	char name[96];
	va_list args;

	va_start(args, key);
	vsnprintf(name, sizeof(name), key, args);
	va_end(args);
	kgen_line("stat k=%s v=%llu", name, value);
}
