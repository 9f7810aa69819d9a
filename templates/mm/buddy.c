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
 *   2. To free a block, look at its buddy. If that is free as a whole, take it off
 *      its list, and go on with the block that both form; else stop and put the
 *      block on the list of its order.
 *   3. Hence no two buddies are ever both free, and freeing all leaves just the
 *      blocks with which everything began.
 *
 * Nothing is written to the frames: they need not even be mapped. The data is
 * beside them, for a region of 8 frames of which 2..3 and 5 are allocated:
 *
 *     frame      0     1     2     3     4     5     6     7
 *     blocks     [ order 1 ] [#order 1#] [ 0 ] [#0#] [ order 1 ]
 *     heads      1     0     1     0     1     1     1     0
 *     nodes      link  -     "1"   -     link  "0"   link  -
 *     map        order 0: 0 0 1 0   order 1: 1 1   order 2: 0
 *     free_lists [0] -> 4,  [1] -> 6 -> 0
 *
 * The map has one bit for each pair of buddies of each order: 1 if exactly one of
 * the two is free. It is toggled whenever a block of that order becomes free or
 * ceases to be; if the toggle in rule 2 gives 0, the buddy was free, too: one bit
 * answers the question. An allocated block's node tells its order, so that a
 * free can be checked: the bit in `heads` first, as other nodes are never
 * initialised. Setting up costs 64 bytes per MiB of cleared bits; the rest is
 * touched block by block.
 *
 * Invariants, all verified by buddy_check(): every free block is in the list of
 * its order, within the region, aligned, marked in `heads`, and its node's link
 * points back; no block begins inside another; the map agrees with the lists; no
 * two buddies are both free; counters match.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <mm/buddy.h>

/* --- bits -------------------------------------------------------------- */

static inline bool is_head(const buddy_t *b, size_t frame)
{
	return b->heads[frame / 32] >> (frame % 32) & 1;
}

static inline void set_head(buddy_t *b, size_t frame)
{
	b->heads[frame / 32] |= 1u << (frame % 32);
}

static inline void clear_head(buddy_t *b, size_t frame)
{
	b->heads[frame / 32] &= ~(1u << (frame % 32));
}

/*
 * Toggle the bit of the pair to which the block at `frame` belongs; true if
 * exactly one of the two is free now. Below order k lie n - n/2^k bits, n being
 * the number of frames: n/2 pairs of order 0, n/4 of order 1, …
 */
static inline bool toggle_pair(buddy_t *b, size_t frame, unsigned order)
{
	size_t bit = b->rounded - (b->rounded >> order) + (frame >> (order + 1));
	uint8_t mask = 1u << (bit % 8);

	b->map[bit / 8] ^= mask;
	return b->map[bit / 8] & mask;
}

/* --- lists ------------------------------------------------------------- */

static inline void push(buddy_t *b, size_t frame, unsigned order)
{
	struct buddy_node *node = &b->nodes[frame];
	struct buddy_node *next = b->free_lists[order];

	node->next = next;
	node->link = &b->free_lists[order];
	if (next)
		next->link = &node->next;
	b->free_lists[order] = node;
	b->free_count[order]++;
	set_head(b, frame);
}

static inline void unlink_node(buddy_t *b, struct buddy_node *node, unsigned order)
{
	*node->link = node->next;
	if (node->next)
		node->next->link = node->link;
	b->free_count[order]--;
}

/* Rule 2: make a block free, merged with its buddy as often as that is free, too. */
static void release(buddy_t *b, size_t frame, unsigned order)
{
	while (order < b->max_order && !toggle_pair(b, frame, order)) {
		size_t buddy = frame ^ (size_t)1 << order;

		unlink_node(b, &b->nodes[buddy], order);
		clear_head(b, frame | buddy); /* the upper of the two */
		frame &= buddy; /* the lower */
		order++;
	}
	push(b, frame, order);
}

static inline uintptr_t allocated_mark(unsigned order)
{
	return order * 2 + 1;
}

static inline bool is_allocated(const struct buddy_node *node)
{
	return node->allocated & 1;
}

/* --- setting up -------------------------------------------------------- */

static size_t heads_bytes(size_t rounded)
{
	return ALIGN_UP(rounded, 32) / 8;
}

static size_t map_bytes(size_t rounded, uint8_t max_order)
{
	return ALIGN_UP(rounded - (rounded >> max_order), 32) / 8;
}

size_t buddy_metadata_size(size_t size, uint8_t max_order)
{
	size_t pages = size / PAGE_SIZE;
	size_t rounded = ALIGN_UP(pages, (size_t)1 << max_order);

	return pages * sizeof(struct buddy_node) + heads_bytes(rounded) +
	       map_bytes(rounded, max_order);
}

void buddy_init(buddy_t *b, uintptr_t base, size_t size, uint8_t max_order, void *metadata)
{
	size_t pages = size / PAGE_SIZE;
	size_t rounded = ALIGN_UP(pages, (size_t)1 << max_order);

	memset(b, 0, sizeof(*b));
	b->base = base;
	b->size = size;
	b->max_order = max_order;
	b->pages = pages;
	b->rounded = rounded;

	b->nodes = metadata;
	b->heads = (uint32_t *)(b->nodes + pages);
	b->heads_size = heads_bytes(rounded);
	b->map = (uint8_t *)b->heads + b->heads_size;
	b->map_size = map_bytes(rounded, max_order);
	memset(b->heads, 0, b->heads_size);
	memset(b->map, 0, b->map_size);
}

enum buddy_error buddy_add(buddy_t *b, uintptr_t start, uintptr_t end)
{
	size_t frame = (start - b->base) / PAGE_SIZE;
	size_t last = (end - b->base) / PAGE_SIZE;

	if (start < b->base || end < start || last > b->pages ||
	    !IS_ALIGNED(start | end, PAGE_SIZE))
		return BUDDY_ERR_RANGE;
	b->managed += last - frame;
	b->free_pages += last - frame;
	while (frame < last) {
		unsigned order = 0;

		/* The largest block that begins here and ends in time. */
		while (order < b->max_order && IS_ALIGNED(frame, (size_t)2 << order) &&
		       frame + ((size_t)2 << order) <= last)
			order++;
		release(b, frame, order);
		frame += (size_t)1 << order;
	}
	return BUDDY_OK;
}

/* --- allocating -------------------------------------------------------- */

uintptr_t buddy_alloc(buddy_t *b, unsigned order)
{
	struct buddy_node *node;
	unsigned from = order;
	size_t frame;

	if (order > b->max_order)
		return PHYS_NONE;
	while (!b->free_lists[from]) {
		if (++from > b->max_order)
			return PHYS_NONE;
	}

	node = b->free_lists[from];
	frame = node - b->nodes;
	unlink_node(b, node, from);
	if (from < b->max_order)
		toggle_pair(b, frame, from);

	/* Halve it; the lower half is ours. */
	while (from > order) {
		from--;
		push(b, frame + ((size_t)1 << from), from);
		toggle_pair(b, frame, from);
	}

	node->allocated = allocated_mark(order);
	b->free_pages -= (size_t)1 << order;
	return b->base + frame * PAGE_SIZE;
}

/* --- freeing ----------------------------------------------------------- */

/* Whether a free block covers the frame: walks all lists, so for errors alone. */
static bool covered_by_free(const buddy_t *b, size_t frame)
{
	for (unsigned order = 0; order <= b->max_order; order++) {
		const struct buddy_node *node = b->free_lists[order];

		for (; node; node = node->next) {
			size_t first = node - b->nodes;

			if (frame >= first && frame - first < (size_t)1 << order)
				return true;
		}
	}
	return false;
}

/* Why the frame is not the start of an allocated block. */
static enum buddy_error diagnose(const buddy_t *b, size_t frame)
{
	if (covered_by_free(b, frame))
		return BUDDY_ERR_DOUBLE;
	for (unsigned order = 1; order <= b->max_order; order++) {
		size_t first = ALIGN_DOWN(frame, (size_t)1 << order);

		if (is_head(b, first) && is_allocated(&b->nodes[first]) &&
		    b->nodes[first].allocated / 2 >= order)
			return BUDDY_ERR_INTERIOR;
	}
	return BUDDY_ERR_UNMANAGED;
}

enum buddy_error buddy_free(buddy_t *b, uintptr_t addr, unsigned order)
{
	size_t frame = (addr - b->base) / PAGE_SIZE;

	if (addr < b->base || frame >= b->pages || !IS_ALIGNED(addr, PAGE_SIZE))
		return BUDDY_ERR_RANGE;
	if (!is_head(b, frame) || !is_allocated(&b->nodes[frame]))
		return diagnose(b, frame);
	if (b->nodes[frame].allocated != allocated_mark(order))
		return BUDDY_ERR_ORDER;

	b->free_pages += (size_t)1 << order;
	release(b, frame, order);
	return BUDDY_OK;
}

/* --- verifying --------------------------------------------------------- */

/* Whether any block begins in [first, last). */
static bool any_head(const buddy_t *b, size_t first, size_t last)
{
	for (size_t frame = first; frame < last; frame++) {
		if (IS_ALIGNED(frame, 32) && !b->heads[frame / 32]) {
			frame += 31; /* a whole word without one */
			continue;
		}
		if (is_head(b, frame))
			return true;
	}
	return false;
}

static enum buddy_error check_list(const buddy_t *b, unsigned order)
{
	struct buddy_node *const *link = &b->free_lists[order];
	size_t count = 0;

	for (const struct buddy_node *node = *link; node; link = &node->next, node = *link) {
		size_t frame = node - b->nodes;
		size_t behind = frame + ((size_t)1 << order);

		if (node < b->nodes || behind > b->pages || node->link != link)
			return BUDDY_BAD_LIST;
		if (!IS_ALIGNED(frame, (size_t)1 << order) || !is_head(b, frame))
			return BUDDY_BAD_LIST;
		if (any_head(b, frame + 1, behind))
			return BUDDY_BAD_OVERLAP;
		if (++count > b->free_count[order]) /* or it is a ring */
			return BUDDY_BAD_COUNT;
	}
	return count == b->free_count[order] ? BUDDY_OK : BUDDY_BAD_COUNT;
}

/* Every head is a listed free block or a sound allocated one; no page is lost. */
static enum buddy_error check_heads(const buddy_t *b)
{
	size_t free_heads = 0;
	size_t allocated = 0;

	for (size_t frame = 0; frame < b->pages; frame++) {
		const struct buddy_node *node = &b->nodes[frame];
		size_t length;

		if (IS_ALIGNED(frame, 32) && !b->heads[frame / 32]) {
			frame += 31;
			continue;
		}
		if (!is_head(b, frame))
			continue;
		if (!is_allocated(node)) {
			free_heads++;
			continue;
		}
		if (node->allocated > allocated_mark(b->max_order))
			return BUDDY_BAD_LIST;
		length = (size_t)1 << (node->allocated / 2);
		if (!IS_ALIGNED(frame, length) || frame + length > b->pages)
			return BUDDY_BAD_LIST;
		if (any_head(b, frame + 1, frame + length))
			return BUDDY_BAD_OVERLAP;
		allocated += length;
	}
	for (unsigned order = 0; order <= b->max_order; order++)
		free_heads -= b->free_count[order];
	if (free_heads || allocated + b->free_pages != b->managed)
		return BUDDY_BAD_COUNT;
	return BUDDY_OK;
}

/*
 * Toggle the pairs of all free blocks, whose bits must be 1 and so become 0; a
 * second call undoes the first. Returns how often a bit became 1 instead: its
 * pair was wrong, or both of its blocks are free.
 */
static size_t toggle_all(buddy_t *b)
{
	size_t raised = 0;

	for (unsigned order = 0; order < b->max_order; order++) {
		struct buddy_node *node = b->free_lists[order];

		for (; node; node = node->next)
			raised += toggle_pair(b, node - b->nodes, order);
	}
	return raised;
}

static bool map_is_clear(const buddy_t *b)
{
	for (size_t i = 0; i < b->map_size; i++) {
		if (b->map[i])
			return false;
	}
	return true;
}

enum buddy_error buddy_check(buddy_t *b)
{
	enum buddy_error error;
	size_t free_pages = 0;
	size_t raised;
	bool clear;

	for (unsigned order = 0; order <= b->max_order; order++) {
		error = check_list(b, order);
		if (error)
			return error;
		free_pages += b->free_count[order] << order;
	}
	if (free_pages != b->free_pages)
		return BUDDY_BAD_COUNT;
	error = check_heads(b);
	if (error)
		return error;

	raised = toggle_all(b);
	clear = map_is_clear(b);
	toggle_all(b);
	if (!clear)
		return BUDDY_BAD_MAP;
	return raised ? BUDDY_BAD_UNMERGED : BUDDY_OK;
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
	case BUDDY_BAD_LIST:
		return "a free list is broken";
	case BUDDY_BAD_COUNT:
		return "a counter is wrong";
	case BUDDY_BAD_OVERLAP:
		return "two blocks overlap";
	case BUDDY_BAD_MAP:
		return "the map disagrees with the free lists";
	case BUDDY_BAD_UNMERGED:
		return "two buddies are both free";
	}
	return "unknown error";
}
