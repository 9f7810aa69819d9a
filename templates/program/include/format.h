/* What printf() and its like are made of: text, a byte at a time, to any receiver. */
#ifndef _FORMAT_H
#define _FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Calls write(to, c) for each byte; returns how many there were (base/vsnprintf.c). */
size_t vformat(void (*write)(void *to, char c), void *to, const char *format, va_list args);

#endif /* _FORMAT_H */
