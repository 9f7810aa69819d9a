/*
 * The devices in /dev: null, zero, full, urandom, and the console (user/console.c).
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/timer.h>
#include <user/file.h>

/*
 * xorshift32 (Marsaglia 2003), stirred by the clock. Nobody here keeps secrets, and
 * there is no source of any: two boots alike give the same bytes.
 */
static uint32_t random_word(void)
{
	static uint32_t state = 0x2545f491;

	state ^= timer_ticks * 0x9e3779b1u;
	if (!state)
		state = 1;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static int32_t read_random(uint32_t to, uint32_t n)
{
	for (uint32_t done = 0; done < n; done += 4) {
		uint32_t word = random_word();

		if (copy_to_user(to + done, &word, MIN(n - done, sizeof(word))))
			return done ? (int32_t)done : -EFAULT;
	}
	return (int32_t)n;
}

int32_t device_read(enum device device, uint32_t to, uint32_t n)
{
	switch (device) {
	case DEVICE_NULL:
		return 0;
	case DEVICE_RANDOM:
		return read_random(to, n);
	case DEVICE_CONSOLE:
		return console_read(to, n);
	case DEVICE_ZERO:
	case DEVICE_FULL:
		break;
	}
	return zero_user(to, n) ? -EFAULT : (int32_t)n;
}

int32_t device_write(enum device device, uint32_t from, uint32_t n, bool kernel)
{
	switch (device) {
	case DEVICE_CONSOLE:
		return console_write(from, n, kernel);
	case DEVICE_FULL:
		return n ? -ENOSPC : 0;
	case DEVICE_NULL:
	case DEVICE_ZERO:
	case DEVICE_RANDOM:
		break;
	}
	return (int32_t)n;
}
