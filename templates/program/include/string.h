/* Memory and strings. */
#ifndef _STRING_H
#define _STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *one, const void *other, size_t n);
void *memchr(const void *in, int byte, size_t n);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t most);
char *strcpy(char *restrict to, const char *restrict from);
char *strncpy(char *restrict to, const char *restrict from, size_t n);
char *strcat(char *restrict to, const char *restrict from);
int strcmp(const char *one, const char *other);
int strncmp(const char *one, const char *other, size_t n);
char *strchr(const char *text, int c);
char *strrchr(const char *text, int c);
char *strstr(const char *text, const char *part);
size_t strspn(const char *text, const char *of);
size_t strcspn(const char *text, const char *of);
char *strtok(char *restrict text, const char *restrict between);
char *strdup(const char *text);
char *strerror(int number);
char *strsignal(int number);

#endif /* _STRING_H */
