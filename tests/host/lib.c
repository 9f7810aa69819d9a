/*
 * The kernel's string functions and 64-bit division, against the plainest loops
 * there are. Says how much was tried.
 */
#include "bare.h"

#define ROOM 96
#define ROUNDS 20000

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *remainder);
uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);

static unsigned char actual[ROOM], expected[ROOM];

/* Few different bytes, so that much is equal by chance; 0 is the end of strings. */
static void fill_both(void)
{
	for (size_t i = 0; i < ROOM; i++)
		actual[i] = expected[i] = draw(16) ? (draw(2) ? 'a' : 0x80 + draw(2)) : 0;
}

static void compare_both(const char *what, size_t to, size_t from, size_t n)
{
	for (size_t i = 0; i < ROOM; i++) {
		if (actual[i] != expected[i])
			wrong("%s(%lu, %lu, %lu) at %lu: 0x%x, not 0x%x", what, (unsigned long)to,
			      (unsigned long)from, (unsigned long)n, (unsigned long)i, actual[i],
			      expected[i]);
	}
}

static void try_moves(void)
{
	size_t n = draw(ROOM / 2 + 1);
	size_t to = draw(ROOM - n + 1);
	size_t from = draw(ROOM - n + 1);
	unsigned char copy[ROOM];

	fill_both();
	for (size_t i = 0; i < ROOM; i++)
		copy[i] = expected[i];
	for (size_t i = 0; i < n; i++)
		expected[to + i] = copy[from + i];
	if (memmove(actual + to, actual + from, n) != actual + to)
		wrong("memmove returns something else");
	compare_both("memmove", to, from, n);

	/* The same, disjoint. */
	to = draw(ROOM / 2 - n + 1);
	from = ROOM / 2 + draw(ROOM / 2 - n + 1);
	for (size_t i = 0; i < n; i++)
		expected[to + i] = expected[from + i];
	if (memcpy(actual + to, actual + from, n) != actual + to)
		wrong("memcpy returns something else");
	compare_both("memcpy", to, from, n);

	from = draw(0x400); /* only the low byte counts */
	for (size_t i = 0; i < n; i++)
		expected[to + i] = (unsigned char)from;
	if (memset(actual + to, (int)from, n) != actual + to)
		wrong("memset returns something else");
	compare_both("memset", to, from, n);
}

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

/* Compare at most n bytes; those after a common 0 count unless `strings`. Returns -1, 0 or 1. */
static int order(const unsigned char *a, const unsigned char *b, size_t n, bool strings)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
		if (strings && !a[i])
			break;
	}
	return 0;
}

static void try_comparisons(void)
{
	size_t a = draw(ROOM / 2);
	size_t b = draw(8) ? a + draw(2) : draw(ROOM / 2);
	size_t n = draw(ROOM / 2);
	const char *x = (const char *)actual + a;
	const char *y = (const char *)actual + b;
	size_t length = 0;

	fill_both();
	actual[ROOM - 1] = 0;
	while (x[length])
		length++;
	if (strlen(x) != length)
		wrong("strlen gives %lu, not %lu", (unsigned long)strlen(x), (unsigned long)length);
	if (sign(memcmp(x, y, n)) != order(actual + a, actual + b, n, false))
		wrong("memcmp(%lu, %lu, %lu)", (unsigned long)a, (unsigned long)b,
		      (unsigned long)n);
	if (sign(strcmp(x, y)) != order(actual + a, actual + b, ROOM, true))
		wrong("strcmp(%lu, %lu)", (unsigned long)a, (unsigned long)b);
	if (sign(strncmp(x, y, n)) != order(actual + a, actual + b, n, true))
		wrong("strncmp(%lu, %lu, %lu)", (unsigned long)a, (unsigned long)b,
		      (unsigned long)n);
}

/* Of any length, often with long runs of equal bits. */
static uint64_t wide(void)
{
	uint64_t value = (uint64_t)draw(0xffffffff) << 32 | draw(0xffffffff);

	value >>= draw(64);
	return draw(3) ? value : ~value;
}

/* q and r are right if n = q * d + r without overflow, and r < d: no other pair is. */
static void try_division(void)
{
	uint64_t n = wide();
	uint64_t d = wide();
	uint64_t r, q, product;

	if (!d)
		return;
	q = __udivmoddi4(n, d, &r);
	if (__builtin_mul_overflow(q, d, &product) || product > n || n - product != r || r >= d)
		wrong("%llu / %llu = %llu, rest %llu", n, d, q, r);
	if (__udivdi3(n, d) != q || __umoddi3(n, d) != r || __udivmoddi4(n, d, NULL) != q)
		wrong("the divisions of %llu by %llu differ", n, d);
}

int run(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		try_moves();
		try_comparisons();
		try_division();
	}
	say("%u rounds\n", ROUNDS);
	return 0;
}
