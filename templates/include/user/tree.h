/*
 * The tree of files from within: nodes, the entries that name them, and paths.
 *
 * user/node.h is what the rest of user space needs of it.
 */
#ifndef USER_TREE_H
#define USER_TREE_H

#include <user/node.h>
#include <user/page_index.h>

#define NAME_MAX 255 /* bytes of a name; Linux's */
#define PATH_MAX 4096 /* bytes of a path, with its NUL; Linux's */
#define LINKS_MAX 40 /* symbolic links that one path may lead through; Linux's */

/* Types in st_mode; the values are Linux's. */
#define S_IFMT 0170000
#define S_IFIFO 0010000
#define S_IFCHR 0020000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFREG 0100000
#define S_IFLNK 0120000

enum node_kind {
	NODE_DIRECTORY,
	NODE_LINK, /* symbolic */
	NODE_STILL, /* content that came with the boot, where it is */
	NODE_FILE, /* of /tmp: content in frames of its own */
	NODE_MADE, /* its content is made when it is read */
	NODE_DEVICE,
};

enum file_system { FS_ROOT = 1, FS_TMP, FS_PROC, FS_DEV, FS_PIPE }; /* st_dev */

enum device { DEVICE_NULL, DEVICE_ZERO, DEVICE_FULL, DEVICE_RANDOM, DEVICE_CONSOLE };

/* A name in a directory. */
struct entry {
	struct entry *hash_next;
	struct entry *next, *previous; /* in the directory, oldest first */
	struct node *directory;
	struct node *node;
	uint32_t cookie; /* its place for getdents(), which grows along the directory */
	uint8_t length;
	char name[]; /* with a NUL */
};

struct node {
	uint32_t users; /* entries, open files, areas, processes that hold it */
	uint32_t number; /* st_ino */
	uint32_t mode; /* st_mode */
	uint32_t links; /* entries that name it */
	uint32_t size; /* bytes */
	uint32_t mtime; /* seconds */
	uint8_t kind; /* enum node_kind */
	uint8_t file_system;
	bool shown; /* a frame of it may be mapped somewhere */
	struct entry
		*entry; /* the newest that names it; NULL for the root, and where there is none */
	union {
		struct {
			struct entry *first, *last;
			uint32_t cookie; /* of the next entry */
			uint32_t folders; /* of its entries */
		} directory;
		char *target; /* of a link; NULL: the current program (/proc/self/exe) */
		phys_addr_t start; /* of content that came with the boot */
		struct page_index pages;
		size_t (*make)(char *to, size_t size, uint32_t offset);
		enum device device;
	};
};

static inline bool node_is_directory(const struct node *node)
{
	return node->kind == NODE_DIRECTORY;
}

/* --- nodes (user/node.c) --------------------------------------------------------- */

extern struct node *root_node;

/* A node that nobody holds yet but the caller, and no entry names; NULL if memory ran out. */
struct node *node_create(enum node_kind kind, enum file_system fs, uint32_t mode);

/* Whether a write to it, or in it, is possible: it is below /tmp. */
static inline bool node_is_writable(const struct node *node)
{
	return node->file_system == FS_TMP && node->kind != NODE_STILL;
}

/* Seconds, for st_mtime. */
uint32_t node_clock(void);

/* Copy content to the current program, up to n bytes. How many, or -EFAULT if none could be. */
int32_t node_to_user(struct node *node, uint32_t offset, uint32_t to, uint32_t n);

/*
 * A copy of *part bytes at a program's address failed. Where they reach into a second page,
 * the first alone may do: false if there is but one.
 */
static inline bool cut_at_page(uint32_t addr, uint32_t *part)
{
	uint32_t first = PAGE_SIZE - addr % PAGE_SIZE;

	if (*part <= first)
		return false;
	*part = first;
	return true;
}

/* Show n bytes from phys on, which are in one page; until window_close(). */
char *window_open(phys_addr_t phys);
void window_close(const char *window);

/* Zero n bytes from phys on, which are in one page; also while a window is open. */
void window_zero(phys_addr_t phys, uint32_t n);

/* Set up and leave what node_create() and tree_link() use. */
bool tree_init(void);
void tree_exit(void);

/* --- directories (user/tree.c) ------------------------------------------------------ */

/* The entry of a name in a directory; NULL. Neither "." nor ".." is one. */
struct entry *tree_find(const struct node *directory, const char *name, size_t length);

/* Name a node. 0, -EEXIST, -ENAMETOOLONG, -ENOENT (the directory was removed), -ENOSPC. */
int32_t tree_link(struct node *directory, const char *name, size_t length, struct node *node);

/* Take an entry away; the node's last user frees it. */
void tree_unlink(struct entry *entry);

/* Name what an entry names anew, in the place of what has that name. 0 or -ENOSPC. */
int32_t tree_move(struct entry *from, struct node *directory, const char *name, size_t length);

/* Name a new node, whose user the entry takes over; it is freed if that fails, or NULL. */
int32_t tree_make(struct node *directory, const char *name, size_t length, struct node *node);

/* The directory above; the root is above itself; NULL if it was removed. */
static inline struct node *tree_parent(const struct node *directory)
{
	if (directory == root_node)
		return root_node;
	return directory->entry ? directory->entry->directory : NULL;
}

/* --- paths (user/path.c) -------------------------------------------------------------- */

enum {
	WALK_NO_FOLLOW = 1, /* a link at the end is what is meant */
	WALK_PARENT = 2, /* the last name may be missing: it is about to be made, or removed */
};

struct walk {
	struct node *directory; /* in which the last name is; NULL if the path ends with . or .. */
	const char *name; /* in the path, or in a link's target */
	size_t length;
	struct node *node; /* NULL if there is no such name */
	bool slash; /* the path ends with one */
};

/*
 * Go along a path from `from`, unless it begins with a slash. Nobody's users change: what
 * is found is there until something is removed. 0, or -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG.
 */
int32_t path_walk(struct node *from, const char *path, unsigned flags, struct walk *walk);

/* --- content of files below /tmp (user/ramfs.c) ----------------------------------------- */

extern uint32_t ramfs_pages; /* frames that they have */
extern uint32_t ramfs_limit; /* the most that they may have */

#define FILE_SIZE_MAX 0x7fffffffu /* bytes of a file */

/*
 * Write n bytes of the current program, or of the kernel, at `offset`. How many were, or
 * -EFAULT, -ENOSPC, -EFBIG.
 */
int32_t ramfs_write(struct node *node, uint32_t offset, uint32_t from, uint32_t n, bool kernel);

/* Cut or extend. 0 or -ENOSPC, -EFBIG. */
int32_t ramfs_resize(struct node *node, uint32_t size);

/* The frame of a page; PHYS_NONE for a hole, or, with `grow`, if memory ran out. */
phys_addr_t ramfs_page(struct node *node, uint32_t page, bool grow);

/* Free all content. */
void ramfs_free(struct node *node);

/* Frames of one file. */
uint32_t ramfs_count(const struct node *node);

/* Whether there is direct-mapped memory to spare for one more name, node or page of a pipe. */
bool kernel_may_spare(void);

void ramfs_init(void);

/* --- what is made when it is read (user/proc.c) ------------------------------------------- */

int32_t proc_init(void);

/* Copy made content to the current program. How many bytes, or -EFAULT. */
int32_t made_to_user(struct node *node, uint32_t offset, uint32_t to, uint32_t n);

#endif /* USER_TREE_H */
