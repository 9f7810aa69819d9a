/*
 * vsnprintf() at the end of a pipe. Each line: SIZE KIND VALUE FORMAT, of which the
 * format may hold blanks. KIND is how the value is passed: w(ord), q(uad), s(tring),
 * n(ull), or - for none. Answers: the length returned, and what is in the buffer up
 * to its NUL between two bars. What lies behind SIZE bytes must stay as it was.
 */
#include "bare.h"

#define GUARD 0x5a
#define ROOM 512

static char buffer[ROOM];

__attribute__((format(printf, 2, 0))) static int formatted(size_t size, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(buffer, size, format, args);
	va_end(args);
	return length;
}

/* The next blank-separated word, which is cut off. */
static char *word(char **line)
{
	char *start = *line;

	while (**line && **line != ' ')
		++*line;
	if (**line)
		*(*line)++ = '\0';
	return start;
}

static uint64_t number(const char *text)
{
	bool negative = *text == '-';
	uint64_t value = 0;

	for (text += negative; *text; text++)
		value = value * 10 + (*text - '0');
	return negative ? -value : value;
}

/* Formats come from the test, so the compiler can't check them. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

int run(void)
{
	char *line;

	while ((line = next_line())) {
		size_t size = number(word(&line));
		char kind = *word(&line);
		char *value = word(&line);
		int length;

		memset(buffer, GUARD, ROOM);
		if (kind == 'w')
			length = formatted(size, line, (uint32_t)number(value));
		else if (kind == 'q')
			length = formatted(size, line, number(value));
		else if (kind == 's')
			length = formatted(size, line, value);
		else if (kind == 'n')
			length = formatted(size, line, NULL);
		else
			length = formatted(size, line);
		for (size_t i = size; i < ROOM; i++) {
			if (buffer[i] != GUARD)
				wrong("%s wrote at %lu", line, (unsigned long)i);
		}
		if (size && strlen(buffer) >= size)
			wrong("%s: no NUL in %lu bytes", line, (unsigned long)size);
		say("%d |%s|\n", length, size ? buffer : "");
	}
	return 0;
}
