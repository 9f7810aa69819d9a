/*
 * Poison: the pattern in memory that must not be read or written.
 *
 * Each value is odd and non-zero in all bytes, so that it is neither a pointer that
 * leads somewhere nor a small number.
 */
#ifndef MM_POISON_H
#define MM_POISON_H

#include <kernel/string.h>
#include <kernel/types.h>

#define POISON_FREE 0x6b /* free */
#define POISON_ZONE 0xbb /* past the bytes that were requested */

/* Returns the first byte of [start, start + size) that is not `value`, NULL if all are. */
static inline const void *poison_broken(const void *start, size_t size, uint8_t value)
{
	const uint8_t *at = start;

	for (; size; at++, size--) {
		if (*at != value)
			return at;
	}
	return NULL;
}

#endif /* MM_POISON_H */
