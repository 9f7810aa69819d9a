/*
 * The log: all of it on the serial line and, if the description says so, what is
 * for people on the screen, too.
 *
 * Text is written as it is formatted, a byte at a time, so it may be of any length. Lines
 * for programs, and those that must be read as they are, begin on a line of their own:
 * text which someone left without a newline can't run into them.
 */
#include <arch/serial.h>
//% if console.vga
#include <arch/vga.h>
//% endif
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/types.h>

#define PREFIX "# kgen:"

/* The last byte was not a newline. */
static bool mid_serial_line;
//% if console.vga
static bool mid_screen_line;
//% endif

static void put_serial(char c)
{
	if (c == '\n')
		serial_putc('\r');
	serial_putc(c);
	mid_serial_line = c != '\n';
}

static void put_everywhere(char c)
{
	put_serial(c);
	//% if console.vga
	vga_putc(c);
	mid_screen_line = c != '\n';
	//% endif
}

static void put_text(void *to, char c)
{
	(void)to;
	put_everywhere(c);
}

static void put_in_line(void *to, char c)
{
	(void)to;
	put_everywhere((unsigned char)c < ' ' || c == '\x7f' ? '?' : c);
}

void printk(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vformat(put_text, NULL, format, args);
	va_end(args);
}

void log_line(const char *format, ...)
{
	va_list args;

	if (mid_serial_line)
		put_serial('\n');
	//% if console.vga
	if (mid_screen_line)
		vga_putc('\n');
	//% endif
	va_start(args, format);
	vformat(put_in_line, NULL, format, args);
	va_end(args);
	put_everywhere('\n');
}

/* `to` points to how many bytes there is still room for. */
static void put_protocol(void *to, char c)
{
	size_t *room = to;

	if (*room) {
		--*room;
		put_serial(c < ' ' || c > '~' ? '?' : c);
	}
}

void kgen_line(const char *format, ...)
{
	size_t room = LOG_LINE_MAX;
	va_list args;

	if (mid_serial_line)
		put_serial('\n');
	for (const char *at = PREFIX; *at; at++)
		put_protocol(&room, *at);
	va_start(args, format);
	vformat(put_protocol, &room, format, args);
	va_end(args);
	put_serial('\n');
}

static bool is_in_key(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_';
}

void kgen_stat(unsigned long long value, const char *key, ...)
{
	char name[KEY_MAX + 1];
	va_list args;

	va_start(args, key);
	vsnprintf(name, sizeof(name), key, args);
	va_end(args);
	for (char *at = name; *at; at++) {
		if (!is_in_key(*at))
			*at = '_';
	}
	kgen_line("stat k=%s v=%llu", name[0] ? name : "_", value);
}
