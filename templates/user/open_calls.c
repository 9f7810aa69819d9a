/*
 * System calls that open a path.
 *
 * A path that a program gives is copied first, whole; then it is walked from a directory:
 * the current one, or that of a descriptor (path_at()). Everybody is root here: what is
 * refused is what can't be, not who may.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/file.h>
#include <user/syscall_list.h>

const char *path_from_user(unsigned which, uint32_t path, int32_t *error)
{
	static char paths[2][PATH_MAX];

	*error = string_from_user(paths[which], path, PATH_MAX);
	if (*error < 0)
		return NULL;
	*error = 0;
	return paths[which];
}

/* The directory that a descriptor means, for a path from there on. */
static int32_t directory_of(uint32_t fd, struct node **directory)
{
	const struct file *file;

	*directory = current->files->directory;
	if ((int32_t)fd == AT_FDCWD)
		return 0;
	file = file_of(fd);
	if (!file)
		return -EBADF;
	if (file->kind != FILE_NODE || !node_is_directory(file->node))
		return -ENOTDIR;
	*directory = file->node;
	return 0;
}

int32_t path_at(unsigned which, uint32_t fd, uint32_t path, unsigned flags, struct walk *walk)
{
	struct node *directory = root_node;
	int32_t error;
	const char *text = path_from_user(which, path, &error);

	if (!text)
		return error;
	if (*text != '/')
		error = directory_of(fd, &directory);
	return error ? error : path_walk(directory, text, flags, walk);
}

/* Make the regular file that a walk did not find. */
static int32_t create(struct walk *walk, uint32_t mode)
{
	int32_t error;

	if (walk->slash)
		return -EISDIR;
	if (!node_is_writable(walk->directory))
		return -EROFS;
	if (!kernel_may_spare())
		return -ENOSPC;
	mode = S_IFREG | (mode & 07777 & ~current->files->umask);
	walk->node = node_create(NODE_FILE, FS_TMP, mode);
	error = tree_make(walk->directory, walk->name, walk->length, walk->node);
	if (error)
		walk->node = NULL;
	return error;
}

/* Whether a node that is there can be opened with these flags. */
static int32_t check_open(const struct walk *walk, uint32_t flags)
{
	const struct node *node = walk->node;
	bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (node->kind == NODE_LINK && (flags & O_DIRECTORY))
		return -ENOTDIR;
	if (node->kind == NODE_LINK)
		return flags & O_PATH ? 0 : -ELOOP;
	if (node_is_directory(node))
		return (flags & O_CREAT) || writes ? -EISDIR : 0;
	if ((flags & O_DIRECTORY) || walk->slash)
		return -ENOTDIR;
	if (node->kind == NODE_MADE && writes)
		return -EACCES;
	if (node->kind == NODE_STILL && writes)
		return -EROFS;
	return 0;
}

/* The node of an open(), made if it is not there. */
static int32_t find_or_make(uint32_t fd, uint32_t path, uint32_t flags, uint32_t mode,
			    struct walk *walk)
{
	unsigned how = 0;
	int32_t error;

	if (flags & O_CREAT)
		how |= WALK_PARENT;
	if ((flags & O_NOFOLLOW) || ((flags & O_CREAT) && (flags & O_EXCL)))
		how |= WALK_NO_FOLLOW;
	error = path_at(0, fd, path, how, walk);
	if (error)
		return error;
	return walk->node ? check_open(walk, flags) : create(walk, mode);
}

#define FLAGS_KEPT (O_ACCMODE | O_APPEND | O_NONBLOCK | O_LARGEFILE | O_DIRECTORY | O_PATH)

int32_t sys_openat(uint32_t fd, uint32_t path, uint32_t flags, uint32_t mode)
{
	struct walk walk;
	struct file *file;
	int32_t result;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if ((flags & O_CREAT) && (flags & O_DIRECTORY))
		return -EINVAL; /* O_TMPFILE among them */
	result = find_or_make(fd, path, flags, mode, &walk);
	if (result)
		return result;
	file = file_create(FILE_NODE, flags & FLAGS_KEPT);
	if (!file)
		return -ENFILE;
	file->node = walk.node;
	node_get(walk.node);
	result = files_add(file, 0, flags & O_CLOEXEC);
	if (result < 0)
		file_put(file);
	else if ((flags & O_TRUNC) && walk.node->kind == NODE_FILE)
		ramfs_resize(walk.node, 0);
	return result;
}

int32_t sys_open(uint32_t path, uint32_t flags, uint32_t mode)
{
	return sys_openat((uint32_t)AT_FDCWD, path, flags, mode);
}

int32_t sys_creat(uint32_t path, uint32_t mode)
{
	return sys_open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int32_t sys_umask(uint32_t mask)
{
	uint32_t old = current->files->umask;

	current->files->umask = mask & 0777;
	return (int32_t)old;
}

int32_t sys_truncate64(uint32_t path, uint32_t low, uint32_t high)
{
	struct walk walk;
	int32_t error;

	if ((int32_t)high < 0)
		return -EINVAL;
	error = path_at(0, (uint32_t)AT_FDCWD, path, 0, &walk);
	if (error)
		return error;
	if (node_is_directory(walk.node))
		return -EISDIR;
	if (walk.node->kind != NODE_FILE)
		return walk.node->kind == NODE_STILL ? -EROFS : -EINVAL;
	return ramfs_resize(walk.node, high ? FILE_SIZE_MAX + 1 : low);
}

int32_t sys_truncate(uint32_t path, uint32_t size)
{
	return sys_truncate64(path, size, (int32_t)size < 0 ? size : 0);
}
