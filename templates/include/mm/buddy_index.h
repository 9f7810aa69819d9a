/*
 * The buddy's index finds the free blocks of each order. Only the buddy's own files
 * include it (buddy.c, buddy_unrolled.c).
 *
//% if buddy.index == "lists"
 * Lists: a doubly linked list for each order, last in, first out. The node of a
 * block is that of its first frame, so a block is found and unlinked in O(1). No
 * node is touched before its block is first free: setting up costs nothing.
//% else
 * Bitmaps: for order k a bit for each *pair* of buddies, as two buddies are never both
 * free. The map tells which of the two is free. Above the bits are summaries: a bit for
 * each word of the level below that is not 0.
 *
 *     level 2                  1
 *     level 1           01             10 …
 *     level 0     0000 0100      0110 0000 …     a word has 32 bits
 *
 * To find the free block at the lowest address, start at the top and follow the lowest
 * bit of a word at each level: four steps at most. For n frames there are n/2 + n/4 + …
 * bits, and a thirtieth of that in summaries: 33 bytes per MiB, where lists take 2048.
//% endif
 */
#ifndef MM_BUDDY_INDEX_H
#define MM_BUDDY_INDEX_H

#include <kernel/bits.h>
#include <kernel/string.h>
#include <mm/buddy.h>

//% if buddy.index == "lists"
static inline size_t index_size(size_t pages, uint8_t max_order)
{
	(void)max_order;
	return pages * sizeof(struct buddy_node);
}

static inline void index_init(buddy_t *b, void *memory)
{
	b->nodes = memory;
}

static inline void index_add(buddy_t *b, size_t frame, unsigned order)
{
	struct buddy_node *node = &b->nodes[frame];
	struct buddy_node *next = b->free_lists[order];

	node->next = next;
	node->link = &b->free_lists[order];
	if (next)
		next->link = &node->next;
	b->free_lists[order] = node;
}

static inline void index_remove(buddy_t *b, size_t frame, unsigned order)
{
	struct buddy_node *node = &b->nodes[frame];
	struct buddy_node *next = node->next;

	(void)order;
	*node->link = next;
	if (next)
		next->link = node->link;
}

/* Take a free block of this order; one must exist. Returns its first frame. */
static inline size_t index_take(buddy_t *b, unsigned order)
{
	struct buddy_node **list = &b->free_lists[order];
	struct buddy_node *node = *list;
	struct buddy_node *next = node->next;

	*list = next;
	if (next)
		next->link = list;
	return node - b->nodes;
}

/* Whether the list has `count` blocks, linked both ways, and all free by the map. */
static inline bool index_agrees(const buddy_t *b, unsigned order, size_t count)
{
	struct buddy_node *const *link = &b->free_lists[order];
	const struct buddy_node *node;

	for (; (node = *link); link = &node->next, count--) {
		if (!count || node < b->nodes || node >= b->nodes + b->pages ||
		    node->link != link || b->map[node - b->nodes] != (BUDDY_FREE | order))
			return false;
	}
	return !count;
}
//% else
/* Bits of level 0 for an order: one for each pair, at the largest order one for each block. */
static inline size_t index_bits(size_t pages, unsigned order, uint8_t max_order)
{
	unsigned shift = order < max_order ? order + 1 : order;

	return (pages + ((size_t)1 << shift) - 1) >> shift;
}

static inline size_t index_words(size_t bits)
{
	return (bits + 31) / 32;
}

/* Words of all levels together, for `bits` bits of level 0. */
static inline size_t index_words_of(size_t bits)
{
	size_t words = 0;

	for (unsigned level = 0; level < BUDDY_LEVELS; level++) {
		bits = index_words(bits);
		words += bits;
	}
	return words;
}

static inline size_t index_size(size_t pages, uint8_t max_order)
{
	size_t words = 0;

	for (unsigned order = 0; order <= max_order; order++)
		words += index_words_of(index_bits(pages, order, max_order));
	return words * sizeof(uint32_t);
}

static inline void index_init(buddy_t *b, void *memory)
{
	uint32_t *at = memory;

	for (unsigned order = 0; order <= b->max_order; order++) {
		size_t bits = index_bits(b->pages, order, b->max_order);

		for (unsigned level = 0; level < BUDDY_LEVELS; level++) {
			bits = index_words(bits);
			b->bits[order][level] = at;
			at += bits;
		}
	}
	if (b->pages)
		memset(memory, 0, index_size(b->pages, b->max_order));
}

static inline size_t index_bit(const buddy_t *b, size_t frame, unsigned order)
{
	return frame >> (order < b->max_order ? order + 1 : order);
}

static inline void index_add(buddy_t *b, size_t frame, unsigned order)
{
	size_t bit = index_bit(b, frame, order);

	for (unsigned level = 0; level < BUDDY_LEVELS; level++, bit /= 32) {
		uint32_t *word = &b->bits[order][level][bit / 32];
		uint32_t old = *word;

		*word = old | 1u << (bit % 32);
		if (old)
			return; /* the levels above know already */
	}
}

static inline void index_remove(buddy_t *b, size_t frame, unsigned order)
{
	size_t bit = index_bit(b, frame, order);

	for (unsigned level = 0; level < BUDDY_LEVELS; level++, bit /= 32) {
		if (b->bits[order][level][bit / 32] &= ~(1u << (bit % 32)))
			return;
	}
}

/* The first frame of the free block that a bit of level 0 stands for. */
static inline size_t index_frame(const buddy_t *b, size_t bit, unsigned order)
{
	size_t frame;

	if (order == b->max_order)
		return bit << order;
	frame = bit << (order + 1);
	return b->map[frame] == (BUDDY_FREE | order) ? frame : frame + ((size_t)1 << order);
}

/* Take the lowest free block of this order; one must exist. Returns its first frame. */
static inline size_t index_take(buddy_t *b, unsigned order)
{
	size_t bit = 0;
	size_t frame;

	for (unsigned level = BUDDY_LEVELS; level-- > 0;)
		bit = bit * 32 + lowest_bit(b->bits[order][level][bit]);
	frame = index_frame(b, bit, order);
	index_remove(b, frame, order);
	return frame;
}

/* Whether a set bit is right: the word below is not 0, or the map has a free block. */
static inline bool index_is_true(const buddy_t *b, unsigned order, unsigned level, size_t bit)
{
	if (level)
		return b->bits[order][level - 1][bit];
	return b->map[index_frame(b, bit, order)] == (BUDDY_FREE | order);
}

/* Whether `count` bits are set, each for a free block, and the summaries are right. */
static inline bool index_agrees(const buddy_t *b, unsigned order, size_t count)
{
	size_t bits = index_bits(b->pages, order, b->max_order);

	for (unsigned level = 0; level < BUDDY_LEVELS; level++) {
		size_t filled = 0; /* words that are not 0: the bits of the level above */

		for (size_t word = 0; word < index_words(bits); word++) {
			uint32_t value = b->bits[order][level][word];

			filled += value != 0;
			for (; value; value &= value - 1, count--) {
				size_t bit = word * 32 + lowest_bit(value);

				if (!count || bit >= bits || !index_is_true(b, order, level, bit))
					return false;
			}
		}
		if (count)
			return false;
		count = filled;
		bits = index_words(bits);
	}
	return true;
}
//% endif

/* --- what buddy.c and buddy_unrolled.c share --------------------------------- */

static inline size_t block_pages(unsigned order)
{
	return (size_t)1 << order;
}

/* Put a block into the index and mark it. */
static inline void add_free(buddy_t *b, size_t frame, unsigned order)
{
	b->map[frame] = BUDDY_FREE | order;
	index_add(b, frame, order);
	b->free_count[order]++;
}

/*
 * Whether the unrolled form serves this buddy: it has code for the orders of the kernel's
 * zones, while buddy.c goes by b->max_order alone. Small buddies of tests have a lower one.
 */
static inline bool is_unrolled_for(const buddy_t *b)
{
	return b->max_order == MAX_ORDER;
}

/* Release single cached frames one by one; only if is_unrolled_for(b). */
void buddy_give_unrolled(buddy_t *b, const phys_addr_t *frames, size_t count);

#endif /* MM_BUDDY_INDEX_H */
