/*
 * The log. Consoles that take lines for programs (the serial line) get all of it, the
 * others (the screen) only text for people.
 *
 * Text is written as it is formatted, a byte at a time, so it may be of any length. Lines
 * for programs, and those that must be read as they are, begin on a line of their own:
 * text which someone left without a newline can't run into them.
 */
#include <kernel/console.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/types.h>

#define PREFIX "# kgen:"

static struct console *consoles;

void console_register(struct console *console)
{
	console->next = consoles;
	consoles = console;
}

static void put(struct console *console, char c)
{
	console->putc(c);
	console->mid_line = c != '\n';
}

static void put_everywhere(char c)
{
	for (struct console *console = consoles; console; console = console->next)
		put(console, c);
}

static void put_for_programs(char c)
{
	for (struct console *console = consoles; console; console = console->next) {
		if (console->for_programs)
			put(console, c);
	}
}

/* The last writer may have left a line without a newline. */
static void end_lines(bool for_people)
{
	for (struct console *console = consoles; console; console = console->next) {
		if (console->mid_line && (for_people || console->for_programs))
			put(console, '\n');
	}
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

	end_lines(true);
	va_start(args, format);
	vformat(put_in_line, NULL, format, args);
	va_end(args);
	put_everywhere('\n');
}

//% if features.user_space
void log_bytes(const char *bytes, size_t n)
{
	static size_t matched; /* bytes of PREFIX that were written last, NULs among them or not */

	for (; n; n--, bytes++) {
		if (*bytes && *bytes != PREFIX[matched])
			matched = 0; /* the prefix begins with what is nowhere else in it */
		if (*bytes && *bytes == PREFIX[matched] && !PREFIX[++matched]) {
			put_everywhere('\\');
			matched = 0;
		}
		put_everywhere(*bytes);
	}
}

//% endif
struct protocol_line {
	size_t room; /* bytes that may still come */
	bool quoted; /* within a msg="…" */
};

/* A line that is cut within quotes ends with a quote, or no parser could read it. */
static void put_protocol(void *to, char c)
{
	struct protocol_line *line = to;

	if (!line->room)
		return;
	line->quoted ^= c == '"';
	if (--line->room == 0 && line->quoted)
		c = '"';
	put_for_programs(c < ' ' || c > '~' ? '?' : c);
}

void kgen_line(const char *format, ...)
{
	struct protocol_line line = { LOG_LINE_MAX, false };
	va_list args;

	end_lines(false);
	for (const char *at = PREFIX; *at; at++)
		put_protocol(&line, *at);
	va_start(args, format);
	vformat(put_protocol, &line, format, args);
	va_end(args);
	put_for_programs('\n');
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
