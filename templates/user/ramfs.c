/*
 * The content of files below /tmp: pages in frames of their own.
 *
 * A page that was never written has no frame, and reads as zero. Frames come from any
 * zone, so that they do not compete with what the kernel needs: those above the direct map
 * are seen through a window (user/node.c).
 *
 * Written bytes are memory that nobody can take back, so they count as promised
 * (commit.committed). Writing ends with -ENOSPC at half of what was free when the
 * first program began, or where the kernel's reserve begins.
 *
 * A frame that was shown to a space may be mapped there for as long as the file lives:
 * cutting such a file zeroes frames and keeps them.
 *
 * Invariant: bytes past a file's size are zero in every frame that it has.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <mm/page.h>
#include <user/commit.h>
#include <user/file.h>
#include <user/tree.h>
#include <user/uaccess.h>

/* Frames that the kernel keeps for page tables and its own objects. */
#define RESERVE 64

uint32_t ramfs_pages;
uint32_t ramfs_limit;

void ramfs_init(void)
{
	ramfs_pages = 0;
	ramfs_limit = free_page_count() / 2;
}

bool kernel_may_spare(void)
{
	size_t free = 0;

	for (unsigned i = 0; i <= ZONE_DIRECT; i++)
		free += buddy_free_pages(&zones[i].buddy);
	return free > RESERVE;
}

/* A frame without content; PHYS_NONE if it is too much. */
static phys_addr_t take_frame(void)
{
	phys_addr_t frame;

	if (ramfs_pages >= ramfs_limit || free_page_count() <= RESERVE ||
	    !commit_charge(&commit, 1))
		return PHYS_NONE;
	frame = alloc_pages(ZONE_ANY, 0);
	if (frame)
		ramfs_pages++;
	else
		commit_release(&commit, 1);
	return frame;
}

static void give_frame(phys_addr_t frame)
{
	free_pages(frame, 0);
	ramfs_pages--;
	commit_release(&commit, 1);
}

/* The frame of a page, a zeroed one if it has none. */
static phys_addr_t make_page(struct node *node, uint32_t page)
{
	phys_addr_t *place = page_index_make(&node->pages, page);

	if (!place || *place)
		return place ? *place : PHYS_NONE;
	*place = take_frame();
	if (*place)
		window_zero(*place, PAGE_SIZE);
	return *place;
}

phys_addr_t ramfs_page(struct node *node, uint32_t page, bool grow)
{
	phys_addr_t *place = page_index_find(&node->pages, page);

	if (place && *place)
		return *place;
	return grow ? make_page(node, page) : PHYS_NONE;
}

/* Write within one page: *part bytes, or fewer if the program has no more. 0, -ENOSPC, -EFAULT. */
static int32_t write_page(struct node *node, uint32_t offset, uint32_t from, uint32_t *part,
			  bool kernel)
{
	phys_addr_t frame = make_page(node, offset / PAGE_SIZE);
	uint32_t kept = node->size > offset ? node->size - offset : 0;
	uint32_t whole = *part;
	char *window;
	int32_t error;

	if (!frame)
		return -ENOSPC;
	window = window_open(frame + offset % PAGE_SIZE);
	do
		error = bytes_in(window, from, *part, kernel);
	while (error && cut_at_page(from, part));
	kept = MAX(kept, error ? 0 : *part);
	if (kept < whole)
		memset(window + kept, 0, whole - kept); /* of which some may have been copied */
	window_close(window);
	return error;
}

int32_t ramfs_write(struct node *node, uint32_t offset, uint32_t from, uint32_t n, bool kernel)
{
	uint32_t done = 0;
	int32_t error = 0;

	if (n && offset >= FILE_SIZE_MAX)
		return -EFBIG;
	n = MIN(n, FILE_SIZE_MAX - offset);
	while (done < n && !error) {
		uint32_t part = MIN(n - done, PAGE_SIZE - offset % PAGE_SIZE);

		error = write_page(node, offset, from + done, &part, kernel);
		if (!error) {
			done += part;
			offset += part;
			node->size = MAX(node->size, offset);
		}
	}
	node->mtime = node_clock();
	return done ? (int32_t)done : error;
}

/* Zero what a file keeps past its new, smaller size. */
static void clear_from(struct node *node, uint32_t size)
{
	uint32_t page = size / PAGE_SIZE;

	for (page = page_index_next(&node->pages, page); page < INDEX_PAGES;
	     page = page_index_next(&node->pages, page + 1)) {
		uint32_t kept = page == size / PAGE_SIZE ? size % PAGE_SIZE : 0;

		window_zero(*page_index_find(&node->pages, page) + kept, PAGE_SIZE - kept);
	}
}

int32_t ramfs_resize(struct node *node, uint32_t size)
{
	if (size > FILE_SIZE_MAX)
		return -EFBIG;
	if (size < node->size) {
		if (!node->shown)
			page_index_cut(&node->pages, (size + PAGE_SIZE - 1) / PAGE_SIZE,
				       give_frame);
		clear_from(node, size);
	}
	node->size = size;
	node->mtime = node_clock();
	return 0;
}

uint32_t ramfs_count(const struct node *node)
{
	uint32_t count = 0;

	for (uint32_t page = page_index_next(&node->pages, 0); page < INDEX_PAGES;
	     page = page_index_next(&node->pages, page + 1))
		count++;
	return count;
}

void ramfs_free(struct node *node)
{
	page_index_cut(&node->pages, 0, give_frame);
}
