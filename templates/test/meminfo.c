/* Tests of the report on memory: its figures follow allocations and frees. */
#include <arch/paging.h>
#include <kernel/ktest.h>
#include <kernel/meminfo.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/vmalloc.h>

KTEST(meminfo, unusable_index_counts_smaller_blocks)
{
	size_t blocks[MAX_ORDER + 1] = { 0 };

	KTEST_EXPECT_EQ(test, unusable_index(blocks, 0), 1000);
	blocks[0] = 3;
	KTEST_EXPECT_EQ(test, unusable_index(blocks, 0), 0);
#if MAX_ORDER >= 3
	blocks[2] = 1; /* 3 of 7 pages are in smaller blocks */
	KTEST_EXPECT_EQ(test, unusable_index(blocks, 0), 0);
	KTEST_EXPECT_EQ(test, unusable_index(blocks, 1), 428);
	KTEST_EXPECT_EQ(test, unusable_index(blocks, 2), 428);
	KTEST_EXPECT_EQ(test, unusable_index(blocks, 3), 1000);
#endif
}

static size_t all(const struct arena_use *use)
{
	return use->mapped + use->guard + use->waiting + use->spare + use->free;
}

KTEST(meminfo, arena_pages_are_for_something)
{
	struct arena_use before;
	struct arena_use during;
	struct arena_use after;
	void *pointer;

	vm_purge();
	before = arena_use();
	pointer = vmalloc(3 * PAGE_SIZE);
	KTEST_ASSERT(test, pointer);
	during = arena_use();
	vfree(pointer);
	vm_purge();
	after = arena_use();
	KTEST_EXPECT_EQ(test, all(&before), paging_stats.arena_pages);
	KTEST_EXPECT_EQ(test, all(&during), paging_stats.arena_pages);
	KTEST_EXPECT_EQ(test, all(&after), paging_stats.arena_pages);
	KTEST_EXPECT_EQ(test, during.mapped, before.mapped + 3);
	KTEST_EXPECT(test, during.guard > before.guard);
	KTEST_EXPECT_EQ(test, after.mapped, before.mapped);
	KTEST_EXPECT_EQ(test, after.guard, before.guard);
	KTEST_EXPECT_EQ(test, after.waiting, 0);
	KTEST_EXPECT(test, during.largest_free <= during.free);
}

KTEST(meminfo, heap_bytes_are_free_or_not)
{
	struct heap_use before;
	struct heap_use during;
	struct heap_use after;
	void *pointer;

	kmalloc_shrink();
	before = heap_use();
	pointer = kheap_alloc_aligned(3000, KHEAP_GRANULE); /* NULL without a chunk */
	KTEST_ASSERT(test, pointer);
	during = heap_use();
	kheap_free(pointer);
	kmalloc_shrink();
	after = heap_use();
	KTEST_EXPECT_EQ(test, during.blocks, before.blocks + 1);
	KTEST_EXPECT(test, during.bytes - during.free >= before.bytes - before.free + 3000);
	KTEST_EXPECT(test, during.largest_free <= during.free);
	KTEST_EXPECT_EQ(test, after.blocks, before.blocks);
	KTEST_EXPECT_EQ(test, after.bytes - after.free, before.bytes - before.free);
}
