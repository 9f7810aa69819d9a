/*
 * The log: free text for people, `# kgen:` lines for programs.
 *
 * Formats: %d %i %u %x %c %s %p %% with width, zero padding
 * and '-', and the lengths l, ll and z. %p prints 0x and eight digits.
 */
#ifndef KERNEL_PRINTK_H
#define KERNEL_PRINTK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Longest line of the serial protocol, without its newline. */
#define LOG_LINE_MAX 200

/* As in C99: at most size bytes with the final NUL; returns the full length. */
int vsnprintf(char *buf, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));
int snprintf(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Write text for people. Longer than 512 bytes is cut. */
void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether an event that happened so often deserves a line once more: after 1, 2, 4, 8, … */
static inline bool is_news(unsigned long times)
{
	return !(times & (times - 1));
}

/*
 * Write one machine line, "# kgen:" before it and a newline behind, on a line of
 * its own whatever was printed before. Cut at LOG_LINE_MAX bytes.
 */
void kgen_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* # kgen:stat k=KEY v=VALUE, where the key is a format, too. */
void kgen_stat(unsigned long long value, const char *key, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* KERNEL_PRINTK_H */
