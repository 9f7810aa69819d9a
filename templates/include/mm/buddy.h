/*
 * The buddy allocator: blocks of 2^order pages, split and merged.
 *
 * Pure: no hardware, no printing, errors as codes; also built on the host.
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include <generated/config.h>
#include <kernel/types.h>

/* A page frame's byte in the map: what begins there. */
enum buddy_state {
	BUDDY_ALLOCATED = 0x00, /* | order of the block */
	BUDDY_UNCACHED = 0x20, /* one frame, allocated, not for the cache in front */
	BUDDY_FREE = 0x40, /* | order of the block */
	BUDDY_CACHED = 0x80, /* one frame, allocated here, free to the cache in front */
	BUDDY_NOTHING = 0xff, /* no block: inside one, a hole, or reserved */
};

#define BUDDY_ORDER_MASK 0x0f

//% if buddy.index == "lists"
/* One for each page frame, outside the frames themselves: links a free block's list. */
struct buddy_node {
	struct buddy_node *next;
	struct buddy_node **link; /* what points at this node */
};
//% else
/* Levels of a bitmap of bitmaps: 32^4 bits reach over 2^20 frames. */
#define BUDDY_LEVELS 4

struct buddy_node; /* this index has none */
//% endif

/*
 * Orders for which a buddy's arrays have room: those of this kernel's zones, and at least
 * two, as gcc takes an array of one element for proof that a loop over orders leaves it.
 */
#define BUDDY_ORDERS (MAX(MAX_ORDER, 1) + 1)

typedef struct {
	uintptr_t base; /* physical address of the region, aligned to the largest block */
	size_t size; /* of the region in bytes */
	struct buddy_node *free_lists[BUDDY_ORDERS]; /* free blocks, by order */
	uint8_t *map; /* the state of each block, at its first frame: enum buddy_state */
	size_t map_size; /* of the map in bytes: one for each frame of whole largest blocks */
	uint8_t max_order; /* the largest block is 2^max_order pages; at most MAX_ORDER */

	size_t pages; /* page frames in the region */
	size_t managed; /* of them, those ever given to it */
	size_t free_count[BUDDY_ORDERS]; /* free blocks, by order */
//% if buddy.index == "lists"
	struct buddy_node *nodes; /* one for each page frame */
//% else
	uint32_t *bits[BUDDY_ORDERS][BUDDY_LEVELS]; /* where free blocks are, by order */
//% endif
} buddy_t;

enum buddy_error {
	BUDDY_OK = 0,
	BUDDY_ERR_RANGE, /* not in the region, or not page-aligned */
	BUDDY_ERR_ORDER, /* no such order, or not the block's order */
	BUDDY_ERR_DOUBLE, /* it is free already */
	BUDDY_ERR_INTERIOR, /* inside an allocated block, not at its start */
	BUDDY_ERR_UNMANAGED, /* never given to the allocator: a hole, or reserved */
	/* from buddy_check() alone: */
	BUDDY_BAD_INDEX, /* the index is broken, or disagrees with the map */
	BUDDY_BAD_COUNT, /* a counter disagrees with the map */
	BUDDY_BAD_OVERLAP, /* a block begins inside another */
	BUDDY_BAD_MAP, /* an invalid byte in the map, or a misaligned block */
	BUDDY_BAD_UNMERGED, /* two buddies are both free */
};

/* Bytes of index that buddy_init() needs for a region of `size` bytes, besides the map. */
size_t buddy_index_size(size_t size, uint8_t max_order);

/*
 * Set up an allocator for [base, base + size), with no free pages yet. base must be
 * aligned to 2^max_order pages, size to pages. `map` has a byte for each frame,
 * rounded up to 2^max_order frames, `index` buddy_index_size() bytes, aligned for a
 * pointer; both belong to the allocator from then on, and their former content does not
 * matter.
 */
void buddy_init(buddy_t *b, uintptr_t base, size_t size, uint8_t max_order, uint8_t *map,
		void *index);

/*
 * Add the free pages [start, end), page-aligned and never added before. The cost grows
 * with the number of blocks that they form, not with the number of pages.
 */
enum buddy_error buddy_add(buddy_t *b, uintptr_t start, uintptr_t end);

/*
 * Allocate a block of 2^order pages, aligned to its size relative to base. Returns its
 * physical address, or PHYS_NONE if no block is large enough or order > max_order.
 */
uintptr_t buddy_alloc(buddy_t *b, unsigned order);

/*
 * Free the block at addr, of the order with which it was allocated, and merge it with its
 * buddy as long as the buddy is free. On error nothing is changed.
 */
enum buddy_error buddy_free(buddy_t *b, uintptr_t addr, unsigned order);

/* Free pages. */
size_t buddy_free_pages(const buddy_t *b);

/*
 * buddy_free() without its checks, for callers that have made them. `frame` is counted
 * from base.
 */
void buddy_release(buddy_t *b, size_t frame, unsigned order);

/*
 * For a cache of single frames in front of the allocator. Take up to `count` frames, at
 * most 2^5 of one block, in descending order. They count as allocated; their state is
 * CACHED. Returns the number of frames, 0 if none is free.
 */
size_t buddy_take_cached(buddy_t *b, phys_addr_t *frames, size_t count);

/* Free frames of the cache, in state CACHED; ascending order is cheapest. */
void buddy_give_cached(buddy_t *b, const phys_addr_t *frames, size_t count);

/* Verify all invariants stated in buddy.c. */
enum buddy_error buddy_check(const buddy_t *b);

/* Describe a code in words. */
const char *buddy_strerror(enum buddy_error error);

#endif /* MM_BUDDY_H */
