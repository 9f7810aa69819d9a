/*
 * System calls on directories: getdents, chdir, getcwd.
 *
 * An open directory's offset is the cookie of the entry that comes next: 0 and 1 are "."
 * and "..", entries have theirs (user/tree.c). Entries may come and go in between: who
 * was there all the time is listed once.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/file.h>
#include <user/syscall_list.h>

/* What both of Linux's forms of an entry are made of. */
struct listed {
	uint32_t inode, mode, next;
	const char *name;
	uint32_t length;
};

/* linux/dirent.h: inode, offset, length of this record, name, type in its last byte. */
static int32_t put_old_entry(const struct listed *listed, uint32_t to, uint32_t room)
{
	char record[10 + NAME_MAX + 2 + 3];
	uint32_t size = ALIGN_UP(10 + listed->length + 2, 4u);
	uint32_t words[2] = { listed->inode, listed->next };
	uint16_t length = (uint16_t)size;

	if (size > room)
		return -EINVAL;
	memset(record, 0, sizeof(record));
	memcpy(record, words, sizeof(words));
	memcpy(record + 8, &length, sizeof(length));
	memcpy(record + 10, listed->name, listed->length);
	record[size - 1] = (char)(listed->mode >> 12);
	return copy_to_user(to, record, size) ? -EFAULT : (int32_t)size;
}

/* The same with 64 bits: inode, offset, length, type, name. */
static int32_t put_entry(const struct listed *listed, uint32_t to, uint32_t room)
{
	char record[19 + NAME_MAX + 1 + 7];
	uint32_t size = ALIGN_UP(19 + listed->length + 1, 8u);
	uint32_t words[4] = { listed->inode, 0, listed->next, 0 };
	uint16_t length = (uint16_t)size;

	if (size > room)
		return -EINVAL;
	memset(record, 0, sizeof(record));
	memcpy(record, words, sizeof(words));
	memcpy(record + 16, &length, sizeof(length));
	record[18] = (char)(listed->mode >> 12);
	memcpy(record + 19, listed->name, listed->length);
	return copy_to_user(to, record, size) ? -EFAULT : (int32_t)size;
}

/* "." and "..", whose cookies are 0 and 1. */
static void list_dots(const struct node *directory, uint32_t cookie, struct listed *listed)
{
	const struct node *node = cookie ? tree_parent(directory) : directory;

	*listed = (struct listed){ node->number, node->mode, cookie + 1, "..", cookie + 1 };
}

static void list_entry(const struct entry *entry, struct listed *listed)
{
	*listed = (struct listed){ entry->node->number, entry->node->mode, entry->cookie + 1,
				   entry->name, entry->length };
}

/* The first entry whose cookie is `cookie` or more. */
static const struct entry *entry_from(const struct node *directory, uint32_t cookie)
{
	const struct entry *entry = directory->directory.first;

	while (entry && entry->cookie < cookie)
		entry = entry->next;
	return entry;
}

static int32_t list(uint32_t fd, uint32_t to, uint32_t size,
		    int32_t (*put)(const struct listed *listed, uint32_t to, uint32_t room))
{
	struct file *file = file_of(fd);
	const struct entry *entry;
	struct listed listed;
	uint32_t done = 0;

	if (!file || (file->flags & O_PATH))
		return -EBADF;
	if (file->kind != FILE_NODE || !node_is_directory(file->node))
		return -ENOTDIR;
	if (!tree_parent(file->node))
		return -ENOENT; /* it was removed */
	entry = entry_from(file->node, file->offset);
	while (file->offset < 2 || entry) {
		int32_t result;

		if (file->offset < 2) {
			list_dots(file->node, file->offset, &listed);
		} else {
			list_entry(entry, &listed);
			entry = entry->next;
		}
		result = put(&listed, to + done, size - done);
		if (result < 0)
			return done ? (int32_t)done : result;
		done += (uint32_t)result;
		file->offset = listed.next;
	}
	return (int32_t)done;
}

int32_t sys_getdents(uint32_t fd, uint32_t to, uint32_t size)
{
	return list(fd, to, size, put_old_entry);
}

int32_t sys_getdents64(uint32_t fd, uint32_t to, uint32_t size)
{
	return list(fd, to, size, put_entry);
}

static int32_t change_to(struct node *node)
{
	struct files *files = current->files;

	if (!node_is_directory(node))
		return -ENOTDIR;
	node_get(node);
	node_put(files->directory);
	files->directory = node;
	return 0;
}

int32_t sys_chdir(uint32_t path)
{
	struct walk walk;
	int32_t error = path_at(0, (uint32_t)AT_FDCWD, path, 0, &walk);

	return error ? error : change_to(walk.node);
}

int32_t sys_fchdir(uint32_t fd)
{
	struct file *file = file_of(fd);

	if (!file)
		return -EBADF;
	return file->kind == FILE_NODE ? change_to(file->node) : -ENOTDIR;
}

int32_t sys_getcwd(uint32_t to, uint32_t size)
{
	static char path[PATH_MAX];
	const struct node *directory = current->files->directory;
	uint32_t length;

	if (!tree_parent(directory))
		return -ENOENT;
	node_path(directory, path, sizeof(path));
	if (path[0] != '/')
		return -ENAMETOOLONG;
	length = strlen(path) + 1;
	if (length > size)
		return -ERANGE;
	return copy_to_user(to, path, length) ? -EFAULT : (int32_t)length;
}
