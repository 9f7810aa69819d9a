/*
 * System calls for memory: what Linux checks before it does anything, and in which order.
 *
 * The work is done by user/space_map.c and user/space_change.c. Here arguments are judged, and what a
 * descriptor is.
 */
#include <user/file.h>
#include <user/process.h>
#include <user/space_state.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

#define MAP_TYPE 0x0f /* mask of MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE */
#define MAP_SHARED_VALIDATE 0x03

#define PROT_SEM 0x8 /* accepted, and without meaning on an i386 */

/* What Linux knows; MAP_SHARED_VALIDATE refuses the rest. */
#define MAP_KNOWN 0x001fffff

int32_t sys_brk(uint32_t end)
{
	return space_brk(current->space, end);
}

/* --- mmap ------------------------------------------------------------------------ */

/* Whether flags say how a mapping is shared, in a way that it can be. */
static bool type_is_valid(uint32_t flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
		return !(flags & MAP_GROWSDOWN);
	case MAP_SHARED_VALIDATE:
		return !(flags & (MAP_GROWSDOWN | MAP_ANONYMOUS));
	case MAP_PRIVATE:
		return !(flags & MAP_GROWSDOWN) || (flags & MAP_ANONYMOUS);
	default:
		return false;
	}
}

/* What is not a file's content: /dev/zero is anonymous memory, the rest can't be mapped. */
static int32_t map_no_file(int32_t fd)
{
	const struct file *file = file_of(fd);

	if (!file || (file->flags & O_PATH))
		return -EBADF;
	if (!file_can_read(file))
		return -EACCES;
	if (file->kind == FILE_NODE && file->node->kind == NODE_DEVICE &&
	    file->node->device == DEVICE_ZERO)
		return 0;
	return -ENODEV;
}

/* The node of a descriptor for mmap, NULL for anonymous memory. 0 or an error. */
static int32_t node_to_map(int32_t fd, uint32_t prot, uint32_t *flags, struct node **node)
{
	bool writable = false;

	*node = files_node(fd, &writable);
	if (!*node)
		return map_no_file(fd);
	if ((*flags & MAP_TYPE) == MAP_SHARED_VALIDATE && (*flags & ~MAP_KNOWN))
		return -EOPNOTSUPP;
	if (!(*flags & MAP_SHARED) || writable)
		return 0;
	*flags |= MAP_NO_WRITE;
	return prot & PROT_WRITE ? -EACCES : 0;
}

/* `offset` is in pages. The address, or an error. */
static int32_t map(uint32_t addr, uint32_t size, uint32_t prot, uint32_t flags, int32_t fd,
		   uint32_t offset)
{
	uint32_t pages = ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE;
	enum area_kind kind = AREA_MAP;
	struct node *node = NULL;
	int32_t error;

	flags &= ~MAP_NO_WRITE;
	if (!size)
		return -EINVAL;
	if (!pages || pages > USER_END / PAGE_SIZE)
		return -ENOMEM;
	if (offset + pages < offset)
		return -EOVERFLOW;
	if (!(flags & MAP_ANONYMOUS)) {
		error = node_to_map(fd, prot, &flags, &node);
		if (error)
			return error;
		kind = node ? AREA_FILE : AREA_MAP;
	}
	if (!type_is_valid(flags))
		return -EINVAL;
	error = space_map(current->space, &addr, size, prot, flags, kind, node, node ? offset : 0);
	if (error)
		return error;
	if ((flags & MAP_POPULATE) && prot & (PROT_READ | PROT_WRITE))
		space_populate(current->space, addr, addr + pages * PAGE_SIZE, prot & PROT_WRITE);
	return addr;
}

int32_t sys_mmap2(uint32_t addr, uint32_t size, uint32_t prot, uint32_t flags, uint32_t fd,
		  uint32_t offset)
{
	return map(addr, size, prot, flags, fd, offset);
}

int32_t sys_old_mmap(uint32_t arguments)
{
	struct {
		uint32_t addr, size, prot, flags, fd, offset;
	} given;

	if (copy_from_user(&given, arguments, sizeof(given)))
		return -EFAULT;
	if (!IS_ALIGNED(given.offset, PAGE_SIZE))
		return -EINVAL;
	return map(given.addr, given.size, given.prot, given.flags, given.fd,
		   given.offset / PAGE_SIZE);
}

/* --- the rest ---------------------------------------------------------------------- */

int32_t sys_munmap(uint32_t addr, uint32_t size)
{
	return space_unmap(current->space, addr, size);
}

int32_t sys_mprotect(uint32_t addr, uint32_t size, uint32_t prot)
{
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN))
		return -EINVAL;
	return space_protect(current->space, addr, size, prot);
}

int32_t sys_mremap(uint32_t addr, uint32_t old_size, uint32_t new_size, uint32_t flags,
		   uint32_t target)
{
	int32_t error = space_remap(current->space, &addr, old_size, new_size, flags, target);

	return error ? error : (int32_t)addr;
}

int32_t sys_madvise(uint32_t addr, uint32_t size, uint32_t advice)
{
	return space_advise(current->space, addr, size, advice);
}

int32_t sys_mincore(uint32_t addr, uint32_t size, uint32_t to)
{
	uint8_t resident[64];
	uint32_t pages = size / PAGE_SIZE + !IS_ALIGNED(size, PAGE_SIZE);

	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (!user_range(addr, size))
		return -ENOMEM;
	if (!user_range(to, pages))
		return -EFAULT;
	while (pages) {
		uint32_t part = MIN(pages, sizeof(resident));

		if (!space_resident(current->space, addr, part, resident))
			return -ENOMEM;
		if (copy_to_user(to, resident, part))
			return -EFAULT;
		addr += part * PAGE_SIZE;
		to += part;
		pages -= part;
	}
	return 0;
}
