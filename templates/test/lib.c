/* Tests of the library: formatting, memory functions, 64-bit division. */
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/string.h>

static bool formats_as(const char *expected, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool formats_as(const char *expected, const char *format, ...)
{
	char text[64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return !strcmp(text, expected);
}

KTEST(lib, formats_numbers)
{
	KTEST_EXPECT(test, formats_as("-2147483648 0 7", "%d %d %i", -2147483647 - 1, 0, 7));
	KTEST_EXPECT(test, formats_as("4294967295 ffffffff", "%u %x", 0xffffffffu, 0xffffffffu));
	KTEST_EXPECT(test, formats_as("18446744073709551615", "%llu", ~0ull));
	KTEST_EXPECT(test, formats_as("0x00000010", "%p", (void *)16));
}

KTEST(lib, formats_fields)
{
	KTEST_EXPECT(test, formats_as("[  42|42  |0042]", "[%4d|%-4d|%04d]", 42, 42, 42));
	KTEST_EXPECT(test, formats_as("[-042|abc  |  x]", "[%04d|%-5s|%3c]", -42, "abc", 'x'));
	KTEST_EXPECT(test, formats_as("100%", "%d%%", 100));
	KTEST_EXPECT(test, formats_as("[+5| 5|0x1F|017]", "[%+d|% d|0x%X|%#o]", 5, 5, 31, 15));
	KTEST_EXPECT(test, formats_as("[007|abc|  3|-1]", "[%.3d|%.3s|%*d|%hhd]", 7, "abcdef", 3, 3,
				      0xff));
}

/* The text after a directive that is not supported gets its own argument. */
KTEST(lib, shows_what_it_does_not_format)
{
	int untouched = 7;

	KTEST_EXPECT(test, formats_as("%f %Lg here", "%f %Lg %s", 1.5, 2.5L, "here"));
	KTEST_EXPECT(test, formats_as("ab%n here", "ab%n %s", &untouched, "here"));
	KTEST_EXPECT_EQ(test, untouched, 7);
}

KTEST(lib, cuts_what_does_not_fit)
{
	char text[4] = { 'x', 'x', 'x', 'x' };

	KTEST_EXPECT_EQ(test, snprintf(text, 3, "%d", 12345), 5);
	KTEST_EXPECT(test, !strcmp(text, "12"));
	KTEST_EXPECT_EQ(test, text[3], 'x');
}

KTEST(lib, moves_memory)
{
	char text[] = "0123456789";

	memmove(text + 2, text, 8);
	KTEST_EXPECT(test, !strcmp(text, "0101234567"));
	memmove(text, text + 2, 8);
	KTEST_EXPECT(test, !strcmp(text, "0123456767"));
	memset(text + 1, '-', 7);
	KTEST_EXPECT(test, !memcmp(text, "0-------67", 10));
}

KTEST(lib, divides_64_bits)
{
	volatile uint64_t n = 0x123456789abcdef0ull;
	volatile uint64_t d = 0x1000000007ull;

	KTEST_EXPECT_EQ(test, n / d, 0x1234567ull);
	KTEST_EXPECT_EQ(test, n % d, 0x892c5f91full);
	KTEST_EXPECT_EQ(test, n / d * d + n % d, n);
}
