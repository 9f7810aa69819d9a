/*
 * System calls that change the tree: mkdir, unlink, rename, link and the like.
 *
 * Only what is below /tmp changes; elsewhere it is -EROFS. Each call walks its path or
 * paths, checks all that could be wrong, and then changes what can't fail any more, or
 * fails before anything has changed.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <mm/kmalloc.h>
#include <user/file.h>
#include <user/syscall_list.h>

#define CWD ((uint32_t)AT_FDCWD)

/* Where a new name is to be: 0 if it can be made there. */
static int32_t walk_to_make(unsigned which, uint32_t fd, uint32_t path, struct walk *walk)
{
	int32_t error = path_at(which, fd, path, WALK_PARENT | WALK_NO_FOLLOW, walk);

	if (error)
		return error;
	if (walk->node)
		return -EEXIST;
	if (!node_is_writable(walk->directory))
		return -EROFS;
	return kernel_may_spare() ? 0 : -ENOSPC;
}

int32_t sys_mkdirat(uint32_t fd, uint32_t path, uint32_t mode)
{
	struct walk walk;
	int32_t error = walk_to_make(0, fd, path, &walk);

	if (error)
		return error;
	mode = S_IFDIR | (mode & 01777 & ~current->files->umask);
	return tree_make(walk.directory, walk.name, walk.length,
			 node_create(NODE_DIRECTORY, FS_TMP, mode));
}

int32_t sys_mkdir(uint32_t path, uint32_t mode)
{
	return sys_mkdirat(CWD, path, mode);
}

int32_t sys_symlinkat(uint32_t target, uint32_t fd, uint32_t path)
{
	int32_t error;
	const char *text = path_from_user(1, target, &error);
	size_t length;
	struct walk walk;
	struct node *link;

	if (!text)
		return error;
	if (!*text)
		return -ENOENT;
	error = walk_to_make(0, fd, path, &walk);
	if (error)
		return error;
	if (walk.slash)
		return -ENOENT;
	link = node_create(NODE_LINK, FS_TMP, S_IFLNK | 0777);
	if (!link)
		return -ENOSPC;
	length = strlen(text);
	link->target = kmalloc(length + 1);
	if (!link->target) {
		node_put(link);
		return -ENOSPC;
	}
	memcpy(link->target, text, length + 1);
	link->size = length;
	return tree_make(walk.directory, walk.name, walk.length, link);
}

int32_t sys_symlink(uint32_t target, uint32_t path)
{
	return sys_symlinkat(target, CWD, path);
}

int32_t sys_linkat(uint32_t from_fd, uint32_t from, uint32_t to_fd, uint32_t to, uint32_t flags)
{
	struct walk old;
	struct walk new;
	int32_t error;

	if (flags & ~AT_SYMLINK_FOLLOW)
		return -EINVAL;
	error = path_at(0, from_fd, from, flags & AT_SYMLINK_FOLLOW ? 0 : WALK_NO_FOLLOW, &old);
	if (error)
		return error;
	error = walk_to_make(1, to_fd, to, &new);
	if (error)
		return error;
	if (node_is_directory(old.node))
		return -EPERM;
	if (new.slash)
		return -ENOENT;
	if (old.node->file_system != FS_TMP)
		return -EXDEV;
	return tree_link(new.directory, new.name, new.length, old.node);
}

int32_t sys_link(uint32_t from, uint32_t to)
{
	return sys_linkat(CWD, from, CWD, to, 0);
}

/* --- removing --------------------------------------------------------------------------- */

/* Walk to an entry that is to go. */
static int32_t walk_to_remove(unsigned which, uint32_t fd, uint32_t path, struct walk *walk,
			      struct entry **entry)
{
	int32_t error = path_at(which, fd, path, WALK_NO_FOLLOW, walk);

	if (error)
		return error;
	if (!walk->directory)
		return walk->node == root_node ? -EBUSY : -EINVAL; /* /, . or .. */
	if (!node_is_writable(walk->directory))
		return walk->node->file_system != walk->directory->file_system ? -EBUSY : -EROFS;
	*entry = tree_find(walk->directory, walk->name, walk->length);
	return *entry ? 0 : -ENOENT;
}

static int32_t remove_folder(uint32_t fd, uint32_t path)
{
	struct walk walk;
	struct entry *entry;
	int32_t error = walk_to_remove(0, fd, path, &walk, &entry);

	if (error == -EINVAL && walk.length == 2)
		return -ENOTEMPTY; /* ".." */
	if (error)
		return error;
	if (!node_is_directory(walk.node))
		return -ENOTDIR;
	if (walk.node->directory.first)
		return -ENOTEMPTY;
	tree_unlink(entry);
	return 0;
}

static int32_t remove_file(uint32_t fd, uint32_t path)
{
	struct walk walk;
	struct entry *entry;
	int32_t error = walk_to_remove(0, fd, path, &walk, &entry);

	if (error)
		return error == -EINVAL ? -EISDIR : error;
	if (node_is_directory(walk.node))
		return -EISDIR;
	tree_unlink(entry);
	return 0;
}

int32_t sys_unlinkat(uint32_t fd, uint32_t path, uint32_t flags)
{
	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return flags ? remove_folder(fd, path) : remove_file(fd, path);
}

int32_t sys_unlink(uint32_t path)
{
	return remove_file(CWD, path);
}

int32_t sys_rmdir(uint32_t path)
{
	return remove_folder(CWD, path);
}

/* --- renaming ---------------------------------------------------------------------------- */

#define RENAME_NOREPLACE 1

/* Whether a directory is another one, or above it. */
static bool is_above(const struct node *node, const struct node *below)
{
	while (below != node && below && below != root_node)
		below = tree_parent(below);
	return below == node;
}

/* Whether `old` may take the place that `new` has. */
static int32_t check_rename(const struct walk *old, const struct walk *new)
{
	bool folder = node_is_directory(old->node);

	if (!new->directory)
		return -EBUSY;
	if (!node_is_writable(new->directory))
		return new->directory->file_system == old->directory->file_system ? -EROFS : -EXDEV;
	if ((old->slash || new->slash) && !folder)
		return -ENOTDIR;
	if (folder && is_above(old->node, new->directory))
		return -EINVAL;
	if (!new->node || new->node == old->node)
		return 0;
	if (folder && !node_is_directory(new->node))
		return -ENOTDIR;
	if (!folder && node_is_directory(new->node))
		return -EISDIR;
	if (folder && new->node->directory.first)
		return -ENOTEMPTY;
	return 0;
}

int32_t sys_renameat2(uint32_t from_fd, uint32_t from, uint32_t to_fd, uint32_t to, uint32_t flags)
{
	struct walk old;
	struct walk new;
	struct entry *entry;
	int32_t error;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	error = walk_to_remove(0, from_fd, from, &old, &entry);
	if (error)
		return error == -EINVAL ? -EBUSY : error;
	error = path_at(1, to_fd, to, WALK_PARENT | WALK_NO_FOLLOW, &new);
	if (!error && new.node && (flags & RENAME_NOREPLACE))
		error = -EEXIST;
	if (!error)
		error = check_rename(&old, &new);
	if (error || new.node == old.node)
		return error;
	return tree_move(entry, new.directory, new.name, new.length);
}

int32_t sys_renameat(uint32_t from_fd, uint32_t from, uint32_t to_fd, uint32_t to)
{
	return sys_renameat2(from_fd, from, to_fd, to, 0);
}

int32_t sys_rename(uint32_t from, uint32_t to)
{
	return sys_renameat2(CWD, from, CWD, to, 0);
}
