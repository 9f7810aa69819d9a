/*
 * buddy_check() sees each fault: every invariant that buddy.c states is broken,
 * one at a time and no other with it where that is possible.
 *
 * The stage for each is a region of 13 pages, of which the last is a part of a
 * larger block:
 *
 *     frame   0   1   2   3   4   5   6   7   8   9  10  11  12
 *     blocks [#1###] [0] [#0] [#####2######] [######2#######] [0]     # allocated
 *             allocated        allocated       free            free
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

static void set_stage(void)
{
	static void *metadata;

	free(metadata);
	metadata = malloc(buddy_metadata_size(PAGES * PAGE_SIZE, ORDER));
	memset(metadata, 0xa5, buddy_metadata_size(PAGES * PAGE_SIZE, ORDER));
	buddy_init(b, BASE, PAGES * PAGE_SIZE, ORDER, metadata);
	buddy_add(b, BASE, page(PAGES));
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

static void flip_head(unsigned frame)
{
	b->heads[frame / 32] ^= 1u << frame % 32;
}

static void flip_pair(unsigned order, unsigned frame)
{
	unsigned bit = b->rounded - (b->rounded >> order) + (frame >> (order + 1));

	b->map[bit / 8] ^= 1 << bit % 8;
}

/* Put a block in front of a list, with links, head, counter and pages right. */
static void put(unsigned frame, unsigned order)
{
	struct buddy_node *node = &b->nodes[frame];

	node->next = b->free_lists[order];
	node->link = &b->free_lists[order];
	if (node->next)
		node->next->link = &node->next;
	b->free_lists[order] = node;
	b->free_count[order]++;
	b->free_pages += 1 << order;
	b->heads[frame / 32] |= 1u << frame % 32;
}

/* Take the first block off a list, its head bit included, all counters right. */
static unsigned remove_first(unsigned order)
{
	struct buddy_node *node = b->free_lists[order];

	b->free_lists[order] = node->next;
	if (node->next)
		node->next->link = &b->free_lists[order];
	b->free_count[order]--;
	b->free_pages -= 1 << order;
	flip_head(node - b->nodes);
	return node - b->nodes;
}

/* --- lists ---------------------------------------------------------------- */

static void link_astray(void)
{
	b->free_lists[2]->link = &b->free_lists[0];
}

static void second_link_astray(void)
{
	b->free_lists[0]->next->link = &b->free_lists[0];
}

static void ring(void)
{
	b->free_lists[0]->next->next = b->free_lists[0];
}

static void node_below(void)
{
	b->free_lists[0] = b->nodes - 1;
}

static void node_above(void)
{
	b->free_lists[0] = b->nodes + PAGES;
}

static void end_above(void)
{
	unsigned frame = remove_first(0);

	put(frame, 2); /* 12..15 of 13 pages */
	b->managed += 3;
}

static void unaligned(void)
{
	b->managed -= 4;
	remove_first(2);
	put(9, 1);
	b->managed += 2;
}

static void no_head(void)
{
	flip_head(8);
}

static void lost_block(void)
{
	remove_first(2);
	flip_head(8);
	b->free_pages += 4;
}

/* Its list does not know it any more; head and counters do. */
static void fallen_out(void)
{
	b->free_lists[2] = NULL;
}

/* --- allocated blocks ------------------------------------------------------ */

static void order_too_large(void)
{
	b->nodes[4].allocated = 2 * (ORDER + 1) + 1;
}

/* Shifting by so much would give the right length on many a machine. */
static void order_beyond_word(void)
{
	b->nodes[4].allocated = 2 * (8 * sizeof(size_t) + 2) + 1;
}

static void allocated_unaligned(void)
{
	b->nodes[3].allocated = 2 * 1 + 1;
}

static void allocated_end_above(void)
{
	remove_first(0);
	flip_head(12);
	b->nodes[12].allocated = 2 * 2 + 1;
	flip_pair(0, 12);
}

static void allocated_too_large(void)
{
	b->nodes[0].allocated = 2 * 2 + 1;
}

static void allocated_too_small(void)
{
	b->nodes[4].allocated = 2 * 1 + 1;
}

/* --- overlaps -------------------------------------------------------------- */

static void head_in_free(void)
{
	flip_head(10);
	b->nodes[10].allocated = 1;
}

static void head_in_allocated(void)
{
	flip_head(6);
	b->nodes[6].allocated = 1;
}

static void free_in_allocated(void)
{
	put(1, 0);
	flip_pair(0, 1);
	b->managed++;
}

/* --- counters -------------------------------------------------------------- */

static void count_high(void)
{
	b->free_count[1]++;
}

static void count_low(void)
{
	b->free_count[0]--;
}

static void free_pages_high(void)
{
	b->free_pages++;
}

static void both_high(void)
{
	b->free_pages++;
	b->managed++;
}

static void managed_low(void)
{
	b->managed--;
}

static void page_lost(void)
{
	flip_head(3);
}

/* --- the map --------------------------------------------------------------- */

static void listed_too_low(void)
{
	put(remove_first(2), 1); /* half of it is lost, and who counts does not see it */
	b->managed -= 2;
}

static void buddies_apart(void)
{
	b->managed -= 4;
	remove_first(2);
	flip_pair(2, 8);
	put(8, 0);
	put(9, 0);
	b->managed += 2;
}

static const struct {
	const char *name;
	void (*corrupt)(void);
	enum buddy_error expected;
} cases[] = {
	{ "link astray", link_astray, BUDDY_BAD_LIST },
	{ "second link astray", second_link_astray, BUDDY_BAD_LIST },
	{ "ring", ring, BUDDY_BAD_LIST },
	{ "node below the region", node_below, BUDDY_BAD_LIST },
	{ "node above the region", node_above, BUDDY_BAD_LIST },
	{ "block ends above the region", end_above, BUDDY_BAD_LIST },
	{ "free block unaligned", unaligned, BUDDY_BAD_LIST },
	{ "free block without head", no_head, BUDDY_BAD_LIST },
	{ "free block in no list", lost_block, BUDDY_BAD_COUNT },
	{ "free block fallen out of its list", fallen_out, BUDDY_BAD_COUNT },
	{ "allocated order too large", order_too_large, BUDDY_BAD_LIST },
	{ "allocated order beyond a word", order_beyond_word, BUDDY_BAD_LIST },
	{ "allocated block unaligned", allocated_unaligned, BUDDY_BAD_LIST },
	{ "allocated block ends above", allocated_end_above, BUDDY_BAD_LIST },
	{ "allocated block over its neighbour", allocated_too_large, BUDDY_BAD_OVERLAP },
	{ "allocated block too small", allocated_too_small, BUDDY_BAD_COUNT },
	{ "head inside a free block", head_in_free, BUDDY_BAD_OVERLAP },
	{ "head inside an allocated block", head_in_allocated, BUDDY_BAD_OVERLAP },
	{ "free block inside an allocated one", free_in_allocated, BUDDY_BAD_OVERLAP },
	{ "counter of an order high", count_high, BUDDY_BAD_COUNT },
	{ "counter of an order low", count_low, BUDDY_BAD_COUNT },
	{ "free pages high", free_pages_high, BUDDY_BAD_COUNT },
	{ "free and managed pages high", both_high, BUDDY_BAD_COUNT },
	{ "managed pages low", managed_low, BUDDY_BAD_COUNT },
	{ "allocated page lost", page_lost, BUDDY_BAD_COUNT },
	{ "block in the list below its order", listed_too_low, BUDDY_BAD_MAP },
	{ "buddies apart", buddies_apart, BUDDY_BAD_UNMERGED },
};

static unsigned failures, tried;

static void expect(const char *name, enum buddy_error expected)
{
	enum buddy_error error = buddy_check(b);

	tried++;
	if (error != expected) {
		printf("%s: \"%s\", not \"%s\"\n", name, buddy_strerror(error),
		       buddy_strerror(expected));
		failures++;
	}
}

int main(void)
{
	set_stage();
	expect("the stage", BUDDY_OK);
	expect("the stage once more", BUDDY_OK);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_stage();
		cases[i].corrupt();
		expect(cases[i].name, cases[i].expected);
	}
	for (size_t bit = 0; bit < 8 * b->map_size; bit++) {
		set_stage();
		b->map[bit / 8] ^= 1 << bit % 8;
		expect("a bit of the map", BUDDY_BAD_MAP);
	}
	printf("%u cases, %u wrong\n", tried, failures);
	return failures != 0;
}
