/*
 * Bits in arrays of words. BTS and BTR reach any bit from an address on, in one
 * instruction, on every CPU from the 386 on; gcc does not use them.
 */
#ifndef ARCH_BITOPS_H
#define ARCH_BITOPS_H

#include <kernel/types.h>

/* Set bit `n` of an array: bit n % 32 of word n / 32. */
static inline void set_bit(uint32_t *words, size_t n)
{
	__asm__ volatile("btsl %1, %0" : "+m"(*words) : "r"(n) : "memory", "cc");
}

static inline void clear_bit(uint32_t *words, size_t n)
{
	__asm__ volatile("btrl %1, %0" : "+m"(*words) : "r"(n) : "memory", "cc");
}

#endif /* ARCH_BITOPS_H */
