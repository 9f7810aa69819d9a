/* Strings: what base/string.c, of which programs have a copy, lacks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *memchr(const void *in, int byte, size_t n)
{
	const uint8_t *at = in;

	for (size_t i = 0; i < n; i++)
		if (at[i] == (uint8_t)byte)
			return (void *)&at[i];
	return NULL;
}

size_t strnlen(const char *text, size_t most)
{
	size_t length = 0;

	while (length < most && text[length])
		length++;
	return length;
}

char *strcpy(char *restrict to, const char *restrict from)
{
	memcpy(to, from, strlen(from) + 1);
	return to;
}

char *strncpy(char *restrict to, const char *restrict from, size_t n)
{
	size_t length = strnlen(from, n);

	memcpy(to, from, length);
	memset(to + length, 0, n - length);
	return to;
}

char *strcat(char *restrict to, const char *restrict from)
{
	strcpy(to + strlen(to), from);
	return to;
}

char *strchr(const char *text, int c)
{
	for (;; text++) {
		if (*text == (char)c)
			return (char *)text;
		if (!*text)
			return NULL;
	}
}

char *strrchr(const char *text, int c)
{
	const char *found = NULL;

	for (;; text++) {
		if (*text == (char)c)
			found = text;
		if (!*text)
			return (char *)found;
	}
}

char *strstr(const char *text, const char *part)
{
	size_t length = strlen(part);

	for (;; text++) {
		if (!strncmp(text, part, length))
			return (char *)text;
		if (!*text)
			return NULL;
	}
}

size_t strspn(const char *text, const char *of)
{
	size_t length = 0;

	while (text[length] && strchr(of, text[length]))
		length++;
	return length;
}

size_t strcspn(const char *text, const char *of)
{
	size_t length = 0;

	while (text[length] && !strchr(of, text[length]))
		length++;
	return length;
}

char *strtok(char *restrict text, const char *restrict between)
{
	static char *rest;
	char *word;

	word = text ? text : rest;
	if (!word)
		return NULL;
	word += strspn(word, between);
	rest = word + strcspn(word, between);
	if (rest == word) {
		rest = NULL;
		return NULL;
	}
	if (*rest)
		*rest++ = '\0';
	else
		rest = NULL;
	return word;
}

char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}
