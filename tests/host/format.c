/*
 * vsnprintf() at the end of a pipe. Each line: SIZE COUNT ARGUMENT… FORMAT, of which the
 * format may hold blanks, and no argument does. An argument is a letter for how it is
 * passed, and its value: w(ord), q(uad), d(ouble), D (long double), s(tring) or n(ull).
 * A double's value is of no matter, as nothing reads it. Answers: the length returned, and
 * what is in the buffer up to its NUL between two bars. The bytes past SIZE must not
 * change, and neither must the data that arguments point to.
 */
#include "bare.h"

#define GUARD 0x5a
#define ROOM 512

static char buffer[ROOM];

/*
 * Arguments as the i386 ABI lays them out: in words, one after the other, with va_list a
 * pointer to the next.
 */
static uint32_t arguments[32];

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

/* Lay out an argument at `next`. Returns where the next one begins. */
static uint32_t *lay_out(uint32_t *next, const char *text)
{
	uint64_t value = *text == 's' ? 0 : number(text + 1);

	if (*text == 's') {
		*next++ = (uint32_t)(text + 1);
	} else {
		*next++ = (uint32_t)value;
		if (*text == 'q' || *text == 'd' || *text == 'D')
			*next++ = value >> 32;
		if (*text == 'D')
			*next++ = 0;
	}
	return next;
}

/* Formats come from the test, so the compiler can't check them. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void answer(char *line)
{
	size_t size = number(word(&line));
	size_t count = number(word(&line));
	uint32_t *next = arguments;
	int length;

	while (count--)
		next = lay_out(next, word(&line));
	*next = 0xdeadbeef; /* whatever reads too many faults, where it is a pointer */
	memset(buffer, GUARD, ROOM);
	length = vsnprintf(buffer, size, line, (va_list)arguments);
	for (size_t i = size; i < ROOM; i++) {
		if (buffer[i] != GUARD)
			wrong("%s wrote at %zu", line, i);
	}
	if (size && strlen(buffer) >= size)
		wrong("%s: no NUL in %zu bytes", line, size);
	/* Not by the means that are under test. */
	say("%d |", length);
	for (const char *at = buffer; size && *at; at++)
		say("%c", *at);
	say("|\n");
}

int run(void)
{
	char *line;

	while ((line = next_line()))
		answer(line);
	return 0;
}
