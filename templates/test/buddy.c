/*
 * Tests of the buddy allocator. Most use an instance of their own, over addresses
 * that nobody touches: the allocator does not either. They split and merge blocks of
 * up to order 4; where the largest is smaller, tests/host has all states of them.
 */
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

//% if buddy.max_order < 4
KTEST(buddy, needs_blocks_of_order_4)
{
	KTEST_SKIP(test, "buddy.max_order is below 4");
}
//% else
#define BASE 0x40000000u
#define ORDER 4 /* largest block */
#define PAGES 37 /* two largest blocks, and 4 + 1 */

static buddy_t b;
static uint8_t map[PAGES + 11]; /* whole largest blocks */
static uint64_t index[PAGES]; /* 8 bytes a frame are enough for either index */

static void fresh_without_memory(void)
{
	memset(map, 0xa5, sizeof(map)); /* what they hold does not matter */
	memset(index, 0xa5, sizeof(index));
	buddy_init(&b, BASE, PAGES * PAGE_SIZE, ORDER, map, index);
}

static void fresh(void)
{
	fresh_without_memory();
	buddy_add(&b, BASE, BASE + PAGES * PAGE_SIZE);
}

static uintptr_t page(size_t number)
{
	return BASE + number * PAGE_SIZE;
}

KTEST(buddy, index_fits)
{
	KTEST_ASSERT(test, buddy_index_size(PAGES * PAGE_SIZE, ORDER) <= sizeof(index));
	fresh();
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
	KTEST_EXPECT_EQ(test, buddy_free_pages(&b), PAGES);
}

KTEST(buddy, begins_with_the_largest_blocks)
{
	fresh();
	KTEST_EXPECT_EQ(test, b.free_count[4], 2);
	KTEST_EXPECT_EQ(test, b.free_count[3], 0);
	KTEST_EXPECT_EQ(test, b.free_count[2], 1);
	KTEST_EXPECT_EQ(test, b.free_count[0], 1);
}

KTEST(buddy, splits)
{
	fresh();
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 0), page(36)); /* no need to split */
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 0), page(32));
	KTEST_EXPECT_EQ(test, b.free_count[2], 0);
	KTEST_EXPECT_EQ(test, b.free_count[1], 1);
	KTEST_EXPECT_EQ(test, b.free_count[0], 1);
	KTEST_EXPECT_EQ(test, buddy_free_pages(&b), PAGES - 2);
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
}

KTEST(buddy, aligns_blocks)
{
	fresh();
	for (unsigned order = 0; order <= ORDER; order++) {
		uintptr_t block = buddy_alloc(&b, order);

		KTEST_EXPECT_NE(test, block, PHYS_NONE);
		KTEST_EXPECT(test, IS_ALIGNED(block - BASE, (uintptr_t)PAGE_SIZE << order));
	}
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
}

/* Free everything in several orders: the initial profile must come back. */
KTEST(buddy, merges_completely)
{
	uintptr_t pages[PAGES];

	for (unsigned step = 1; step < PAGES; step += 5) { /* PAGES is prime */
		fresh();
		for (unsigned i = 0; i < PAGES; i++)
			pages[i] = buddy_alloc(&b, 0);
		KTEST_EXPECT_EQ(test, buddy_alloc(&b, 0), PHYS_NONE);
		KTEST_EXPECT_EQ(test, buddy_free_pages(&b), 0);
		for (unsigned i = 0; i < PAGES; i++)
			KTEST_EXPECT_EQ(test, buddy_free(&b, pages[i * step % PAGES], 0), BUDDY_OK);
		KTEST_EXPECT_EQ(test, b.free_count[4], 2);
		KTEST_EXPECT_EQ(test, b.free_count[2], 1);
		KTEST_EXPECT_EQ(test, b.free_count[0], 1);
		KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
	}
}

KTEST(buddy, refuses_wrong_frees)
{
	uintptr_t block;
	size_t free_pages;

	fresh();
	block = buddy_alloc(&b, 2);
	free_pages = buddy_free_pages(&b);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block, 1), BUDDY_ERR_ORDER);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block, 99), BUDDY_ERR_ORDER);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block + PAGE_SIZE, 0), BUDDY_ERR_INTERIOR);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block + 1, 2), BUDDY_ERR_RANGE);
	KTEST_EXPECT_EQ(test, buddy_free(&b, page(PAGES), 0), BUDDY_ERR_RANGE);
	KTEST_EXPECT_EQ(test, buddy_free(&b, BASE - PAGE_SIZE, 0), BUDDY_ERR_RANGE);
	KTEST_EXPECT_EQ(test, buddy_free(&b, page(0), 0), BUDDY_ERR_DOUBLE);
	KTEST_EXPECT_EQ(test, buddy_free_pages(&b), free_pages);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block, 2), BUDDY_OK);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block, 2), BUDDY_ERR_DOUBLE);
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
}

KTEST(buddy, keeps_out_of_holes)
{
	fresh_without_memory();
	buddy_add(&b, page(3), page(9));
	KTEST_EXPECT_EQ(test, buddy_free_pages(&b), 6);
	KTEST_EXPECT_EQ(test, buddy_free(&b, page(2), 0), BUDDY_ERR_UNMANAGED);
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 3), PHYS_NONE);
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 2), page(4));
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
}

KTEST(buddy, gives_frames_to_a_cache)
{
	phys_addr_t frames[32];
	size_t count;

	fresh();
	count = buddy_take_cached(&b, frames, 16);
	KTEST_EXPECT_EQ(test, count, 16);
	KTEST_EXPECT_EQ(test, frames[14], frames[15] + PAGE_SIZE);
	KTEST_EXPECT_EQ(test, buddy_free(&b, frames[3], 0), BUDDY_ERR_DOUBLE);
	KTEST_EXPECT_EQ(test, buddy_free_pages(&b), PAGES - 16);
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
	buddy_give_cached(&b, frames, count);
	KTEST_EXPECT_EQ(test, b.free_count[4], 2);
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
}

//% if buddy.index == "bitmaps"
KTEST(buddy, takes_the_lowest_address)
{
	uintptr_t pages[PAGES];

	fresh();
	for (unsigned i = 0; i < PAGES; i++)
		pages[i] = buddy_alloc(&b, 0);
	buddy_free(&b, page(30), 0);
	buddy_free(&b, page(5), 0);
	buddy_free(&b, page(17), 0);
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 0), page(5));
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 0), page(17));
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 0), page(30));
	KTEST_EXPECT_NE(test, pages[0], PHYS_NONE);
}

//% endif
/* buddy_check() must detect each of these errors. */
KTEST(buddy, check_sees_corruption)
{
	fresh();
	b.map[32] = BUDDY_ALLOCATED | 2;
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_BAD_COUNT);
	fresh();
	b.map[32] = 0xe0;
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_BAD_MAP);
	fresh();
	b.free_count[0]++;
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_BAD_COUNT);
	fresh();
	b.map[1] = BUDDY_FREE;
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_BAD_OVERLAP);
	fresh();
	//% if buddy.index == "lists"
	b.free_lists[4] = b.free_lists[4]->next;
	//% else
	b.bits[4][0][0] = 0;
	//% endif
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_BAD_INDEX);
}
//% endif
