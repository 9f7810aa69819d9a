/*
 * The kernel's access to a program's memory: the only way there is.
 *
 * An address that a program gives is checked twice. First that it lies below KERNEL_BASE,
 * to its last byte: nothing above is the program's. Then by the access itself: it is made
 * in the program's address space, faults as the program's own would, is resolved in the
 * same way (a page that was promised appears, a shared one is copied), and where it can't
 * be, ends with -EFAULT through the table of instructions that may fault (arch/usermode.h).
 *
 * A 386 lets ring 0 write to pages that are read-only. There each page is looked at, and
 * copied if it is shared, before it is written.
 */
#ifndef USER_UACCESS_H
#define USER_UACCESS_H

#include <generated/layout.h>
#include <user/errno.h>

/* Whether [addr, addr + size) is below the kernel. */
static inline bool user_range(uint32_t addr, uint32_t size)
{
	return size <= KERNEL_BASE && addr <= KERNEL_BASE - size;
}

/* Copy to and from the current program. 0, or -EFAULT; some of it may be copied then. */
int32_t copy_from_user(void *to, uint32_t from, size_t size);
int32_t copy_to_user(uint32_t to, const void *from, size_t size);

/* Zero memory of the current program. 0, or -EFAULT. */
int32_t zero_user(uint32_t to, size_t size);

/*
 * Copy a string into `to`, of `size` bytes. Returns its length without the NUL; -EFAULT, or
 * -ENAMETOOLONG if it does not end within `size`.
 */
int32_t string_from_user(char *to, uint32_t from, size_t size);

/* One word. */
static inline int32_t word_to_user(uint32_t to, uint32_t value)
{
	return copy_to_user(to, &value, sizeof(value));
}

#endif /* USER_UACCESS_H */
