/*
 * buddy_check() sees each fault: every invariant that buddy.c states is broken,
 * one at a time and no other with it where that is possible.
 *
 * The stage for each is a region of 13 pages, of which the last is a part of a
 * larger block, as are the three bytes of the map after it:
 *
 *     frame   0   1   2   3   4   5   6   7   8   9  10  11  12 | 13 14 15
 *     blocks [#1###] [0] [#0] [#####2######] [######2#######] [0]     # allocated
 *             allocated        allocated       free            free
 *
 * Then every byte of the map takes every value, and every word of the index is
 * spoiled: with bitmaps bit by bit, with lists by pointers that lead elsewhere.
 *
 * Some faults need a larger region: 17 blocks of 8 pages, all allocated but the
 * first, of which one page is.
 *
 * Prints what went wrong, and the number of cases; exits with 0 if nothing did.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/buddy.h>

#define BASE 0x400000
#define PAGES 13
#define ORDER 3
#define LARGE_PAGES 136

static buddy_t buddy;
static buddy_t *const b = &buddy;

static uintptr_t page(unsigned frame)
{
	return BASE + frame * PAGE_SIZE;
}

static void take(unsigned frame, unsigned order)
{
	if (buddy_alloc(b, order) != page(frame)) {
		printf("the stage is not as drawn\n");
		exit(1);
	}
}

static void *spoiled(size_t size)
{
	return memset(malloc(size), 0xa5, size);
}

static void build(unsigned pages)
{
	static void *map, *index;

	free(map);
	free(index);
	map = spoiled(ALIGN_UP(pages, 1u << ORDER));
	index = spoiled(buddy_index_size(pages * PAGE_SIZE, ORDER));
	buddy_init(b, BASE, pages * PAGE_SIZE, ORDER, map, index);
	buddy_add(b, BASE, page(pages));
}

static void set_stage(void)
{
	build(PAGES);
	take(12, 0);
	take(8, 2);
	take(0, 1);
	take(2, 0);
	take(3, 0);
	take(4, 2);
	buddy_free(b, page(2), 0);
	buddy_free(b, page(8), 2);
	buddy_free(b, page(12), 0);
}

static void set_large_stage(void)
{
	build(LARGE_PAGES);
	while (buddy_alloc(b, ORDER))
		;
	buddy_free(b, BASE, ORDER);
	take(0, 0);
}

static unsigned failures, tried;

static void expect(const char *name, unsigned where, unsigned what, enum buddy_error expected)
{
	enum buddy_error error = buddy_check(b);

	tried++;
	if (error != expected) {
		printf("%s (%u, 0x%x): \"%s\", not \"%s\"\n", name, where, what,
		       buddy_strerror(error), buddy_strerror(expected));
		failures++;
	}
}

/* --- each index ------------------------------------------------------------ */

#ifdef BUDDY_LEVELS
static void toggle(unsigned frame, unsigned order)
{
	unsigned bit = frame >> MIN(order + 1, ORDER);

	/* There is one word on each level, so the bits above are all the lowest. */
	b->bits[order][0][0] ^= 1u << bit;
	for (unsigned level = 1; level < BUDDY_LEVELS; level++)
		b->bits[order][level][0] = b->bits[order][0][0] != 0;
}

static void put_into_index(unsigned frame, unsigned order)
{
	toggle(frame, order);
}

static void take_from_index(unsigned frame, unsigned order)
{
	toggle(frame, order);
}

static void spoil_index(void)
{
	set_large_stage();
	b->bits[0][1][0] = 2; /* says that of the second word, not of the first */
	expect("a bit moved in a summary", 0, 1, BUDDY_BAD_INDEX);
	for (unsigned order = 0; order <= ORDER; order++) {
		for (unsigned level = 0; level < BUDDY_LEVELS; level++) {
			for (unsigned bit = 0; bit < 32; bit++) {
				set_stage();
				b->bits[order][level][0] ^= 1u << bit;
				expect("a bit of an order's level", order, level << 8 | bit,
				       BUDDY_BAD_INDEX);
			}
			set_stage();
			if (!b->bits[order][level][0])
				continue;
			b->bits[order][level][0] &= b->bits[order][level][0] - 1;
			b->bits[order][level][0] |= 1u << 31; /* for no pair there is */
			expect("a bit far away", order, level, BUDDY_BAD_INDEX);
		}
	}
}
#else
/* In front. */
static void put_into_index(unsigned frame, unsigned order)
{
	struct buddy_node *node = &b->nodes[frame];

	node->next = b->free_lists[order];
	node->link = &b->free_lists[order];
	if (node->next)
		node->next->link = &node->next;
	b->free_lists[order] = node;
}

static void take_from_index(unsigned frame, unsigned order)
{
	struct buddy_node *node = &b->nodes[frame];

	(void)order;
	*node->link = node->next;
	if (node->next)
		node->next->link = node->link;
}

/* Every pointer that counts, and every place to which it may lead. */
static void spoil_index(void)
{
	static const unsigned free_frames[] = { 2, 8, 12 };

	for (unsigned to = 0; to < PAGES + 3; to++) {
		for (unsigned i = 0; i < ORDER + 1 + ARRAY_SIZE(free_frames); i++) {
			struct buddy_node **pointer, *target;

			set_stage();
			pointer = i <= ORDER ? &b->free_lists[i] :
					       &b->nodes[free_frames[i - ORDER - 1]].next;
			target = to == PAGES + 2 ? NULL : &b->nodes[(int)to - 1];
			if (*pointer == target)
				continue;
			*pointer = target;
			expect("a pointer forward", i, to, BUDDY_BAD_INDEX);
		}
		for (unsigned i = 0; i < ARRAY_SIZE(free_frames); i++) {
			struct buddy_node ***pointer, **target;

			set_stage();
			pointer = &b->nodes[free_frames[i]].link;
			target = to <= ORDER	 ? &b->free_lists[to] :
				 to == PAGES + 2 ? NULL :
						   &b->nodes[to].next;
			if (*pointer == target)
				continue;
			*pointer = target;
			expect("a pointer back", i, to, BUDDY_BAD_INDEX);
		}
	}
}
#endif

/* --- what is wrong in a way of its own -------------------------------------- */

/* A free block that all agree on: map, index and counter. */
static void put(unsigned frame, unsigned order)
{
	put_into_index(frame, order);
	b->map[frame] = BUDDY_FREE | order;
	b->free_count[order]++;
}

/* Of a free block nothing is left. */
static void lose(unsigned frame, unsigned order)
{
	take_from_index(frame, order);
	b->map[frame] = BUDDY_NOTHING;
	b->free_count[order]--;
}

static void not_in_index(void)
{
	take_from_index(8, 2);
}

static void under_another_order(void)
{
	take_from_index(8, 2);
	put_into_index(8, 1);
}

static void another_in_its_place(void)
{
	take_from_index(8, 2);
	put_into_index(4, 2);
}

static void allocated_in_index(void)
{
	put_into_index(4, 2);
}

static void nothing_in_index(void)
{
	b->map[8] = BUDDY_NOTHING;
	b->free_count[2]--;
	b->managed -= 4;
}

static void lost(void)
{
	lose(8, 2);
}

static void lost_to_the_map(void)
{
	b->map[8] = BUDDY_NOTHING;
}

static void half_lost(void)
{
	lose(8, 2);
	put(8, 1);
}

static void apart(void)
{
	lose(8, 2);
	put(8, 1);
	put(10, 1);
}

static void beside_a_free_one(void)
{
	b->map[3] = BUDDY_FREE;
	b->free_count[0]++;
}

static void free_in_allocated(void)
{
	put(1, 0);
	b->managed++;
}

static void free_in_free(void)
{
	put(10, 0);
	b->managed++;
}

static void behind_the_end(void)
{
	lose(12, 0);
	put(12, 1);
	b->managed++;
}

static void unaligned(void)
{
	lose(8, 2);
	put(9, 1);
	b->managed -= 2;
}

static void too_large(void)
{
	b->map[0] = BUDDY_ALLOCATED | 2;
}

static void too_small(void)
{
	b->map[4] = BUDDY_ALLOCATED | 1;
}

static void no_such_order(void)
{
	b->map[0] = BUDDY_ALLOCATED | (ORDER + 1);
}

static void counted_under_another_order(void)
{
	b->free_count[2]--;
	b->free_count[1] += 2;
}

static void counted_and_managed(void)
{
	b->free_count[0]++;
	b->managed++;
}

static const struct {
	const char *name;
	void (*corrupt)(void);
	enum buddy_error expected;
} cases[] = {
	{ "free block not in the index", not_in_index, BUDDY_BAD_INDEX },
	{ "free block under another order", under_another_order, BUDDY_BAD_INDEX },
	{ "another in its place", another_in_its_place, BUDDY_BAD_INDEX },
	{ "allocated block in the index", allocated_in_index, BUDDY_BAD_INDEX },
	{ "hole in the index", nothing_in_index, BUDDY_BAD_INDEX },
	{ "free block lost", lost, BUDDY_BAD_COUNT },
	{ "free block lost to the map", lost_to_the_map, BUDDY_BAD_COUNT },
	{ "half a free block lost", half_lost, BUDDY_BAD_COUNT },
	{ "buddies apart", apart, BUDDY_BAD_UNMERGED },
	{ "free beside a free one", beside_a_free_one, BUDDY_BAD_UNMERGED },
	{ "free block inside an allocated one", free_in_allocated, BUDDY_BAD_OVERLAP },
	{ "free block inside a free one", free_in_free, BUDDY_BAD_OVERLAP },
	{ "free block ends past the region", behind_the_end, BUDDY_BAD_MAP },
	{ "free block unaligned", unaligned, BUDDY_BAD_MAP },
	{ "allocated block over its neighbour", too_large, BUDDY_BAD_OVERLAP },
	{ "allocated block too small", too_small, BUDDY_BAD_COUNT },
	{ "allocated order too large", no_such_order, BUDDY_BAD_MAP },
	{ "counted under another order", counted_under_another_order, BUDDY_BAD_COUNT },
	{ "counted and managed", counted_and_managed, BUDDY_BAD_COUNT },
};

/* --- everything that can be wrong in a byte or a counter ---------------------- */

#define STARTS 0x111du /* mask of the frames at which the stage's blocks begin */

static bool is_state(uint8_t byte)
{
	unsigned order = byte & BUDDY_ORDER_MASK;

	if (byte == BUDDY_UNCACHED || byte == BUDDY_CACHED)
		return true;
	return order <= ORDER &&
	       (byte == (BUDDY_ALLOCATED | order) || byte == (BUDDY_FREE | order));
}

/* What must come of a byte of the map that is not what it was. */
static enum buddy_error expected_of(unsigned frame, uint8_t byte)
{
	unsigned pages = 1u << (byte & BUDDY_ORDER_MASK);

	if ((frame == 3 && byte == BUDDY_FREE) || (frame == 13 && byte == BUDDY_FREE) ||
	    (frame == 12 && byte == (BUDDY_FREE | 2)))
		return BUDDY_BAD_UNMERGED; /* with 2, 12 and 8, which are looked at first */
	if (frame >= PAGES)
		return BUDDY_BAD_MAP;
	if (!(STARTS >> frame & 1))
		return BUDDY_BAD_OVERLAP;
	if (byte == BUDDY_NOTHING)
		return BUDDY_BAD_COUNT;
	if (!is_state(byte) || frame % pages || frame + pages > PAGES)
		return BUDDY_BAD_MAP;
	if (STARTS >> (frame + 1) & ((1u << (pages - 1)) - 1))
		return BUDDY_BAD_OVERLAP;
	if (frame == 3)
		return BUDDY_OK; /* cached or uncached */
	return BUDDY_BAD_COUNT;
}

static void spoil_map(void)
{
	for (unsigned frame = 0; frame < 16; frame++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			set_stage();
			if (b->map[frame] == byte)
				continue;
			b->map[frame] = byte;
			expect("a byte of the map", frame, byte, expected_of(frame, byte));
		}
	}
}

static void spoil_counters(void)
{
	for (unsigned i = 0; i <= ORDER + 1; i++) {
		for (int by = -1; by <= 1; by += 2) {
			set_stage();
			*(i <= ORDER ? &b->free_count[i] : &b->managed) += by;
			expect("a counter", i, by, BUDDY_BAD_COUNT);
		}
	}
}

int main(void)
{
	set_stage();
	expect("the stage", 0, 0, BUDDY_OK);
	expect("the stage once more", 0, 0, BUDDY_OK);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_stage();
		cases[i].corrupt();
		expect(cases[i].name, 0, 0, cases[i].expected);
	}
	set_large_stage();
	expect("the large stage", 0, 0, BUDDY_OK);
	b->map[16] = BUDDY_ALLOCATED | (ORDER + 1);
	b->map[24] = BUDDY_NOTHING;
	expect("two blocks as one of no order", 16, b->map[16], BUDDY_BAD_MAP);
	spoil_map();
	spoil_counters();
	spoil_index();
	printf("%u cases, %u wrong\n", tried, failures);
	return failures != 0;
}
