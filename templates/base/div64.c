/*
 * 64-bit unsigned division, which gcc calls and a 386 has no instruction for.
 *
 * They come from here and not from the distribution's 32-bit libgcc, whose
 * members begin with ENDBR32, an invalid opcode on a 386. Schoolbook shift and
 * subtract: nothing on a hot path divides 64-bit numbers.
 */
#include <kernel/types.h>

/* gcc calls one of the three: for the quotient, for the remainder, or for both. */
uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *remainder);
uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *remainder)
{
	uint64_t quotient = 0;
	uint64_t rest = 0;

	for (int bit = 63; bit >= 0; bit--) {
		rest = rest << 1 | (n >> bit & 1);
		if (rest >= d) {
			rest -= d;
			quotient |= 1ull << bit;
		}
	}
	if (remainder)
		*remainder = rest;
	return quotient;
}

uint64_t __udivdi3(uint64_t n, uint64_t d)
{
	return __udivmoddi4(n, d, NULL);
}

uint64_t __umoddi3(uint64_t n, uint64_t d)
{
	uint64_t remainder;

	__udivmoddi4(n, d, &remainder);
	return remainder;
}
