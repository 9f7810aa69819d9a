/*
 * The log: free text for people, `# kgen:` lines for programs.
 *
 * Formats are those of C99, with %b for base 2, but without floating point, wide
 * characters, %n and POSIX's %1$d: those are written as they stand, and their arguments
 * left out (base/vsnprintf.c). %p prints 0x and eight digits.
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

/* The same, of any length: each byte goes to `write`, with `to`. Returns their number. */
size_t vformat(void (*write)(void *to, char c), void *to, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* Write text for people, of any length. */
void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Write one line for people, and its newline, on a line of its own whatever was printed
 * before. Characters that are not printable become '?'.
 */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether the event with this number is logged: number 1, 2, 4, 8, … */
static inline bool is_news(unsigned long times)
{
	return !(times & (times - 1));
}

/*
 * Write one machine line, "# kgen:" before it and a newline after it, on a line of
 * its own whatever was printed before. Cut at LOG_LINE_MAX bytes, a quoted msg so that it
 * still ends with its quote; bytes that are not printable ASCII become '?'.
 */
void kgen_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

//% if features.user_space
/*
 * Write bytes that a program prints, as they are; but what would read as the beginning of
 * a line for programs gets a backslash: "# kgen\:". Only the kernel speaks the protocol.
 */
void log_bytes(const char *bytes, size_t n);

//% endif
/*
 * # kgen:stat k=KEY v=VALUE, where the key is a format, too. In the key, characters other
 * than letters, digits, . and - become '_'. An empty one is "_", and past KEY_MAX bytes
 * it is cut.
 */
#define KEY_MAX 95
void kgen_stat(unsigned long long value, const char *key, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* KERNEL_PRINTK_H */
