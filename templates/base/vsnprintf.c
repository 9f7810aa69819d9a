/*
 * Formatted text, as in C99 without floating point, %n and wide characters.
 *
 * Each directive is parsed into a `struct spec`, then written a byte at a time:
 *
 *     % [-+ #0'] [width | *] [.precision | .*] [hh h l ll j z t L q Z] conversion
 *
 * A directive that is not supported is written as it stands, so that it can be seen.
 * One whose argument has a known size (%f, %n, %ls) takes it, and those after it are
 * read from the right place. After any other directive the position of the next argument
 * is not known: the rest of the format is written as it stands, and no more arguments are
 * read.
 *
 * On an i386 int, long, size_t, ptrdiff_t and pointers take one word of arguments,
 * long long and intmax_t two.
 */
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/types.h>

struct out {
	void (*put)(void *to, char c);
	void *to;
	size_t length;
};

enum length { LENGTH_CHAR, LENGTH_SHORT, LENGTH_WORD, LENGTH_QUAD };

struct spec {
	bool left; /* '-' */
	bool zero; /* '0' */
	bool plus; /* '+' */
	bool blank; /* ' ' */
	bool alternate; /* '#' */
	bool wide; /* l or ll, which make %c and %s wide */
	enum length length;
	int width;
	int precision; /* -1 if there is none */
};

static void put(struct out *out, char c)
{
	out->put(out->to, c);
	out->length++;
}

static void put_bytes(struct out *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		put(out, text[i]);
}

static void put_times(struct out *out, char c, int times)
{
	while (times-- > 0)
		put(out, c);
}

/* --- parsing ---------------------------------------------------------------------- */

static const char *parse_flags(const char *at, struct spec *spec)
{
	for (;; at++) {
		if (*at == '-')
			spec->left = true;
		else if (*at == '0')
			spec->zero = true;
		else if (*at == '+')
			spec->plus = true;
		else if (*at == ' ')
			spec->blank = true;
		else if (*at == '#')
			spec->alternate = true;
		else if (*at != '\'' && *at != 'I') /* no locale groups or replaces digits */
			return at;
	}
}

/* A number, or `*` for the next argument. A number beyond INT_MAX counts as INT_MAX. */
static const char *parse_number(const char *at, int *number, va_list *args)
{
	if (*at == '*') {
		*number = va_arg(*args, int);
		return at + 1;
	}
	for (*number = 0; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, *at - '0', number))
			*number = INT32_MAX;
	}
	return at;
}

static const char *parse_length(const char *at, struct spec *spec)
{
	switch (*at) {
	case 'h':
		spec->length = at[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
		return at + (at[1] == 'h' ? 2 : 1);
	case 'l':
		spec->wide = true;
		spec->length = at[1] == 'l' ? LENGTH_QUAD : LENGTH_WORD;
		return at + (at[1] == 'l' ? 2 : 1);
	case 'j':
	case 'L': /* with an integer gcc takes it for ll, as it does q */
	case 'q':
		spec->length = LENGTH_QUAD;
		return at + 1;
	case 'z':
	case 'Z':
	case 't':
		return at + 1;
	}
	return at;
}

/* Parse what follows a '%'. `args` is passed by its address, as a `*` advances it. */
static const char *parse(const char *at, struct spec *spec, va_list *args)
{
	*spec = (struct spec){ .length = LENGTH_WORD, .precision = -1 };
	at = parse_flags(at, spec);
	at = parse_number(at, &spec->width, args);
	if (spec->width < 0) {
		spec->left = true;
		spec->width = spec->width == INT32_MIN ? INT32_MAX : -spec->width;
	}
	if (*at == '.')
		at = parse_number(at + 1, &spec->precision, args);
	return parse_length(at, spec);
}

/* --- numbers ---------------------------------------------------------------------- */

#define DIGITS_MAX 64 /* of 2^64 - 1 in base 2; %#o has one more than 22 */

/* Write the digits of `value` in front of `end`; 0 has no digits. */
static char *digits_of(uint64_t value, unsigned base, const char *figures, char *end)
{
	while (value) {
		/* 32-bit numbers, nearly all, need no 64-bit division. */
		uint32_t low = (uint32_t)value;
		unsigned digit = value >> 32 ? value % base : low % base;

		*--end = figures[digit];
		value = value >> 32 ? value / base : low / base;
	}
	return end;
}

/* `sign` is what stands before the digits: a sign, or 0x. */
static void put_digits(struct out *out, const struct spec *spec, const char *sign,
		       const char *digits, int count)
{
	int wanted = spec->precision < 0 ? 1 : spec->precision;
	int zeros = MAX(wanted - count, 0);
	int room = spec->width - (int)strlen(sign) - count; /* for zeros and blanks */

	if (spec->zero && !spec->left && spec->precision < 0)
		zeros = MAX(zeros, room);
	if (!spec->left)
		put_times(out, ' ', room - zeros);
	put_bytes(out, sign, strlen(sign));
	put_times(out, '0', zeros);
	put_bytes(out, digits, count);
	if (spec->left)
		put_times(out, ' ', room - zeros);
}

static void put_signed(struct out *out, const struct spec *spec, va_list *args)
{
	int64_t value =
		spec->length == LENGTH_QUAD ? va_arg(*args, long long) : va_arg(*args, long);
	const char *sign = spec->plus ? "+" : spec->blank ? " " : "";
	char digits[DIGITS_MAX];
	char *end = digits + sizeof(digits);
	char *at;

	if (spec->length == LENGTH_SHORT)
		value = (short)value;
	else if (spec->length == LENGTH_CHAR)
		value = (signed char)value;
	at = digits_of(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, "0123456789", end);
	put_digits(out, spec, value < 0 ? "-" : sign, at, end - at);
}

static void put_unsigned(struct out *out, const struct spec *spec, char conversion, va_list *args)
{
	uint64_t value = spec->length == LENGTH_QUAD ? va_arg(*args, unsigned long long) :
						       va_arg(*args, unsigned long);
	const char *figures = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	const char *sign = "";
	unsigned base = 16;
	char digits[DIGITS_MAX];
	char *end = digits + sizeof(digits);
	char *at;

	if (spec->length == LENGTH_SHORT)
		value = (unsigned short)value;
	else if (spec->length == LENGTH_CHAR)
		value = (unsigned char)value;
	if (conversion == 'u')
		base = 10;
	else if (conversion == 'o')
		base = 8;
	else if (conversion == 'b' || conversion == 'B')
		base = 2;
	at = digits_of(value, base, figures, end);
	if (spec->alternate && base == 8)
		*--at = '0';
	else if (spec->alternate && base == 16 && value)
		sign = conversion == 'X' ? "0X" : "0x";
	else if (spec->alternate && base == 2 && value)
		sign = conversion == 'B' ? "0B" : "0b";
	put_digits(out, spec, sign, at, end - at);
}

/* --- text ------------------------------------------------------------------------- */

static void put_field(struct out *out, const struct spec *spec, const char *text, int length)
{
	if (!spec->left)
		put_times(out, ' ', spec->width - length);
	put_bytes(out, text, length);
	if (spec->left)
		put_times(out, ' ', spec->width - length);
}

/* With a precision the text may lack its NUL, if it is at least as long. */
static void put_text(struct out *out, const struct spec *spec, const char *text)
{
	int length = 0;

	if (!text)
		text = "(null)";
	while (length != spec->precision && text[length])
		length++;
	put_field(out, spec, text, length);
}

static void put_char(struct out *out, const struct spec *spec, char c)
{
	put_field(out, spec, &c, 1);
}

static void put_pointer(struct out *out, const struct spec *spec, const void *pointer)
{
	char text[2 + 2 * sizeof(pointer)] = "0x";
	char *end = text + sizeof(text);
	char *at = digits_of((uintptr_t)pointer, 16, "0123456789abcdef", end);

	while (at > text + 2)
		*--at = '0';
	put_field(out, spec, text, sizeof(text));
}

/* --- directives ------------------------------------------------------------------- */

/* As wide as a long double among the arguments. */
struct long_double {
	uint32_t words[3];
};

/*
 * Skip the argument of a directive that is not supported. `extended`: a double is a long
 * double. Returns false if the argument's size is not known.
 */
static bool skip_argument(char conversion, bool extended, va_list *args)
{
	switch (conversion) {
	case 'a':
	case 'A':
	case 'e':
	case 'E':
	case 'f':
	case 'F':
	case 'g':
	case 'G':
		if (extended)
			(void)va_arg(*args, struct long_double);
		else
			(void)va_arg(*args, uint64_t); /* a double is as wide */
		return true;
	case 'n': /* nothing is written to where it points */
	case 'c': /* wide, as are those that follow */
	case 'C':
	case 's':
	case 'S':
		(void)va_arg(*args, void *);
		return true;
	case 'm': /* no errno, and no argument */
		return true;
	}
	return false;
}

/* Returns false, with nothing written, for any other conversion. */
static bool convert(struct out *out, const struct spec *spec, char conversion, va_list *args)
{
	switch (conversion) {
	case 'd':
	case 'i':
		put_signed(out, spec, args);
		return true;
	case 'b': /* C23's, as is B */
	case 'B':
	case 'o':
	case 'u':
	case 'x':
	case 'X':
		put_unsigned(out, spec, conversion, args);
		return true;
	case 'c':
		if (!spec->wide)
			put_char(out, spec, (char)va_arg(*args, int));
		return !spec->wide;
	case 's':
		if (!spec->wide)
			put_text(out, spec, va_arg(*args, const char *));
		return !spec->wide;
	case 'p':
		put_pointer(out, spec, va_arg(*args, const void *));
		return true;
	case '%':
		put(out, '%');
		return true;
	}
	return false;
}

/* The directive after the '%' at `percent`. Returns where the format goes on. */
static const char *put_directive(struct out *out, const char *percent, va_list *args)
{
	struct spec spec;
	const char *at = parse(percent + 1, &spec, args);

	if (convert(out, &spec, *at, args))
		return at + 1;
	if (skip_argument(*at, at[-1] == 'L', args)) {
		put_bytes(out, percent, at + 1 - percent);
		return at + 1;
	}
	put_bytes(out, percent, strlen(percent));
	return percent + strlen(percent);
}

size_t vformat(void (*write)(void *to, char c), void *to, const char *format, va_list args)
{
	struct out out = { write, to, 0 };
	va_list rest;

	va_copy(rest, args);
	while (*format) {
		if (*format == '%')
			format = put_directive(&out, format, &rest);
		else
			put(&out, *format++);
	}
	va_end(rest);
	return out.length;
}

struct buffer {
	char *next; /* NULL if there is none */
	size_t room; /* without that for the NUL */
};

static void put_into(void *to, char c)
{
	struct buffer *buffer = to;

	if (buffer->room) {
		*buffer->next++ = c;
		buffer->room--;
	}
}

int vsnprintf(char *buf, size_t size, const char *format, va_list args)
{
	struct buffer buffer = { buf, size ? size - 1 : 0 };
	size_t length = vformat(put_into, &buffer, format, args);

	if (size)
		*buffer.next = '\0';
	return length > INT32_MAX ? -1 : (int)length;
}

int snprintf(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(buf, size, format, args);
	va_end(args);
	return length;
}
