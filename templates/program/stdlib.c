/* Numbers in text, sorting, the environment, and other small things. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- numbers ------------------------------------------------------------------ */

static unsigned digit_of(char c)
{
	if (isdigit(c))
		return (unsigned)(c - '0');
	if (isalpha(c))
		return (unsigned)(tolower(c) - 'a' + 10);
	return UINT_MAX;
}

/* Digits of `base` as a number; false if it does not fit. */
static bool digits(const char **text, unsigned base, unsigned long *value)
{
	bool fits = true;

	*value = 0;
	for (; digit_of(**text) < base; (*text)++) {
		fits &= !__builtin_mul_overflow(*value, (unsigned long)base, value);
		fits &= !__builtin_add_overflow(*value, digit_of(**text), value);
	}
	return fits;
}

/* Blanks, sign and prefix; then digits. Negative in *minus. False: too large. */
static bool number(const char *text, char **end, int base, unsigned long *value, bool *minus)
{
	const char *at = text;
	const char *first;
	bool fits;

	while (isspace(*at))
		at++;
	*minus = *at == '-';
	if (*at == '-' || *at == '+')
		at++;
	if ((base == 0 || base == 16) && at[0] == '0' && tolower(at[1]) == 'x' &&
	    digit_of(at[2]) < 16) {
		at += 2;
		base = 16;
	}
	if (base == 0)
		base = *at == '0' ? 8 : 10;
	first = at;
	fits = digits(&at, (unsigned)base, value);
	if (end)
		*end = (char *)(at == first ? text : at);
	return fits;
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
	unsigned long value;
	bool minus;

	if (!number(text, end, base, &value, &minus)) {
		errno = ERANGE;
		return ULONG_MAX;
	}
	return minus ? -value : value;
}

long strtol(const char *restrict text, char **restrict end, int base)
{
	unsigned long value;
	bool minus;
	bool fits = number(text, end, base, &value, &minus);
	unsigned long most = minus ? (unsigned long)LONG_MAX + 1 : LONG_MAX;

	if (!fits || value > most) {
		errno = ERANGE;
		return minus ? LONG_MIN : LONG_MAX;
	}
	return (long)(minus ? -value : value);
}

int atoi(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

int abs(int value)
{
	return value < 0 ? -value : value;
}

/* --- sorting: a heap, which needs no memory and has no bad case ------------------ */

static void swap(char *one, char *other, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char byte = one[i];

		one[i] = other[i];
		other[i] = byte;
	}
}

static void sink(char *base, size_t at, size_t count, size_t size,
		 int (*compare)(const void *, const void *))
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= count)
			return;
		if (child + 1 < count &&
		    compare(base + child * size, base + (child + 1) * size) < 0)
			child++;
		if (compare(base + at * size, base + child * size) >= 0)
			return;
		swap(base + at * size, base + child * size, size);
		at = child;
	}
}

void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	for (size_t at = count / 2; at--;)
		sink(base, at, count, size, compare);
	for (size_t last = count; last-- > 1;) {
		swap(base, (char *)base + last * size, size);
		sink(base, 0, last, size, compare);
	}
}

void *bsearch(const void *key, const void *base, size_t count, size_t size,
	      int (*compare)(const void *, const void *))
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;
		const char *at = (const char *)base + middle * size;
		int order = compare(key, at);

		if (!order)
			return (void *)at;
		if (order < 0)
			count = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* --- chance, the environment, the end -------------------------------------------- */

static uint32_t random_state = 2463534242u; /* Marsaglia, Xorshift RNGs (2003) */

int rand(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return (int)(random_state & RAND_MAX);
}

void srand(unsigned seed)
{
	random_state = seed ? seed : 1;
}

char *getenv(const char *name)
{
	size_t length = strlen(name);

	for (char **at = environ; at && *at; at++)
		if (!strncmp(*at, name, length) && (*at)[length] == '=')
			return *at + length + 1;
	return NULL;
}

void abort(void)
{
	raise(SIGABRT);
	for (;;)
		_exit(127);
}

void assert_failed(const char *what, const char *file, int line)
{
	dprintf(2, "%s:%d: assert(%s) failed\n", file, line, what);
	abort();
}
