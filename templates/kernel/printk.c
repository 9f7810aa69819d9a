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

struct protocol_line {
	size_t room; /* bytes that may still come */
	bool quoted; /* within a msg="…" */
};

/* What is cut within quotes ends with one, or nobody could read the rest. */
static void put_protocol(void *to, char c)
{
	struct protocol_line *line = to;

	if (!line->room)
		return;
	line->quoted ^= c == '"';
	if (--line->room == 0 && line->quoted)
		c = '"';
	put_serial(c < ' ' || c > '~' ? '?' : c);
}

void kgen_line(const char *format, ...)
{
	struct protocol_line line = { LOG_LINE_MAX, false };
	va_list args;

	if (mid_serial_line)
		put_serial('\n');
	for (const char *at = PREFIX; *at; at++)
		put_protocol(&line, *at);
	va_start(args, format);
	vformat(put_protocol, &line, format, args);
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
	int length;

	va_start(args, key);
	length = MIN(vsnprintf(name, sizeof(name), key, args), KEY_MAX);
	va_end(args);
	for (int i = 0; i < length; i++) {
		if (!is_in_key(name[i]))
			name[i] = '_';
	}
	kgen_line("stat k=%s v=%llu", name[0] ? name : "_", value);
}
