/*
 * Descriptors: numbers by which a process knows its open files.
 *
 *     process -> files -> open[0] ----> file (flags, offset) ----> node or pipe
 *                         open[1] ----/
 *                         open[2] ---> file
 *
 * dup() and fork() make more pointers to the same open file, so they share its offset;
 * open() makes another open file of the same node. Whether a descriptor is closed by execve()
 * is the descriptor's own.
 *
 * The first 16 descriptors are in the table itself: few programs have more.
 *
 * Invariant: open[fd] is NULL for all fd >= end, and for fd = end - 1 it is not.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/bits.h>
#include <kernel/panic.h>
#include <mm/kmalloc.h>
#include <mm/slab.h>
#include <user/file.h>

static struct kmem_cache *file_cache;
static struct kmem_cache *files_cache;

bool files_init(void)
{
	file_cache = kmem_cache_create("file", sizeof(struct file), 0, NULL);
	files_cache = kmem_cache_create("files", sizeof(struct files), 0, NULL);
	return file_cache && files_cache;
}

void files_exit(void)
{
	kmem_cache_destroy(file_cache);
	kmem_cache_destroy(files_cache);
	file_cache = NULL;
	files_cache = NULL;
}

struct file *file_create(enum file_kind kind, uint32_t flags)
{
	struct file *file = kmem_cache_alloc(file_cache);

	if (!file)
		return NULL;
	*file = (struct file){ .users = 1, .flags = flags, .kind = kind };
	return file;
}

void file_free(struct file *file)
{
	kmem_cache_free(file_cache, file);
}

void file_put(struct file *file)
{
	if (--file->users)
		return;
	if (file->kind == FILE_PIPE)
		pipe_close(file);
	else
		node_put(file->node);
	file_free(file);
}

void files_set_close_on_exec(struct files *files, uint32_t fd, bool on)
{
	uint32_t bit = 1u << fd % 32;

	if (on)
		files->close_on_exec[fd / 32] |= bit;
	else
		files->close_on_exec[fd / 32] &= ~bit;
}

bool files_closes_on_exec(const struct files *files, uint32_t fd)
{
	return files->close_on_exec[fd / 32] >> fd % 32 & 1;
}

/* Make room for a descriptor; false if there is none, or memory ran out. */
static bool widen(struct files *files, uint32_t fd)
{
	uint32_t size = files->size;
	struct file **open;

	if (fd < size)
		return true;
	if (fd >= FILES_MAX)
		return false;
	while (size <= fd)
		size *= 2;
	open = kcalloc(size, sizeof(open[0]));
	if (!open)
		return false;
	memcpy(open, files->open, files->size * sizeof(open[0]));
	if (files->open != files->inlined)
		kfree(files->open);
	files->open = open;
	files->size = size;
	return true;
}

int32_t files_replace(struct file *file, uint32_t to, bool close_on_exec)
{
	struct files *files = current->files;

	if (to >= FILES_MAX)
		return -EBADF;
	if (!widen(files, to))
		return -EMFILE;
	file->users++;
	if (files->open[to])
		file_put(files->open[to]);
	files->open[to] = file;
	files->end = MAX(files->end, to + 1);
	files_set_close_on_exec(files, to, close_on_exec);
	return (int32_t)to;
}

int32_t files_add(struct file *file, uint32_t from, bool close_on_exec)
{
	struct files *files = current->files;
	uint32_t fd = from;

	while (fd < files->end && files->open[fd])
		fd++;
	if (!widen(files, fd))
		return -EMFILE;
	files->open[fd] = file;
	files->end = MAX(files->end, fd + 1);
	files_set_close_on_exec(files, fd, close_on_exec);
	return (int32_t)fd;
}

int32_t files_close(struct files *files, uint32_t fd)
{
	struct file *file = fd < files->end ? files->open[fd] : NULL;

	if (!file)
		return -EBADF;
	files->open[fd] = NULL;
	files_set_close_on_exec(files, fd, false);
	while (files->end && !files->open[files->end - 1])
		files->end--;
	file_put(file);
	return 0;
}

/* A table without open files. */
static struct files *create_empty(struct node *directory)
{
	struct files *files = kmem_cache_alloc(files_cache);

	if (!files)
		return NULL;
	memset(files, 0, sizeof(*files));
	files->users = 1;
	files->size = FILES_INLINE;
	files->open = files->inlined;
	files->umask = 022;
	files->directory = directory;
	node_get(directory);
	return files;
}

/* One open file of the console, which descriptors 0, 1 and 2 share. */
static struct file *open_console(void)
{
	struct walk walk;
	struct file *file;

	if (path_walk(root_node, "/dev/console", 0, &walk))
		return NULL;
	file = file_create(FILE_NODE, O_RDWR | O_LARGEFILE);
	if (!file)
		return NULL;
	file->node = walk.node;
	node_get(walk.node);
	return file;
}

struct files *files_create(void)
{
	struct files *files = create_empty(root_node);
	struct file *console = files ? open_console() : NULL;

	if (!console) {
		if (files)
			files_put(files);
		return NULL;
	}
	console->users = 3;
	for (uint32_t fd = 0; fd < 3; fd++)
		files->open[fd] = console;
	files->end = 3;
	return files;
}

struct files *files_clone(const struct files *files)
{
	struct files *clone = create_empty(files->directory);

	if (!clone)
		return NULL;
	if (!widen(clone, files->end ? files->end - 1 : 0)) {
		files_put(clone);
		return NULL;
	}
	for (uint32_t fd = 0; fd < files->end; fd++) {
		clone->open[fd] = files->open[fd];
		if (clone->open[fd])
			clone->open[fd]->users++;
	}
	clone->end = files->end;
	clone->umask = files->umask;
	memcpy(clone->close_on_exec, files->close_on_exec, sizeof(clone->close_on_exec));
	return clone;
}

void files_get(struct files *files)
{
	files->users++;
}

void files_put(struct files *files)
{
	BUG_ON(!files->users);
	if (--files->users)
		return;
	while (files->end)
		files_close(files, files->end - 1);
	if (files->open != files->inlined)
		kfree(files->open);
	node_put(files->directory);
	kmem_cache_free(files_cache, files);
}

void files_close_on_exec(struct files *files)
{
	for (uint32_t i = 0; i * 32 < files->end; i++) {
		while (files->close_on_exec[i]) {
			uint32_t fd = i * 32 + lowest_bit(files->close_on_exec[i]);

			files_close(files, fd);
		}
	}
}

struct node *files_node(int32_t fd, bool *writable)
{
	struct file *file = file_of((uint32_t)fd);

	if (!file || file->kind != FILE_NODE || !file_can_read(file) ||
	    (file->node->kind != NODE_STILL && file->node->kind != NODE_FILE))
		return NULL;
	*writable = file_can_write(file);
	return file->node;
}

struct node *files_directory(void)
{
	return current && current->files ? current->files->directory : root_node;
}
