/*
 * Tests of the buddy allocator. Most use an instance of their own, over addresses
 * that nobody touches: the allocator does not either.
 */
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

#define BASE 0x40000000u
#define ORDER 4 /* largest block */
#define PAGES 37 /* two largest blocks, and 4 + 1 */

static buddy_t b;
static struct buddy_node metadata[PAGES + 4];

static void fresh(void)
{
	memset(metadata, 0xa5, sizeof(metadata)); /* what it holds does not matter */
	buddy_init(&b, BASE, PAGES * PAGE_SIZE, ORDER, metadata);
	buddy_add(&b, BASE, BASE + PAGES * PAGE_SIZE);
}

static uintptr_t page(size_t number)
{
	return BASE + number * PAGE_SIZE;
}

KTEST(buddy, metadata_fits)
{
	KTEST_ASSERT(test, buddy_metadata_size(PAGES * PAGE_SIZE, ORDER) <= sizeof(metadata));
	fresh();
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
	KTEST_EXPECT_EQ(test, b.free_pages, PAGES);
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
	uintptr_t first;

	fresh();
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 0), page(36)); /* no need to split */
	first = buddy_alloc(&b, 0);
	KTEST_EXPECT_EQ(test, first, page(32));
	KTEST_EXPECT_EQ(test, b.free_count[2], 0);
	KTEST_EXPECT_EQ(test, b.free_count[1], 1);
	KTEST_EXPECT_EQ(test, b.free_count[0], 1);
	KTEST_EXPECT_EQ(test, b.free_pages, PAGES - 2);
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
		KTEST_EXPECT_EQ(test, b.free_pages, 0);
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
	free_pages = b.free_pages;
	KTEST_EXPECT_EQ(test, buddy_free(&b, block, 1), BUDDY_ERR_ORDER);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block, 99), BUDDY_ERR_ORDER);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block + PAGE_SIZE, 0), BUDDY_ERR_INTERIOR);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block + 1, 2), BUDDY_ERR_RANGE);
	KTEST_EXPECT_EQ(test, buddy_free(&b, page(PAGES), 0), BUDDY_ERR_RANGE);
	KTEST_EXPECT_EQ(test, buddy_free(&b, BASE - PAGE_SIZE, 0), BUDDY_ERR_RANGE);
	KTEST_EXPECT_EQ(test, buddy_free(&b, page(0), 0), BUDDY_ERR_DOUBLE);
	KTEST_EXPECT_EQ(test, b.free_pages, free_pages);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block, 2), BUDDY_OK);
	KTEST_EXPECT_EQ(test, buddy_free(&b, block, 2), BUDDY_ERR_DOUBLE);
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
}

KTEST(buddy, keeps_out_of_holes)
{
	memset(metadata, 0xa5, sizeof(metadata));
	buddy_init(&b, BASE, PAGES * PAGE_SIZE, ORDER, metadata);
	buddy_add(&b, page(3), page(9));
	KTEST_EXPECT_EQ(test, b.free_pages, 6);
	KTEST_EXPECT_EQ(test, buddy_free(&b, page(2), 0), BUDDY_ERR_UNMANAGED);
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 3), PHYS_NONE);
	KTEST_EXPECT_EQ(test, buddy_alloc(&b, 2), page(4));
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_OK);
}

/* The checker must see what it is there for. */
KTEST(buddy, check_sees_corruption)
{
	fresh();
	b.map[0] ^= 1;
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_BAD_MAP);
	fresh();
	b.free_pages++;
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_BAD_COUNT);
	fresh();
	b.heads[0] |= 2;
	KTEST_EXPECT_EQ(test, buddy_check(&b), BUDDY_BAD_OVERLAP);
	fresh();
	b.free_lists[4] = b.free_lists[4]->next;
	KTEST_EXPECT_NE(test, buddy_check(&b), BUDDY_OK);
}
