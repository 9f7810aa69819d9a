/*
 * Copies between the kernel and the current program (user/uaccess.h). The instructions
 * that may fault are in arch/i386/usermode.S.
 */
#include <arch/cpu.h>
#include <arch/usermode.h>
#include <user/process.h>
#include <user/uaccess.h>

//% if cpu.minimum == "386"
/*
 * A 386 ignores read-only pages in ring 0: each page is made writable first, as a write of
 * the program's own would make it. Where the CPU heeds them (CR0.WP) the write itself
 * faults.
 */
static bool may_write(uint32_t to, size_t size)
{
	if (cpu.wp)
		return true;
	for (uint32_t page = to & PAGE_MASK; page < to + size; page += PAGE_SIZE) {
		uint32_t addr = MAX(page, to);
		enum fault_result result =
			space_make_writable(current->space, addr, current->frame.esp);

		if (result == FAULT_OOM)
			process_out_of_memory(addr);
		if (result != FAULT_RESOLVED)
			return false;
	}
	return true;
}

//% else
static inline bool may_write(uint32_t to, size_t size)
{
	(void)to;
	(void)size;
	return true;
}

//% endif
int32_t copy_from_user(void *to, uint32_t from, size_t size)
{
	if (!user_range(from, size) || copy_faulting(to, (const void *)from, size))
		return -EFAULT;
	return 0;
}

int32_t copy_to_user(uint32_t to, const void *from, size_t size)
{
	if (!user_range(to, size) || !may_write(to, size))
		return -EFAULT;
	return copy_faulting((void *)to, from, size) ? -EFAULT : 0;
}

int32_t zero_user(uint32_t to, size_t size)
{
	if (!user_range(to, size) || !may_write(to, size))
		return -EFAULT;
	return zero_faulting((void *)to, size) ? -EFAULT : 0;
}

int32_t string_from_user(char *to, uint32_t from, size_t size)
{
	size_t room = from < KERNEL_BASE ? MIN(size, KERNEL_BASE - from) : 0;
	int32_t length;

	if (!room)
		return -EFAULT;
	length = copy_string_faulting(to, (const char *)from, room);
	if (length != (int32_t)room)
		return length;
	return room < size ? -EFAULT : -ENAMETOOLONG;
}
