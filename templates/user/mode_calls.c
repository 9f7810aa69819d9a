/*
 * System calls that change what is known of a file: mode, owner, times.
 *
 * Everybody is root, and owner and group of every file are 0: a change to that is no
 * change, and another one is refused.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/file.h>
#include <user/syscall_list.h>

#define CWD ((uint32_t)AT_FDCWD)

/* The node of an open descriptor; NULL for a pipe. 0 or -EBADF. */
static int32_t node_of(uint32_t fd, struct node **node)
{
	const struct file *file = file_of(fd);

	if (!file || (file->flags & O_PATH))
		return -EBADF;
	*node = file->kind == FILE_NODE ? file->node : NULL;
	return 0;
}

/* The node of a path, of which `flags` says whether a link at its end is meant. */
static int32_t node_at(uint32_t fd, uint32_t path, uint32_t flags, struct node **node)
{
	struct walk walk;
	int32_t error =
		path_at(0, fd, path, flags & AT_SYMLINK_NOFOLLOW ? WALK_NO_FOLLOW : 0, &walk);

	*node = error ? NULL : walk.node;
	return error;
}

static int32_t set_mode(struct node *node, uint32_t mode)
{
	if (!node)
		return 0;
	if (node->file_system != FS_TMP)
		return -EROFS;
	node->mode = (node->mode & S_IFMT) | (mode & 07777);
	return 0;
}

int32_t sys_fchmodat(uint32_t fd, uint32_t path, uint32_t mode)
{
	struct node *node;
	int32_t error = node_at(fd, path, 0, &node);

	return error ? error : set_mode(node, mode);
}

int32_t sys_chmod(uint32_t path, uint32_t mode)
{
	return sys_fchmodat(CWD, path, mode);
}

int32_t sys_fchmod(uint32_t fd, uint32_t mode)
{
	struct node *node;
	int32_t error = node_of(fd, &node);

	return error ? error : set_mode(node, mode);
}

/* --- owners ------------------------------------------------------------------------------ */

/* 0 and -1, which is "as it is", are all that can be asked for. */
static int32_t set_owner(const struct node *node, uint32_t user, uint32_t group)
{
	if (node && node->file_system != FS_TMP)
		return -EROFS;
	return (user + 1 > 1 || group + 1 > 1) ? -EPERM : 0;
}

int32_t sys_fchownat(uint32_t fd, uint32_t path, uint32_t user, uint32_t group, uint32_t flags)
{
	struct node *node;
	int32_t error = node_at(fd, path, flags, &node);

	return error ? error : set_owner(node, user, group);
}

int32_t sys_chown32(uint32_t path, uint32_t user, uint32_t group)
{
	return sys_fchownat(CWD, path, user, group, 0);
}

int32_t sys_lchown32(uint32_t path, uint32_t user, uint32_t group)
{
	return sys_fchownat(CWD, path, user, group, AT_SYMLINK_NOFOLLOW);
}

int32_t sys_fchown32(uint32_t fd, uint32_t user, uint32_t group)
{
	struct node *node;
	int32_t error = node_of(fd, &node);

	return error ? error : set_owner(node, user, group);
}

/* --- times ------------------------------------------------------------------------------- */

#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe

/* Set the time of the last change, the only one that is kept, from two timespecs. */
static int32_t set_time(uint32_t fd, uint32_t path, uint32_t times, uint32_t flags, uint32_t field)
{
	uint32_t words[2] = { 0, UTIME_NOW };
	struct node *node;
	int32_t error;

	/* The second of two times; each is two fields, of which the low words count. */
	if (times && (copy_from_user(&words[0], times + 2 * field, 4) ||
		      copy_from_user(&words[1], times + 3 * field, 4)))
		return -EFAULT;
	error = path ? node_at(fd, path, flags, &node) : node_of(fd, &node);
	if (error || !node || words[1] == UTIME_OMIT)
		return error;
	if (words[1] != UTIME_NOW && words[1] >= 1000000000)
		return -EINVAL;
	if (node->file_system != FS_TMP)
		return -EROFS;
	node->mtime = words[1] == UTIME_NOW ? node_clock() : words[0];
	return 0;
}

int32_t sys_utimensat(uint32_t fd, uint32_t path, uint32_t times, uint32_t flags)
{
	return set_time(fd, path, times, flags, 4);
}

int32_t sys_utimensat_time64(uint32_t fd, uint32_t path, uint32_t times, uint32_t flags)
{
	return set_time(fd, path, times, flags, 8);
}
