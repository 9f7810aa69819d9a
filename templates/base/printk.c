/*
 * The log: all of it goes to the consoles that take lines for programs (the serial
 * line), text for people to the others (the screen), too.
 *
 * A machine line is formatted whole, then written on a line of its own, so that
 * text which someone left without a newline can't run into it.
 */
#include <kernel/console.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/types.h>

#define PREFIX "# kgen:"

static struct console *consoles;
static bool mid_line; /* the last byte for programs was not a newline */

void console_register(struct console *console)
{
	console->next = consoles;
	consoles = console;
}

static void write_to(const struct console *console, const char *text)
{
	for (; *text; text++)
		console->putc(*text);
}

static void write_log(const char *text, bool for_people)
{
	for (const struct console *console = consoles; console; console = console->next) {
		if (for_people || console->for_programs)
			write_to(console, text);
	}
	if (*text)
		mid_line = text[strlen(text) - 1] != '\n';
}

void printk(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	write_log(text, true);
}

/* Protocol lines are printable ASCII. */
static void write_line(char *line)
{
	for (char *at = line; *at; at++) {
		if (*at < ' ' || *at > '~')
			*at = '?';
	}
	if (mid_line)
		write_log("\n", false);
	write_log(line, false);
	write_log("\n", false);
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
