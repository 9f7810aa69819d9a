/*
 * System calls on descriptors: close, dup, pipe, fcntl, ioctl, lseek and the like.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/file.h>
#include <user/syscall_list.h>

int32_t sys_close(uint32_t fd)
{
	return files_close(current->files, fd);
}

#define CLOSE_RANGE_CLOEXEC 4

int32_t sys_close_range(uint32_t first, uint32_t last, uint32_t flags)
{
	struct files *files = current->files;

	if (first > last || (flags & ~CLOSE_RANGE_CLOEXEC))
		return -EINVAL;
	for (uint32_t fd = first; fd <= last && fd < files->end; fd++) {
		if (!files->open[fd])
			continue;
		if (flags)
			files_set_close_on_exec(files, fd, true);
		else
			files_close(files, fd);
	}
	return 0;
}

/* Another descriptor, from `from` on, of what `fd` means. */
static int32_t duplicate(uint32_t fd, uint32_t from, bool close_on_exec)
{
	struct file *file = file_of(fd);
	int32_t result;

	if (!file)
		return -EBADF;
	result = files_add(file, from, close_on_exec);
	if (result >= 0)
		file->users++;
	return result;
}

int32_t sys_dup(uint32_t fd)
{
	return duplicate(fd, 0, false);
}

int32_t sys_dup2(uint32_t fd, uint32_t to)
{
	struct file *file = file_of(fd);

	if (!file)
		return -EBADF;
	return fd == to ? (int32_t)to : files_replace(file, to, false);
}

int32_t sys_dup3(uint32_t fd, uint32_t to, uint32_t flags)
{
	struct file *file = file_of(fd);

	if ((flags & ~O_CLOEXEC) || fd == to)
		return -EINVAL;
	return file ? files_replace(file, to, flags & O_CLOEXEC) : -EBADF;
}

int32_t sys_pipe2(uint32_t ends, uint32_t flags)
{
	struct file *files[2];
	int32_t fds[2];
	int32_t error;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	error = pipe_create(files, flags & O_NONBLOCK);
	if (error)
		return error;
	fds[0] = files_add(files[0], 0, flags & O_CLOEXEC);
	fds[1] = fds[0] < 0 ? fds[0] : files_add(files[1], 0, flags & O_CLOEXEC);
	error = fds[1] < 0 ? fds[1] : copy_to_user(ends, fds, sizeof(fds));
	if (!error)
		return 0;
	for (unsigned i = 0; i < 2; i++) {
		if (fds[i] < 0)
			file_put(files[i]);
		else
			files_close(current->files, (uint32_t)fds[i]);
	}
	return error;
}

int32_t sys_pipe(uint32_t ends)
{
	return sys_pipe2(ends, 0);
}

/* --- fcntl ----------------------------------------------------------------------------- */

/* Commands; the values are Linux's. */
enum {
	F_DUPFD = 0,
	F_GETFD = 1,
	F_SETFD = 2,
	F_GETFL = 3,
	F_SETFL = 4,
	F_SETPIPE_SZ = 1031,
	F_GETPIPE_SZ = 1032,
	F_DUPFD_CLOEXEC = 1030,
};

#define FD_CLOEXEC 1
#define FLAGS_SETTABLE (O_APPEND | O_NONBLOCK)

static int32_t pipe_size(const struct file *file, uint32_t wanted)
{
	if (file->kind != FILE_PIPE)
		return -EBADF;
	return wanted > PIPE_SIZE ? -EPERM : PIPE_SIZE;
}

int32_t sys_fcntl64(uint32_t fd, uint32_t command, uint32_t argument)
{
	struct file *file = file_of(fd);

	if (!file)
		return -EBADF;
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (argument >= FILES_MAX)
			return -EINVAL;
		return duplicate(fd, argument, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return files_closes_on_exec(current->files, fd) ? FD_CLOEXEC : 0;
	case F_SETFD:
		files_set_close_on_exec(current->files, fd, argument & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return (int32_t)file->flags;
	case F_SETFL:
		file->flags = (file->flags & ~FLAGS_SETTABLE) | (argument & FLAGS_SETTABLE);
		return 0;
	case F_GETPIPE_SZ:
		return pipe_size(file, 0);
	case F_SETPIPE_SZ:
		return pipe_size(file, argument);
	default:
		return -EINVAL;
	}
}

int32_t sys_fcntl(uint32_t fd, uint32_t command, uint32_t argument)
{
	return sys_fcntl64(fd, command, argument);
}

/* --- ioctl ----------------------------------------------------------------------------- */

#define FIONREAD 0x541b
#define FIONBIO 0x5421
#define FIONCLEX 0x5450
#define FIOCLEX 0x5451

static int32_t set_nonblocking(struct file *file, uint32_t from)
{
	uint32_t on;

	if (copy_from_user(&on, from, sizeof(on)))
		return -EFAULT;
	file->flags = (file->flags & ~O_NONBLOCK) | (on ? O_NONBLOCK : 0);
	return 0;
}

/* Bytes that can be read. */
static int32_t count_bytes(const struct file *file, uint32_t to)
{
	if (file->kind == FILE_PIPE)
		return word_to_user(to, pipe_bytes(file->pipe));
	if (file->node->kind != NODE_STILL && file->node->kind != NODE_FILE)
		return -ENOTTY;
	return word_to_user(to, file->node->size - MIN(file->node->size, file->offset));
}

int32_t sys_ioctl(uint32_t fd, uint32_t request, uint32_t argument)
{
	struct file *file = file_of(fd);

	if (!file || (file->flags & O_PATH))
		return -EBADF;
	if (request == FIOCLEX || request == FIONCLEX) {
		files_set_close_on_exec(current->files, fd, request == FIOCLEX);
		return 0;
	}
	if (request == FIONBIO)
		return set_nonblocking(file, argument);
	if (file->kind == FILE_NODE && file->node->kind == NODE_DEVICE &&
	    file->node->device == DEVICE_CONSOLE)
		return console_control(request, argument);
	return request == FIONREAD ? count_bytes(file, argument) : -ENOTTY;
}

/* --- offsets ----------------------------------------------------------------------------- */

enum { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE };

/* The new offset from here on, for a file whose content has holes; -ENXIO past its end. */
static int64_t seek_content(const struct node *node, int64_t offset, bool data)
{
	uint32_t page;

	if (offset < 0 || offset >= node->size)
		return -ENXIO;
	if (node->kind != NODE_FILE)
		return data ? offset : (int64_t)node->size;
	page = (uint32_t)offset / PAGE_SIZE;
	if (data) {
		uint32_t next = page_index_next(&node->pages, page);

		if (next >= INDEX_PAGES || next * PAGE_SIZE >= node->size)
			return -ENXIO;
		return next == page ? offset : (int64_t)next * PAGE_SIZE;
	}
	if (page_index_next(&node->pages, page) != page)
		return offset;
	while (page * PAGE_SIZE < node->size && page_index_next(&node->pages, page) == page)
		page++;
	return MIN(page * PAGE_SIZE, node->size);
}

/* Where a seek leads; negative: an error. */
static int64_t seek_target(const struct file *file, int64_t offset, uint32_t whence)
{
	const struct node *node = file->node;

	switch (whence) {
	case SEEK_SET:
		return offset < 0 ? -EINVAL : offset;
	case SEEK_CUR:
		offset += file->offset;
		return offset < 0 ? -EINVAL : offset;
	case SEEK_END:
		offset += node->size;
		return offset < 0 ? -EINVAL : offset;
	case SEEK_DATA:
	case SEEK_HOLE:
		return seek_content(node, offset, whence == SEEK_DATA);
	default:
		return -EINVAL;
	}
}

static int32_t seek(uint32_t fd, int64_t offset, uint32_t whence, uint32_t *result)
{
	struct file *file = file_of(fd);
	int64_t target;

	if (!file || (file->flags & O_PATH))
		return -EBADF;
	if (!file_can_seek(file))
		return -ESPIPE;
	target = file->node->kind == NODE_DEVICE ? 0 : seek_target(file, offset, whence);
	if (target < 0)
		return (int32_t)target;
	if (target > FILE_SIZE_MAX)
		return whence == SEEK_SET || whence == SEEK_CUR ? -EINVAL : -EOVERFLOW;
	file->offset = (uint32_t)target;
	*result = file->offset;
	return 0;
}

int32_t sys_lseek(uint32_t fd, uint32_t offset, uint32_t whence)
{
	uint32_t result;
	int32_t error = seek(fd, (int32_t)offset, whence, &result);

	return error ? error : (int32_t)result;
}

int32_t sys__llseek(uint32_t fd, uint32_t high, uint32_t low, uint32_t to, uint32_t whence)
{
	uint32_t words[2] = { 0, 0 };
	int32_t error = seek(fd, (int64_t)((uint64_t)high << 32 | low), whence, &words[0]);

	return error ? error : copy_to_user(to, words, sizeof(words));
}

/* --- sizes ------------------------------------------------------------------------------- */

static int32_t resize(uint32_t fd, uint32_t low, uint32_t high)
{
	struct file *file = file_of(fd);

	if ((int32_t)high < 0)
		return -EINVAL;
	if (!file)
		return -EBADF;
	if (!file_can_write(file) || file->kind != FILE_NODE || file->node->kind != NODE_FILE)
		return -EINVAL;
	return ramfs_resize(file->node, high ? FILE_SIZE_MAX + 1 : low);
}

int32_t sys_ftruncate(uint32_t fd, uint32_t size)
{
	return resize(fd, size, (int32_t)size < 0 ? size : 0);
}

int32_t sys_ftruncate64(uint32_t fd, uint32_t low, uint32_t high)
{
	return resize(fd, low, high);
}

int32_t sys_fsync(uint32_t fd)
{
	const struct file *file = file_of(fd);

	if (!file)
		return -EBADF;
	return file_can_seek(file) ? 0 : -EINVAL;
}

int32_t sys_fdatasync(uint32_t fd)
{
	return sys_fsync(fd);
}

int32_t sys_sync(void)
{
	return 0;
}
