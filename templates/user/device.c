/*
 * The devices in /dev: null, zero, full, urandom, and the console (user/console.c).
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/file.h>
#include <user/random.h>

static int32_t read_random(uint32_t to, uint32_t n)
{
	uint8_t bytes[64];

	for (uint32_t done = 0; done < n; done += sizeof(bytes)) {
		uint32_t part = MIN(n - done, sizeof(bytes));

		random_bytes(bytes, part);
		if (copy_to_user(to + done, bytes, part))
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
