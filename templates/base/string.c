/*
 * Memory and string functions.
 *
 * The memory functions use the 386's string instructions: they are short, and
 * the direction flag is clear everywhere in the kernel (boot.S, trap entry).
 */
#include <kernel/string.h>
#include <kernel/types.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	void *to = dst;
	size_t words = n / 4;

	__asm__ volatile("rep movsl\n\t"
			 "movl %3, %%ecx\n\t"
			 "rep movsb"
			 : "+D"(to), "+S"(src), "+c"(words)
			 : "g"(n % 4)
			 : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	unsigned char *to = dst;
	const unsigned char *from = src;

	if (to <= from || to >= from + n)
		return memcpy(dst, src, n);
	while (n--)
		to[n] = from[n];
	return dst;
}

void *memset(void *dst, int byte, size_t n)
{
	uint32_t pattern = (unsigned char)byte * 0x01010101u;
	void *to = dst;
	size_t words = n / 4;

	__asm__ volatile("rep stosl\n\t"
			 "movl %3, %%ecx\n\t"
			 "rep stosb"
			 : "+D"(to), "+c"(words)
			 : "a"(pattern), "g"(n % 4)
			 : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a;
	const unsigned char *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return end - s;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (unsigned char)*a - (unsigned char)*b;
		if (!*a)
			return 0;
	}
	return 0;
}
