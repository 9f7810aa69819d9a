/*
 * System calls about limits. They are the description's, the same for all processes, and
 * nobody changes them: to set what is set is fine, anything else is not permitted.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <generated/config.h>
#include <user/file.h>
#include <user/process.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

enum limit_kind {
	LIMIT_STACK = 3,
	LIMIT_CORE = 4,
	LIMIT_PROCESSES = 6,
	LIMIT_FILES = 7,
	LIMITS = 16
};

#define NO_LIMIT 0xffffffffu

static uint32_t limit_of(uint32_t resource)
{
	switch (resource) {
	case LIMIT_STACK:
		return USER_STACK_LIMIT;
	case LIMIT_CORE:
		return 0;
	case LIMIT_PROCESSES:
		return USER_PROCESSES;
	case LIMIT_FILES:
		return FILES_MAX;
	default:
		return NO_LIMIT;
	}
}

int32_t sys_ugetrlimit(uint32_t resource, uint32_t to)
{
	uint32_t limits[2];

	if (resource >= LIMITS)
		return -EINVAL;
	limits[0] = limits[1] = limit_of(resource);
	return copy_to_user(to, limits, sizeof(limits));
}

int32_t sys_setrlimit(uint32_t resource, uint32_t from)
{
	uint32_t limits[2];

	if (resource >= LIMITS)
		return -EINVAL;
	if (copy_from_user(limits, from, sizeof(limits)))
		return -EFAULT;
	if (limits[0] > limits[1])
		return -EINVAL;
	return limits[0] == limit_of(resource) ? 0 : -EPERM; /* limits are the description's */
}

int32_t sys_prlimit64(uint32_t pid, uint32_t resource, uint32_t new, uint32_t old)
{
	uint64_t limits[2];
	uint32_t value;

	if (pid && !process_find(pid))
		return -ESRCH;
	if (resource >= LIMITS)
		return -EINVAL;
	value = limit_of(resource);
	if (old) {
		limits[0] = limits[1] = value == NO_LIMIT ? ~0ull : value;
		if (copy_to_user(old, limits, sizeof(limits)))
			return -EFAULT;
	}
	if (!new)
		return 0;
	if (copy_from_user(limits, new, sizeof(limits)))
		return -EFAULT;
	if (limits[0] > limits[1])
		return -EINVAL;
	return limits[0] == (value == NO_LIMIT ? ~0ull : value) ? 0 : -EPERM;
}
