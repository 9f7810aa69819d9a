/* Marsaglia's xorshift with three shifts, a period of 2^32 - 1; see user/random.h. */
#include <kernel/string.h>
#include <user/random.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

#define FLAGS 7u /* GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE: all the same here */

static uint32_t state = 2463534242u;

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

void random_bytes(void *to, size_t size)
{
	uint8_t *bytes = to;

	while (size) {
		uint32_t word = next();
		size_t n = MIN(size, sizeof(word));

		memcpy(bytes, &word, n);
		bytes += n;
		size -= n;
	}
}

int32_t sys_getrandom(uint32_t to, uint32_t size, uint32_t flags)
{
	uint8_t bytes[64];
	uint32_t done = 0;

	if (flags & ~FLAGS)
		return -EINVAL;
	size = MIN(size, (uint32_t)INT32_MAX & PAGE_MASK);
	while (done < size) {
		uint32_t n = MIN(size - done, sizeof(bytes));

		random_bytes(bytes, n);
		if (copy_to_user(to + done, bytes, n))
			return done ? (int32_t)done : -EFAULT;
		done += n;
	}
	return done;
}
