/*
 * Nodes: their lives, and what is in them.
 *
 * A node lives as long as anybody holds it: the entries that name it, open files, areas
 * that map it, the process whose program it is. So a removed file stays until it is
 * closed, and a program that was removed runs on.
 *
 * Content is in one of three places:
 *
 *     NODE_STILL   where the loader left it, above the direct map perhaps: node->start
 *     NODE_FILE    frames of its own: user/ramfs.c
 *     NODE_MADE    nowhere; a function writes it when it is read: user/proc.c
 *
 * A frame above the direct map is shown in a window, a slot of the fixmap that is nobody
 * else's: copying to a program may fault, and the answer to that fault reads another file
 * (FIXMAP_READ), or gives it a zeroed page (FIXMAP_ZERO).
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/fixmap.h>
#include <arch/paging.h>
#include <arch/timer.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/slab.h>
#include <user/tree.h>
#include <user/uaccess.h>

struct node *root_node;

static struct kmem_cache *node_cache;
static uint32_t next_number;

bool tree_init(void)
{
	next_number = 1;
	node_cache = kmem_cache_create("node", sizeof(struct node), 0, NULL);
	return node_cache;
}

void tree_exit(void)
{
	kmem_cache_destroy(node_cache);
	node_cache = NULL;
}

uint32_t node_clock(void)
{
	return timer_ticks / TIMER_HZ;
}

struct node *node_create(enum node_kind kind, enum file_system fs, uint32_t mode)
{
	struct node *node = kmem_cache_alloc(node_cache);

	if (!node)
		return NULL;
	memset(node, 0, sizeof(*node));
	node->users = 1;
	node->number = next_number++;
	node->mode = mode;
	node->kind = (uint8_t)kind;
	node->file_system = (uint8_t)fs;
	node->mtime = node_clock();
	if (kind == NODE_DIRECTORY)
		node->directory.cookie = 2; /* 0 and 1 are "." and ".." */
	return node;
}

void node_get(struct node *node)
{
	node->users++;
}

void node_put(struct node *node)
{
	BUG_ON(!node->users);
	if (--node->users)
		return;
	BUG_ON(node->links || (node_is_directory(node) && node->directory.first));
	if (node->kind == NODE_FILE)
		ramfs_free(node);
	else if (node->kind == NODE_LINK)
		kfree(node->target);
	kmem_cache_free(node_cache, node);
}

uint32_t node_size(const struct node *node)
{
	return node->size;
}

bool node_is_executable(const struct node *node)
{
	return (node->kind == NODE_STILL || node->kind == NODE_FILE) && (node->mode & 0111);
}

char *window_open(phys_addr_t phys)
{
	if (phys < DIRECT_MAP_LIMIT)
		return phys_to_virt(phys);
	return (char *)fixmap_map(FIXMAP_FILE, phys & PAGE_MASK) + phys % PAGE_SIZE;
}

void window_close(const char *window)
{
	if ((uintptr_t)window - FIXMAP_BASE < FIXMAP_SLOTS * PAGE_SIZE)
		fixmap_unmap(FIXMAP_FILE);
}

void window_zero(phys_addr_t phys, uint32_t n)
{
	if (phys < DIRECT_MAP_LIMIT) {
		memset(phys_to_virt(phys), 0, n);
		return;
	}
	memset((char *)fixmap_map(FIXMAP_ZERO, phys & PAGE_MASK) + phys % PAGE_SIZE, 0, n);
	fixmap_unmap(FIXMAP_ZERO);
}

/* Where a byte of the content is; PHYS_NONE in a hole. */
static phys_addr_t place(struct node *node, uint32_t offset)
{
	phys_addr_t frame;

	if (node->kind == NODE_STILL)
		return node->start + offset;
	frame = ramfs_page(node, offset / PAGE_SIZE, false);
	return frame ? frame + offset % PAGE_SIZE : PHYS_NONE;
}

/* Bytes from offset on, at most n, that one look shows: they are in one page. */
static uint32_t piece(const struct node *node, uint32_t offset, phys_addr_t at, uint32_t n)
{
	uint32_t in_page = PAGE_SIZE - (at ? at : offset) % PAGE_SIZE;

	return MIN(MIN(n, in_page), node->size - offset);
}

static bool has_content(const struct node *node, uint32_t offset)
{
	return (node->kind == NODE_STILL || node->kind == NODE_FILE) && offset < node->size;
}

size_t node_read(struct node *node, uint32_t offset, void *to, size_t n)
{
	size_t done = 0;

	if (node->kind == NODE_MADE)
		return node->make(to, n, offset);
	while (done < n && has_content(node, offset)) {
		phys_addr_t at = place(node, offset);
		uint32_t part = piece(node, offset, at, n - done);

		if (!at)
			memset((char *)to + done, 0, part);
		else if (at < DIRECT_MAP_LIMIT)
			memcpy((char *)to + done, phys_to_virt(at), part);
		else
			phys_read(at, (char *)to + done, part);
		done += part;
		offset += part;
	}
	return done;
}

/* Copy what one look shows; `part` bytes are less than that if a later page is not there. */
static int32_t piece_to_user(uint32_t to, phys_addr_t at, uint32_t *part)
{
	for (;;) {
		const char *window = at ? window_open(at) : NULL;
		int32_t error = window ? copy_to_user(to, window, *part) : zero_user(to, *part);

		if (window)
			window_close(window);
		if (!error || !cut_at_page(to, part))
			return error;
	}
}

int32_t node_to_user(struct node *node, uint32_t offset, uint32_t to, uint32_t n)
{
	uint32_t done = 0;

	while (done < n && has_content(node, offset)) {
		phys_addr_t at = place(node, offset);
		uint32_t part = piece(node, offset, at, n - done);
		int32_t error = piece_to_user(to + done, at, &part);

		if (error)
			return done ? (int32_t)done : error;
		done += part;
		offset += part;
	}
	return (int32_t)done;
}

phys_addr_t node_page(struct node *node, uint32_t index, bool grow)
{
	phys_addr_t at;

	if (index >= INDEX_PAGES || !has_content(node, index * PAGE_SIZE))
		return PHYS_NONE;
	node->shown = true;
	if (node->kind == NODE_FILE)
		return ramfs_page(node, index, grow);
	at = node->start + index * PAGE_SIZE;
	if (!IS_ALIGNED(at, PAGE_SIZE) || node->size - index * PAGE_SIZE < PAGE_SIZE)
		return PHYS_NONE;
	return at;
}

/* Put text in front of what is at to[*at]; false if there is no room. */
static bool prepend(char *to, size_t *at, const char *text, size_t length)
{
	if (length > *at)
		return false;
	*at -= length;
	memcpy(to + *at, text, length);
	return true;
}

static void whole_text(char *to, size_t size, const char *text)
{
	size_t length = MIN(strlen(text), size - 1);

	memcpy(to, text, length);
	to[length] = '\0';
}

void node_path(const struct node *node, char *to, size_t size)
{
	size_t at = size - 1;

	if (!size)
		return;
	if (node == root_node || !node->entry) {
		whole_text(to, size, node == root_node ? "/" : "(deleted)");
		return;
	}
	to[at] = '\0';
	for (const struct entry *entry = node->entry; entry; entry = entry->directory->entry) {
		if (!prepend(to, &at, entry->name, entry->length) || !prepend(to, &at, "/", 1))
			break; /* its end is what tells files apart */
	}
	memmove(to, to + at, size - at);
}
