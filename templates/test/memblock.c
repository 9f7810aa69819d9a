/* Tests of the bootstrap allocator, on an instance of their own. */
#include <kernel/ktest.h>
#include <mm/early.h>

static struct memblock mb;

static void fill(void)
{
	memblock_init(&mb);
	memblock_add(&mb, 0x0, 0x9f000);
	memblock_add(&mb, 0x100000, 0x400000);
	memblock_reserve(&mb, 0x100000, 0x180000);
}

KTEST(memblock, bumps)
{
	phys_addr_t first;

	fill();
	first = memblock_alloc(&mb, 100, 4, 0);
	KTEST_EXPECT_EQ(test, first, 0x1000);
	KTEST_EXPECT_EQ(test, memblock_alloc(&mb, 100, 4, 0), first + 100);
	KTEST_EXPECT_EQ(test, memblock_alloc(&mb, 0x1000, 0x1000, 0), 0x2000);
	KTEST_EXPECT_EQ(test, mb.allocated, 200 + 0x1000);
	KTEST_EXPECT_EQ(test, memblock_check(&mb), MEMBLOCK_OK);
}

KTEST(memblock, skips_reserved_and_holes)
{
	fill();
	KTEST_EXPECT_EQ(test, memblock_alloc(&mb, 0x90000, 0x1000, 0), 0x1000);
	KTEST_EXPECT_EQ(test, memblock_alloc(&mb, 0x20000, 0x1000, 0), 0x180000);
	/* Skipped memory is found again when nothing is left above. */
	KTEST_EXPECT_EQ(test, memblock_alloc(&mb, 0x260000, 0x1000, 0), 0x1a0000);
	KTEST_EXPECT_EQ(test, memblock_alloc(&mb, 0x1000, 0x1000, 0), 0x91000);
	KTEST_EXPECT_EQ(test, memblock_check(&mb), MEMBLOCK_OK);
}

KTEST(memblock, heeds_the_limit)
{
	fill();
	KTEST_EXPECT_EQ(test, memblock_alloc(&mb, 0x100000, 0x1000, 0x200000), PHYS_NONE);
	KTEST_EXPECT_EQ(test, memblock_alloc(&mb, 0x80000, 0x1000, 0x200000), 0x1000);
	KTEST_EXPECT_EQ(test, memblock_alloc(&mb, 0x80000, 0x1000, 0x200000), 0x180000);
}

KTEST(memblock, hands_over_all_that_is_left)
{
	struct memblock_region region;
	phys_addr_t at = 0;

	fill();
	memblock_alloc(&mb, 10, 1, 0); /* takes a part of page 1: the page is gone */
	KTEST_EXPECT(test, memblock_next_free(&mb, &at, &region));
	KTEST_EXPECT_EQ(test, region.start, 0x2000);
	KTEST_EXPECT_EQ(test, region.end, 0x9f000);
	KTEST_EXPECT(test, memblock_next_free(&mb, &at, &region));
	KTEST_EXPECT_EQ(test, region.start, 0x180000);
	KTEST_EXPECT_EQ(test, region.end, 0x400000);
	KTEST_EXPECT(test, !memblock_next_free(&mb, &at, &region));
}

KTEST(memblock, is_closed_now)
{
	KTEST_EXPECT_EQ(test, memblock_alloc(&memblock, 4, 4, 0), PHYS_NONE);
	KTEST_EXPECT_EQ(test, memblock_reserve(&memblock, 0x1000, 0x2000), MEMBLOCK_ERR_CLOSED);
	KTEST_EXPECT_EQ(test, memblock_check(&memblock), MEMBLOCK_OK);
}
