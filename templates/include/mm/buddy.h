/*
 * The buddy allocator: blocks of 2^order pages, split and merged.
 *
 * Pure: no hardware, no printing, errors as codes; also built on the host.
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include <generated/config.h>
#include <kernel/types.h>

/*
 * One for each page frame, outside the frames themselves. Only the node of a
 * block's first page means anything, and only while the block's bit in `heads`
 * is set: in a free block it links the list, in an allocated one it remembers
 * the order.
 */
struct buddy_node {
	struct buddy_node *next;
	union {
		struct buddy_node **link; /* free: what points at this node */
		uintptr_t allocated; /* else: order * 2 + 1, never a valid pointer */
	};
};

typedef struct {
	uintptr_t base; /* physical address of the region, aligned to the largest block */
	size_t size; /* of the region in bytes */
	struct buddy_node *free_lists[MAX_ORDER + 1]; /* free blocks, by order */
	uint8_t *map; /* a bit for each pair of buddies: is exactly one free? */
	size_t map_size; /* of the map in bytes */
	uint8_t max_order; /* the largest block is 2^max_order pages */

	struct buddy_node *nodes; /* one for each page frame */
	uint32_t *heads; /* a bit for each page frame: does a block begin here? */
	size_t heads_size; /* in bytes */
	size_t pages; /* page frames in the region */
	size_t rounded; /* the same, rounded up to whole blocks of max_order */
	size_t managed; /* of them, those ever given to it */
	size_t free_pages;
	size_t free_count[MAX_ORDER + 1]; /* free blocks, by order */
} buddy_t;

enum buddy_error {
	BUDDY_OK = 0,
	BUDDY_ERR_RANGE, /* not in the region, or not page-aligned */
	BUDDY_ERR_ORDER, /* no such order, or another than the block has */
	BUDDY_ERR_DOUBLE, /* it is free already */
	BUDDY_ERR_INTERIOR, /* inside an allocated block, not at its start */
	BUDDY_ERR_UNMANAGED, /* never given to the allocator: a hole, or reserved */
	/* from buddy_check() alone: */
	BUDDY_BAD_LIST, /* a list is broken, or a block in it is */
	BUDDY_BAD_COUNT, /* a counter disagrees with the lists */
	BUDDY_BAD_OVERLAP, /* a block begins inside another */
	BUDDY_BAD_MAP, /* a pair's bit disagrees with the lists */
	BUDDY_BAD_UNMERGED, /* two buddies are both free */
};

/* Bytes that buddy_init() needs as metadata for a region of `size` bytes. */
size_t buddy_metadata_size(size_t size, uint8_t max_order);

/*
 * An allocator for [base, base + size), with nothing free yet. base must be
 * aligned to 2^max_order pages, size to pages. `metadata` has
 * buddy_metadata_size() bytes, aligned for a pointer, and stays the allocator's;
 * what it holds does not matter.
 */
void buddy_init(buddy_t *b, uintptr_t base, size_t size, uint8_t max_order, void *metadata);

/*
 * Give it the free pages [start, end), page-aligned and never given before. Costs
 * as much as the blocks that they make, not as the pages.
 */
enum buddy_error buddy_add(buddy_t *b, uintptr_t start, uintptr_t end);

/*
 * A block of 2^order pages, aligned to its size from base on. Returns its
 * physical address; PHYS_NONE if no block is large enough or order > max_order.
 */
uintptr_t buddy_alloc(buddy_t *b, unsigned order);

/*
 * Give back the block at addr, of the order with which it was allocated, and
 * merge it with its buddy as often as that is free. On error nothing is changed.
 */
enum buddy_error buddy_free(buddy_t *b, uintptr_t addr, unsigned order);

/* Verify all invariants stated in buddy.c; leaves everything as it was. */
enum buddy_error buddy_check(buddy_t *b);

/* What a code means, in words. */
const char *buddy_strerror(enum buddy_error error);

#endif /* MM_BUDDY_H */
