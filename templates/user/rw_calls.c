/*
 * System calls that move bytes: read, write, and their relatives.
 *
 * Each kind of file moves what it can move now, and answers -EAGAIN if that is nothing
 * (file_read_some(), file_write_some()). Waiting is done here, once for all: the process
 * sleeps, and makes the call again from its beginning. How far a write that must wait has
 * come is in current->progress; it is 0 for a call that begins, and when it ends.
 *
 * Order of checks, as in Linux: descriptor, what it was opened for, the range of memory,
 * the length.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/file.h>
#include <user/signal.h>
#include <user/syscall_list.h>

#define IOV_MAX 1024 /* Linux's UIO_MAXIOV */

struct iovec {
	uint32_t base, length;
};

static int32_t node_read_some(struct file *file, uint32_t to, uint32_t n, uint32_t *offset)
{
	struct node *node = file->node;
	int32_t done;

	switch ((enum node_kind)node->kind) {
	case NODE_DIRECTORY:
		return -EISDIR;
	case NODE_DEVICE:
		return device_read(node->device, to, n);
	case NODE_MADE:
		done = made_to_user(node, *offset, to, n);
		break;
	case NODE_STILL:
	case NODE_FILE:
		done = node_to_user(node, *offset, to, n);
		break;
	case NODE_LINK:
	default:
		return -EINVAL;
	}
	if (done > 0)
		*offset += (uint32_t)done;
	return done;
}

int32_t file_read_some(struct file *file, uint32_t to, uint32_t n, uint32_t *offset)
{
	if (file->kind == FILE_PIPE)
		return pipe_read(file->pipe, to, n);
	return node_read_some(file, to, n, offset);
}

int32_t file_write_some(struct file *file, uint32_t from, uint32_t n, uint32_t *offset, bool kernel)
{
	struct node *node = file->node;
	int32_t done;

	if (file->kind == FILE_PIPE)
		return pipe_write(file->pipe, from, n, kernel);
	if (node->kind == NODE_DEVICE)
		return device_write(node->device, from, n, kernel);
	if (node->kind != NODE_FILE)
		return -EINVAL;
	done = ramfs_write(node, *offset, from, n, kernel);
	if (done > 0)
		*offset += (uint32_t)done;
	return done;
}

int32_t file_wait_to_read(struct file *file)
{
	if (file->flags & O_NONBLOCK)
		return -EAGAIN;
	return file->kind == FILE_PIPE ? pipe_wait_to_read(file->pipe) : console_wait();
}

int32_t file_wait_to_write(struct file *file)
{
	if ((file->flags & O_NONBLOCK) || file->kind != FILE_PIPE)
		return -EAGAIN;
	return pipe_wait_to_write(file->pipe);
}

/* The current process's file of a descriptor, if it can be read, or written. */
static struct file *file_to_read(uint32_t fd)
{
	struct file *file = file_of(fd);

	return file && file_can_read(file) ? file : NULL;
}

static struct file *file_to_write(uint32_t fd)
{
	struct file *file = file_of(fd);

	return file && file_can_write(file) ? file : NULL;
}

/* 0 if a program may name this memory, -EFAULT or -EINVAL. *n becomes what one call moves. */
static int32_t check_range(uint32_t addr, uint32_t *n)
{
	if (!user_range(addr, *n))
		return -EFAULT;
	if ((int32_t)*n < 0)
		return -EINVAL;
	*n = MIN(*n, RW_MAX);
	return 0;
}

/* Where an append goes. */
static uint32_t *write_offset(struct file *file)
{
	if ((file->flags & O_APPEND) && file->kind == FILE_NODE)
		file->offset = file->node->size;
	return &file->offset;
}

/*
 * A call that has moved `done` bytes came to an error: what it returns. It sleeps if
 * it is to, with `done` noted for when it is made again.
 */
static int32_t write_stopped(struct file *file, uint32_t done, int32_t error)
{
	current->progress = done;
	if (error == -EAGAIN)
		error = file_wait_to_write(file);
	if (error == -EWAIT)
		return error;
	current->progress = 0;
	if (error == -EPIPE)
		signal_send(current, SIGPIPE);
	return done ? (int32_t)done : error;
}

static NOINLINE int32_t read_at_length(struct file *file, uint32_t to, uint32_t n)
{
	int32_t result = check_range(to, &n);

	if (result)
		return result;
	result = file_read_some(file, to, n, &file->offset);
	return result == -EAGAIN ? file_wait_to_read(file) : result;
}

int32_t sys_read(uint32_t fd, uint32_t to, uint32_t n)
{
	struct file *file = file_to_read(fd);
	int32_t result;

	if (!file)
		return -EBADF;
	if (file->kind == FILE_PIPE && n <= PIPE_ATOMIC) {
		result = pipe_read_few(file, to, n);
		if (likely(result != -EAGAIN))
			return result;
	}
	return read_at_length(file, to, n);
}
static NOINLINE int32_t write_at_length(struct file *file, uint32_t from, uint32_t n)
{
	int32_t result = check_range(from, &n);
	uint32_t done;

	if (result)
		return result;
	done = MIN(current->progress, n);
	do {
		result = file_write_some(file, from + done, n - done, write_offset(file), false);
		if (result < 0)
			return write_stopped(file, done, result);
		done += (uint32_t)result;
	} while (done < n && result > 0);
	current->progress = 0;
	return (int32_t)done;
}

int32_t sys_write(uint32_t fd, uint32_t from, uint32_t n)
{
	struct file *file = file_to_write(fd);
	int32_t result;

	if (!file)
		return -EBADF;
	if (file->kind == FILE_PIPE && n <= PIPE_ATOMIC) { /* so it has made no progress yet */
		result = pipe_write_few(file->pipe, from, n);
		if (likely(result != -EAGAIN))
			return result;
	}
	return write_at_length(file, from, n);
}

/* --- many pieces --------------------------------------------------------------------- */

/* The bytes of an array of pieces; -EFAULT, -EINVAL. */
static int32_t count_pieces(uint32_t iov, uint32_t count, uint32_t *total)
{
	*total = 0;
	if (count > IOV_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		struct iovec piece;

		if (copy_from_user(&piece, iov + i * sizeof(piece), sizeof(piece)))
			return -EFAULT;
		if ((int32_t)piece.length < 0)
			return -EINVAL;
		if (!user_range(piece.base, piece.length))
			return -EFAULT;
		*total += MIN(piece.length, RW_MAX - *total);
	}
	return 0;
}

/* Move pieces from byte `done` of them on, until one is not moved whole. */
static int32_t move_pieces(struct file *file, uint32_t iov, uint32_t count, uint32_t *done,
			   bool write)
{
	uint32_t start = 0; /* of this piece */

	for (uint32_t i = 0; i < count; i++) {
		uint32_t skip;
		struct iovec piece;
		int32_t result;

		if (copy_from_user(&piece, iov + i * sizeof(piece), sizeof(piece)))
			return -EFAULT;
		skip = *done - start;
		start += piece.length;
		if (skip >= piece.length)
			continue;
		piece.base += skip;
		piece.length = MIN(piece.length - skip, RW_MAX - *done);
		if (!user_range(piece.base, piece.length))
			return -EFAULT;
		if (write)
			result = file_write_some(file, piece.base, piece.length, write_offset(file),
						 false);
		else
			result = file_read_some(file, piece.base, piece.length, &file->offset);
		if (result < 0)
			return result;
		*done += (uint32_t)result;
		if ((uint32_t)result < piece.length)
			return 0;
	}
	return 0;
}

int32_t sys_readv(uint32_t fd, uint32_t iov, uint32_t count)
{
	struct file *file = file_to_read(fd);
	uint32_t done = 0;
	uint32_t total;
	int32_t error;

	if (!file)
		return -EBADF;
	error = count_pieces(iov, count, &total);
	if (error || !total)
		return error;
	error = move_pieces(file, iov, count, &done, false);
	if (done)
		return (int32_t)done;
	return error == -EAGAIN ? file_wait_to_read(file) : error;
}

int32_t sys_writev(uint32_t fd, uint32_t iov, uint32_t count)
{
	struct file *file = file_to_write(fd);
	uint32_t done = current->progress;
	uint32_t before;
	uint32_t total;
	int32_t error;

	if (!file)
		return -EBADF;
	error = count_pieces(iov, count, &total);
	if (error)
		return error;
	/* All pieces together are one write: not mixed with others' if they are few bytes. */
	if (file->kind == FILE_PIPE && total <= PIPE_ATOMIC && total > pipe_room(file->pipe) &&
	    pipe_has_reader(file->pipe))
		return write_stopped(file, 0, -EAGAIN);
	do {
		before = done;
		error = move_pieces(file, iov, count, &done, true);
		if (error)
			return write_stopped(file, done, error);
	} while (done < total && done != before);
	current->progress = 0;
	return (int32_t)done;
}

/* --- at an offset ---------------------------------------------------------------------- */

/* 64 bits in two words: an offset that a file can have, or beyond all of them. */
static int32_t offset_from(uint32_t low, uint32_t high, uint32_t *offset)
{
	if ((int32_t)high < 0)
		return -EINVAL;
	*offset = high || low > FILE_SIZE_MAX ? FILE_SIZE_MAX : low;
	return 0;
}

int32_t sys_pread64(uint32_t fd, uint32_t to, uint32_t n, uint32_t low, uint32_t high)
{
	struct file *file = file_to_read(fd);
	uint32_t offset;
	int32_t error = offset_from(low, high, &offset);

	if (error)
		return error;
	if (!file)
		return -EBADF;
	if (!file_can_seek(file))
		return -ESPIPE;
	error = check_range(to, &n);
	return error ? error : file_read_some(file, to, n, &offset);
}

int32_t sys_pwrite64(uint32_t fd, uint32_t from, uint32_t n, uint32_t low, uint32_t high)
{
	struct file *file = file_to_write(fd);
	uint32_t offset;
	int32_t error = offset_from(low, high, &offset);

	if (error)
		return error;
	if (!file)
		return -EBADF;
	if (!file_can_seek(file))
		return -ESPIPE;
	error = check_range(from, &n);
	if (error)
		return error;
	if (file->flags & O_APPEND)
		offset = file->node->size; /* as Linux does, against POSIX */
	return file_write_some(file, from, n, &offset, false);
}

/* --- from file to file ------------------------------------------------------------------- */

/* Move up to n bytes from `in` at *offset to `out`, until that has to wait or an end. */
static int32_t send(struct file *out, struct file *in, uint32_t *offset, uint32_t n, uint32_t *done)
{
	static char bounce[PAGE_SIZE];

	while (*done < n) {
		uint32_t part =
			node_read(in->node, *offset, bounce, MIN(n - *done, sizeof(bounce)));
		uint32_t sent = 0;

		if (!part)
			return 0;
		while (sent < part) {
			int32_t result = file_write_some(out, (uint32_t)(uintptr_t)bounce + sent,
							 part - sent, write_offset(out), true);

			if (result <= 0)
				return result;
			sent += (uint32_t)result;
			*done += (uint32_t)result;
			*offset += (uint32_t)result;
		}
	}
	return 0;
}

static int32_t send_file(uint32_t to, uint32_t from, uint32_t *offset, uint32_t n)
{
	struct file *in = file_to_read(from);
	struct file *out = file_to_write(to);
	uint32_t done = 0;
	int32_t error;

	if (!in || !out)
		return -EBADF;
	if (in->kind != FILE_NODE || in->node->kind == NODE_DEVICE ||
	    in->node->kind == NODE_DIRECTORY || (out->flags & O_APPEND))
		return -EINVAL;
	if ((int32_t)n < 0)
		return -EINVAL;
	error = send(out, in, offset ? offset : &in->offset, MIN(n, RW_MAX), &done);
	if (done)
		return (int32_t)done; /* fewer than asked for: the caller comes again */
	return error ? write_stopped(out, 0, error) : 0;
}

int32_t sys_sendfile(uint32_t to, uint32_t from, uint32_t offset, uint32_t n)
{
	uint32_t at;
	int32_t result;

	if (!offset)
		return send_file(to, from, NULL, n);
	if (copy_from_user(&at, offset, sizeof(at)))
		return -EFAULT;
	if ((int32_t)at < 0)
		return -EINVAL;
	result = send_file(to, from, &at, n);
	return word_to_user(offset, at) ? -EFAULT : result;
}

int32_t sys_sendfile64(uint32_t to, uint32_t from, uint32_t offset, uint32_t n)
{
	uint32_t words[2];
	uint32_t at;
	int32_t result;

	if (!offset)
		return send_file(to, from, NULL, n);
	if (copy_from_user(words, offset, sizeof(words)))
		return -EFAULT;
	result = offset_from(words[0], words[1], &at);
	if (result)
		return result;
	result = send_file(to, from, &at, n);
	words[0] = at;
	words[1] = 0;
	return result > 0 && copy_to_user(offset, words, sizeof(words)) ? -EFAULT : result;
}
