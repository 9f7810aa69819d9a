/*
 * The buddy allocator: physical memory in blocks of 2^order pages.
 *
 * Words: a *page frame* is 4 KiB of physical memory; a *block* of order k is 2^k
 * frames, aligned to 2^k from the region's base; its *buddy* is the neighbour
 * with which it forms a block of order k + 1. Frame i's buddy at order k is
 * i ^ 2^k: they differ in that bit alone.
 *
 * Three rules (Knuth, TAOCP vol. 1, 2.5; Gorman, ch. 6):
 *
 *   1. To allocate order k, take a free block of the smallest order that has one
 *      and halve it until it has order k; each upper half becomes free.
 *   2. To free a block, look at its buddy. If that is free as a whole, take it out
 *      of the index, and go on with the block that both form; else stop and put the
 *      block into the index.
 *   3. Hence no two buddies are ever both free, and freeing all leaves just the
 *      blocks with which everything began.
 *
 * The worst case holds for every allocator that does not move blocks. If programs have at
 * most M pages live, in blocks of up to n pages, no allocator can serve all of them from
 * fewer than M * (1 + log2(n) / 2) - n + 1 pages (Robson, JACM 21(3), 1974, 491-499).
 * With blocks of up to 1024 pages, a hostile program can cause a failure with a sixth of
 * the memory live.
 *
 * Nothing is written to the frames: they need not even be mapped. The metadata is out of
 * band. The map has a byte for each frame that says what block begins there; for a region
 * of 8 frames of which 2..3 and 5 are allocated:
 *
 *     frame      0     1     2     3     4     5     6     7
 *     blocks     [ order 1 ] [#order 1#] [ 0 ] [#0#] [ order 1 ]
 *     map        F|1   -     A|1   -     F|0   A|0   F|1   -
 *
 * One comparison of a byte decides whether the buddy is free as a whole (its byte is
 * F|k), and one whether a free is valid (the byte is A|k).
 *
 * A separate index records which blocks of each order are free. It has three
 * operations: add, remove, take.
//% if buddy.index == "lists"
 * This kernel's is a doubly linked list for each order, with
 * a node for each frame (buddy_index.h). The alternative is bitmaps.
//% else
 * This kernel's index is bitmaps, a few bits for each frame; the block at the lowest
 * address is taken first (buddy_index.h). The alternative is linked lists.
//% endif
 *
 * Invariants, all verified by buddy_check(): every byte of the map is one of enum
 * buddy_state; blocks are aligned, within the region, and do not overlap; exactly
 * the free ones are in the index, under their order; no two buddies are both
 * free; counters match.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <mm/buddy.h>
#include <mm/buddy_index.h>

/* The buddy of a block is in the same block of the largest order, so its byte is within the map. */
static inline bool buddy_is_free(const buddy_t *b, size_t frame, unsigned order)
{
	return (uint8_t)order < b->max_order &&
	       b->map[frame ^ block_pages(order)] == (uint8_t)(BUDDY_FREE | order);
}

/* Rule 2 for a block whose buddy is free: merge as long as the buddy is free. */
static HOT_LEAF NOINLINE void merge(buddy_t *b, size_t frame, unsigned order)
{
	uint8_t *map = b->map;

	do {
		size_t buddy = frame ^ block_pages(order);

		index_remove(b, buddy, order);
		b->free_count[order]--;
		map[frame | buddy] = BUDDY_NOTHING; /* the upper of the two */
		frame &= buddy; /* the lower */
		order++;
	} while (buddy_is_free(b, frame, order));
	add_free(b, frame, order);
}

/* Rule 2: make a block free. */
static inline void free_and_merge(buddy_t *b, size_t frame, unsigned order)
{
	if (buddy_is_free(b, frame, order))
		merge(b, frame, order);
	else
		add_free(b, frame, order);
}

/* The same for frames [frame, last), in the largest blocks that they form. */
static void release_range(buddy_t *b, size_t frame, size_t last)
{
	while (frame < last) {
		unsigned order = 0;

		while (order < b->max_order && IS_ALIGNED(frame, block_pages(order + 1)) &&
		       frame + block_pages(order + 1) <= last)
			order++;
		free_and_merge(b, frame, order);
		frame += block_pages(order);
	}
}

/* --- setting up -------------------------------------------------------- */

size_t buddy_index_size(size_t size, uint8_t max_order)
{
	return index_size(size / PAGE_SIZE, max_order);
}

void buddy_init(buddy_t *b, uintptr_t base, size_t size, uint8_t max_order, uint8_t *map,
		void *index)
{
	memset(b, 0, sizeof(*b));
	b->base = base;
	b->size = size;
	b->max_order = max_order;
	b->pages = size / PAGE_SIZE;
	b->map = map;
	b->map_size = ALIGN_UP(b->pages, block_pages(max_order));
	if (b->pages)
		memset(map, BUDDY_NOTHING, b->map_size);
	index_init(b, index);
}

enum buddy_error buddy_add(buddy_t *b, uintptr_t start, uintptr_t end)
{
	size_t frame = (start - b->base) / PAGE_SIZE;
	size_t last = (end - b->base) / PAGE_SIZE;

	if (start < b->base || end < start || last > b->pages ||
	    !IS_ALIGNED(start | end, PAGE_SIZE))
		return BUDDY_ERR_RANGE;
	b->managed += last - frame;
	release_range(b, frame, last);
	return BUDDY_OK;
}

size_t buddy_free_pages(const buddy_t *b)
{
	size_t pages = 0;

	for (unsigned order = 0; order <= b->max_order; order++)
		pages += b->free_count[order] << order;
	return pages;
}

/* --- allocating -------------------------------------------------------- */

static HOT_LEAF NOINLINE uintptr_t alloc_by_halving(buddy_t *b, unsigned order)
{
	unsigned from = order;
	size_t frame;

	do {
		if (++from > b->max_order)
			return PHYS_NONE;
	} while (!b->free_count[from]);
	frame = index_take(b, from);
	b->free_count[from]--;
	do { /* keep the lower half */
		from--;
		add_free(b, frame + block_pages(from), from);
	} while (from > order);
	b->map[frame] = BUDDY_ALLOCATED | order;
	return b->base + frame * PAGE_SIZE;
}

HOT_LEAF uintptr_t buddy_alloc(buddy_t *b, unsigned order)
{
	size_t frame;

	if (order > b->max_order)
		return PHYS_NONE;
	if (!b->free_count[order])
		return alloc_by_halving(b, order);
	b->free_count[order]--;
	frame = index_take(b, order);
	b->map[frame] = BUDDY_ALLOCATED | order;
	return b->base + frame * PAGE_SIZE;
}

/* --- freeing ----------------------------------------------------------- */

/* Whether a byte of the map says that a block begins, and of which order. */
static inline bool is_block(uint8_t byte)
{
	return byte != BUDDY_NOTHING;
}

static inline bool state_is_free(uint8_t byte)
{
	return (byte & ~BUDDY_ORDER_MASK) == BUDDY_FREE;
}

/* The reason why no allocated block of this order begins at the frame. */
static enum buddy_error diagnose(const buddy_t *b, size_t frame)
{
	/* The block that holds the frame begins at one of these. */
	for (unsigned order = 0; order <= b->max_order; order++) {
		size_t first = ALIGN_DOWN(frame, block_pages(order));
		uint8_t byte = b->map[first];

		if (!is_block(byte) || (byte & BUDDY_ORDER_MASK) < order)
			continue;
		if (state_is_free(byte) || byte == BUDDY_CACHED)
			return BUDDY_ERR_DOUBLE;
		return first == frame ? BUDDY_ERR_ORDER : BUDDY_ERR_INTERIOR;
	}
	return BUDDY_ERR_UNMANAGED;
}

enum buddy_error buddy_free(buddy_t *b, uintptr_t addr, unsigned order)
{
	size_t frame = (addr - b->base) / PAGE_SIZE;

	if (addr < b->base || frame >= b->pages || !IS_ALIGNED(addr, PAGE_SIZE))
		return BUDDY_ERR_RANGE;
	if (order > b->max_order || b->map[frame] != (BUDDY_ALLOCATED | order))
		return diagnose(b, frame);
	free_and_merge(b, frame, order);
	return BUDDY_OK;
}

HOT_LEAF void buddy_release(buddy_t *b, size_t frame, unsigned order)
{
	free_and_merge(b, frame, order);
}

/* --- frames for a cache --------------------------------------------------- */

/* 32 frames: large enough that refills are rare, small enough that a block usually exists. */
#define BATCH_ORDER 5

size_t buddy_take_cached(buddy_t *b, phys_addr_t *frames, size_t count)
{
	unsigned order = MIN(BATCH_ORDER, b->max_order);
	uintptr_t addr = PHYS_NONE;

	while (block_pages(order) > count)
		order--;
	while (!(addr = buddy_alloc(b, order))) {
		if (!order--)
			return 0;
	}
	memset(b->map + (addr - b->base) / PAGE_SIZE, BUDDY_CACHED, block_pages(order));
	for (size_t i = block_pages(order); i-- > 0; addr += PAGE_SIZE)
		frames[i] = (phys_addr_t)addr; /* the last is the lowest: it goes first */
	return block_pages(order);
}

/* Free the run of adjacent frames at the beginning. Returns its length. */
static size_t give_run(buddy_t *b, const phys_addr_t *frames, const phys_addr_t *end)
{
	size_t first = (*frames - b->base) / PAGE_SIZE;
	size_t run = 1;

	while (frames + run < end && frames[run] == *frames + run * PAGE_SIZE)
		run++;
	memset(b->map + first, BUDDY_NOTHING, run);
	release_range(b, first, first + run);
	return run;
}

void buddy_give_cached(buddy_t *b, const phys_addr_t *frames, size_t count)
{
	const phys_addr_t *end = frames + count;

	/* If the first frames form a run, others probably do, too. */
	if (count > 1 && frames[1] == frames[0] + PAGE_SIZE) {
		while (frames < end)
			frames += give_run(b, frames, end);
	} else if (is_unrolled_for(b)) {
		buddy_give_unrolled(b, frames, count);
	} else {
		for (; frames < end; frames++)
			free_and_merge(b, (*frames - b->base) / PAGE_SIZE, 0);
	}
}

/* --- verifying --------------------------------------------------------- */

/* Whether a byte of the map is valid. */
static bool is_state(const buddy_t *b, uint8_t byte)
{
	switch (byte & ~BUDDY_ORDER_MASK) {
	case BUDDY_ALLOCATED:
	case BUDDY_FREE:
		return (byte & BUDDY_ORDER_MASK) <= b->max_order;
	default:
		return byte == BUDDY_UNCACHED || byte == BUDDY_CACHED;
	}
}

/* Pages of the block that begins at the frame; a hole counts as one. */
static size_t length_at(const buddy_t *b, size_t frame)
{
	return is_block(b->map[frame]) ? block_pages(b->map[frame] & BUDDY_ORDER_MASK) : 1;
}

static enum buddy_error check_block(const buddy_t *b, size_t frame)
{
	unsigned order = b->map[frame] & BUDDY_ORDER_MASK;
	size_t buddy = frame ^ block_pages(order);

	if (!is_state(b, b->map[frame]) || !IS_ALIGNED(frame, block_pages(order)) ||
	    frame + block_pages(order) > b->pages)
		return BUDDY_BAD_MAP;
	for (size_t inside = frame + 1; inside < frame + block_pages(order); inside++) {
		if (is_block(b->map[inside]))
			return BUDDY_BAD_OVERLAP;
	}
	if (!state_is_free(b->map[frame]))
		return BUDDY_OK;
	if (order < b->max_order && b->map[buddy] == b->map[frame])
		return BUDDY_BAD_UNMERGED;
	return BUDDY_OK;
}

/* Counters and index against what the map says. */
static enum buddy_error check_counts(const buddy_t *b, const size_t *count, size_t allocated)
{
	size_t free_pages = 0;

	for (unsigned order = 0; order <= b->max_order; order++) {
		free_pages += count[order] << order;
		if (count[order] != b->free_count[order])
			return BUDDY_BAD_COUNT;
		if (!index_agrees(b, order, count[order]))
			return BUDDY_BAD_INDEX;
	}
	return free_pages + allocated == b->managed ? BUDDY_OK : BUDDY_BAD_COUNT;
}

enum buddy_error buddy_check(const buddy_t *b)
{
	size_t count[BUDDY_ORDERS] = { 0 };
	size_t allocated = 0;
	size_t frame = 0;

	for (; frame < b->pages; frame += length_at(b, frame)) {
		enum buddy_error error;

		if (!is_block(b->map[frame]))
			continue;
		error = check_block(b, frame);
		if (error)
			return error;
		if (state_is_free(b->map[frame]))
			count[b->map[frame] & BUDDY_ORDER_MASK]++;
		else
			allocated += length_at(b, frame);
	}
	for (; frame < b->map_size; frame++) { /* no page is there, nor a buddy of one */
		if (is_block(b->map[frame]))
			return BUDDY_BAD_MAP;
	}
	return check_counts(b, count, allocated);
}

const char *buddy_strerror(enum buddy_error error)
{
	switch (error) {
	case BUDDY_OK:
		return "no error";
	case BUDDY_ERR_RANGE:
		return "not a page frame of this zone";
	case BUDDY_ERR_ORDER:
		return "the block has another order";
	case BUDDY_ERR_DOUBLE:
		return "it is free already";
	case BUDDY_ERR_INTERIOR:
		return "it lies inside an allocated block";
	case BUDDY_ERR_UNMANAGED:
		return "the allocator never had it";
	case BUDDY_BAD_INDEX:
		return "the index of free blocks is wrong";
	case BUDDY_BAD_COUNT:
		return "a counter is wrong";
	case BUDDY_BAD_OVERLAP:
		return "two blocks overlap";
	case BUDDY_BAD_MAP:
		return "the map holds an invalid byte";
	case BUDDY_BAD_UNMERGED:
		return "two buddies are both free";
	}
	return "unknown error";
}
