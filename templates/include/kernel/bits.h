/*
 * Bits: the lowest and the highest one of a word, and single ones in arrays of words.
 * Each is one instruction on every CPU from the 386 on: BSF, BSR, BTS, BTR.
 */
#ifndef KERNEL_BITS_H
#define KERNEL_BITS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __clang__
/*
 * clang 19 puts a REP in front of BSF. That is TZCNT on newer CPUs, and nothing that a 386
 * promises to ignore.
 */
static inline int find_lowest_bit(uint32_t word)
{
	int bit;

	__asm__("bsfl %1, %0" : "=r"(bit) : "rm"(word) : "cc");
	return bit;
}

#define __builtin_ctz(word) \
	(__builtin_constant_p(word) ? __builtin_ctz(word) : find_lowest_bit(word))
#endif

/* Number of the lowest bit that is 1, 0 to 31: zeros below it. word must not be 0. */
static inline unsigned lowest_bit(uint32_t word)
{
	return __builtin_ctz(word);
}

/* Number of the highest bit that is 1, 0 to 31. word must not be 0. */
static inline unsigned highest_bit(uint32_t word)
{
	return 31 - __builtin_clz(word);
}

/* How many bits above the highest one are 0. word must not be 0. */
static inline unsigned zeros_above(uint32_t word)
{
	return __builtin_clz(word);
}

/*
 * Set bit `n` of an array: bit n % 32 of word n / 32. BTS and BTR reach any bit from an
 * address on; gcc does not use them.
 */
static inline void set_bit(uint32_t *words, size_t n)
{
	__asm__ volatile("btsl %1, %0" : "+m"(*words) : "r"(n) : "memory", "cc");
}

static inline void clear_bit(uint32_t *words, size_t n)
{
	__asm__ volatile("btrl %1, %0" : "+m"(*words) : "r"(n) : "memory", "cc");
}

#endif /* KERNEL_BITS_H */
