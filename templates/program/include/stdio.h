/* Text out and in. stdout keeps a line and writes it whole; stderr writes at once. */
#ifndef _STDIO_H
#define _STDIO_H

#include <stdarg.h>
#include <stddef.h>

#define EOF (-1)
#define BUFSIZ 1024

typedef struct file FILE;

extern FILE *const stdin;
extern FILE *const stdout;
extern FILE *const stderr;

int printf(const char *restrict format, ...) __attribute__((format(printf, 1, 2)));
int fprintf(FILE *restrict file, const char *restrict format, ...)
	__attribute__((format(printf, 2, 3)));
int dprintf(int fd, const char *restrict format, ...) __attribute__((format(printf, 2, 3)));
int sprintf(char *restrict to, const char *restrict format, ...)
	__attribute__((format(printf, 2, 3)));
int snprintf(char *restrict to, size_t size, const char *restrict format, ...)
	__attribute__((format(printf, 3, 4)));
int vprintf(const char *restrict format, va_list arguments) __attribute__((format(printf, 1, 0)));
int vfprintf(FILE *restrict file, const char *restrict format, va_list arguments)
	__attribute__((format(printf, 2, 0)));
int vsnprintf(char *restrict to, size_t size, const char *restrict format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

int puts(const char *text);
int putchar(int c);
int fputs(const char *restrict text, FILE *restrict file);
int fputc(int c, FILE *file);
int fflush(FILE *file);
int getchar(void);
int fgetc(FILE *file);
char *fgets(char *restrict to, int size, FILE *restrict file);
void perror(const char *what);

#endif /* _STDIO_H */
