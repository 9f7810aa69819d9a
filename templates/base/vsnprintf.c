/*
 * Formatted text, as in C99 for the conversions that a kernel needs.
 *
 * One pass: each conversion is parsed into a `struct spec`, then written through
 * put(), which counts every byte and stores only those that fit.
 */
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/types.h>

struct out {
	char *buf;
	size_t size; /* of buf, with room for the NUL */
	size_t length; /* of the whole text, stored or not */
};

struct spec {
	bool left; /* '-' */
	bool zero; /* '0' */
	int width;
	int longs; /* number of l */
};

static void put(struct out *out, char c)
{
	if (out->length + 1 < out->size)
		out->buf[out->length] = c;
	out->length++;
}

static void put_padded(struct out *out, const struct spec *spec, const char *text, int length)
{
	int pad = MAX(spec->width - length, 0);

	if (!spec->left) {
		while (pad-- > 0)
			put(out, spec->zero ? '0' : ' ');
	}
	for (int i = 0; i < length; i++)
		put(out, text[i]);
	while (spec->left && pad-- > 0)
		put(out, ' ');
}

static void put_number(struct out *out, struct spec *spec, uint64_t value, unsigned base,
		       bool negative)
{
	char digits[24]; /* 2^64 has 20 decimal digits */
	char *at = digits + sizeof(digits);

	/* 32-bit numbers, nearly all, need no 64-bit division. */
	do {
		uint32_t low = (uint32_t)value;
		unsigned digit = value >> 32 ? value % base : low % base;

		*--at = "0123456789abcdef"[digit];
		value = value >> 32 ? value / base : low / base;
	} while (value);
	if (negative && spec->zero) {
		put(out, '-');
		spec->width--;
	} else if (negative) {
		*--at = '-';
	}
	put_padded(out, spec, at, digits + sizeof(digits) - at);
}

static const char *parse(const char *at, struct spec *spec)
{
	*spec = (struct spec){ 0 };
	for (;; at++) {
		if (*at == '-')
			spec->left = true;
		else if (*at == '0')
			spec->zero = true;
		else
			break;
	}
	while (*at >= '0' && *at <= '9')
		spec->width = spec->width * 10 + (*at++ - '0');
	while (*at == 'l' || *at == 'z') {
		spec->longs += *at == 'l';
		at++;
	}
	return at;
}

static void put_text(struct out *out, struct spec *spec, const char *text)
{
	spec->zero = false;
	put_padded(out, spec, text ? text : "(null)", strlen(text ? text : "(null)"));
}

static void put_char(struct out *out, struct spec *spec, char c)
{
	spec->zero = false;
	put_padded(out, spec, &c, 1);
}

static void put_pointer(struct out *out, const void *pointer)
{
	struct spec spec = { .zero = true, .width = 2 * sizeof(pointer) };

	put(out, '0');
	put(out, 'x');
	put_number(out, &spec, (uintptr_t)pointer, 16, false);
}

int vsnprintf(char *buf, size_t size, const char *format, va_list args)
{
	struct out out = { buf, size, 0 };

	for (; *format; format++) {
		struct spec spec;
		int64_t number;

		if (*format != '%') {
			put(&out, *format);
			continue;
		}
		format = parse(format + 1, &spec);
		switch (*format) {
		case 'd':
		case 'i':
			number = spec.longs > 1 ? va_arg(args, long long) : va_arg(args, long);
			put_number(&out, &spec, number < 0 ? -(uint64_t)number : (uint64_t)number,
				   10, number < 0);
			break;
		case 'u':
		case 'x':
			put_number(&out, &spec,
				   spec.longs > 1 ? va_arg(args, unsigned long long) :
						    va_arg(args, unsigned long),
				   *format == 'x' ? 16 : 10, false);
			break;
		case 'c':
			put_char(&out, &spec, (char)va_arg(args, int));
			break;
		case 's':
			put_text(&out, &spec, va_arg(args, const char *));
			break;
		case 'p':
			put_pointer(&out, va_arg(args, const void *));
			break;
		case '\0': /* a lone % at the end */
			format--;
			break;
		default: /* %% and what we do not know */
			put(&out, *format);
		}
	}
	if (size)
		buf[MIN(out.length, size - 1)] = '\0';
	return (int)out.length;
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
