/*
 * Signed division of 64-bit numbers, which gcc calls: by that of unsigned ones, of which
 * programs have a copy (base/div64.c). The rest has the sign of what is divided.
 */
#include <stdint.h>

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *remainder);

int64_t __divdi3(int64_t n, int64_t d);
int64_t __moddi3(int64_t n, int64_t d);
int64_t __divmoddi4(int64_t n, int64_t d, int64_t *remainder);

static uint64_t size_of(int64_t value)
{
	return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

int64_t __divmoddi4(int64_t n, int64_t d, int64_t *remainder)
{
	uint64_t rest;
	uint64_t quotient = __udivmoddi4(size_of(n), size_of(d), &rest);

	*remainder = (int64_t)(n < 0 ? -rest : rest);
	return (int64_t)((n < 0) != (d < 0) ? -quotient : quotient);
}

int64_t __divdi3(int64_t n, int64_t d)
{
	int64_t rest;

	return __divmoddi4(n, d, &rest);
}

int64_t __moddi3(int64_t n, int64_t d)
{
	int64_t rest;

	__divmoddi4(n, d, &rest);
	return rest;
}
