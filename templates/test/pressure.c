/*
 * Tests of running short: frames and addresses that wait for a TLB flush, or are kept
 * for later, are reclaimed before any request fails.
 */
#include <arch/paging.h>
#include <kernel/ktest.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/large.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

/* Free pages, with those that wait for a flush, in blocks as large as they can be. */
static size_t free_pages_purged(void)
{
	kmalloc_shrink();
	pages_drain();
	return free_page_count();
}

KTEST(vmalloc, exhaustion_gives_null)
{
	unsigned long failures = vmalloc_stats.failures;
	size_t before = free_pages_purged();

	KTEST_EXPECT_NULL(test, vmalloc(0));
	KTEST_EXPECT_NULL(test, vmalloc((size_t)-1));
	KTEST_EXPECT_NULL(test, vmalloc((before + 1) * PAGE_SIZE));
	KTEST_EXPECT_NULL(test, vmalloc(ARENA_SIZE));
	KTEST_EXPECT_NULL(test, (void *)vm_map(1, 1, 0, paging_stats.arena_pages));
	KTEST_EXPECT_EQ(test, vmalloc_stats.failures, failures + 5);
	KTEST_EXPECT_EQ(test, free_page_count(), before);
	KTEST_EXPECT_NULL(test, vm_check());
}

/* Addresses without frames: two of a size, so that the last one given back has a link. */
static void keep_two_spare(void)
{
	void *first = vmalloc(1);
	void *second = vmalloc(1);

	vfree(first);
	vfree(second);
	vm_purge();
}

/* Merge free addresses: a request for all of them reclaims the spare ones, too. */
static void join_addresses(void)
{
	uintptr_t virt = vm_map(1, 1, 0, paging_stats.arena_pages - 1);

	if (virt)
		vm_unmap(virt, 1);
	vm_purge();
}

/* Pages that wait for their flush are reclaimed when there are no others. */
KTEST(vmalloc, purges_under_pressure)
{
	size_t before = free_pages_purged();
	size_t few = MIN(before / 4, (size_t)4096);
	char *waiting;
	char *rest;
	char *again;
	char *none;

	if (before + few + 3 * VMALLOC_GUARD_PAGES > paging_stats.arena_pages)
		KTEST_SKIP(test, "there are fewer addresses than pages");
	join_addresses();
	waiting = vmalloc(few * PAGE_SIZE);
	KTEST_ASSERT(test, waiting);
	keep_two_spare();
	rest = vmalloc((before - few - 1) * PAGE_SIZE);
	KTEST_EXPECT_EQ(test, free_page_count(), 1);
	vfree(waiting);
	if (VMALLOC_LAZY > 1) /* it waits */
		KTEST_EXPECT_EQ(test, free_page_count(), 1);
	again = vmalloc((few + 1) * PAGE_SIZE);
	KTEST_EXPECT(test, rest && again);
	KTEST_EXPECT_EQ(test, free_page_count(), 0);
	none = vmalloc(1);
	KTEST_EXPECT_NULL(test, none);
	vfree(none);
	vfree(again);
	vfree(rest);
	KTEST_EXPECT_EQ(test, free_pages_purged(), before);
	KTEST_EXPECT_NULL(test, vm_check());
}

/* The order of the largest block that these pages form if no others are free. */
static int largest_of(void **waiting, size_t pages)
{
	static struct free_profile profile;
	int largest = 0;

	vfree(*waiting);
	vm_purge();
	free_profile_read(&profile);
	for (unsigned zone = 0; zone < ZONE_COUNT; zone++) {
		for (int order = largest + 1; order <= MAX_ORDER; order++) {
			if (profile.blocks[zone][order])
				largest = order;
		}
	}
	*waiting = vmalloc(pages * PAGE_SIZE);
	return largest;
}

/* A request for frames, one or more, gets waiting frames when there are no others. */
KTEST(vmalloc, any_request_gets_what_waits)
{
	size_t before = free_pages_purged();
	size_t few = MIN(before / 4, (size_t)64);
	unsigned long failures = page_stats.failures;
	phys_addr_t blocks[2] = { PHYS_NONE, PHYS_NONE };
	void *waiting;
	void *rest;
	unsigned most;

	if (before + 2 * VMALLOC_GUARD_PAGES > paging_stats.arena_pages)
		KTEST_SKIP(test, "there are fewer addresses than pages");
	join_addresses();
	rest = vmalloc((before - few) * PAGE_SIZE); /* first: it needs most of them in one piece */
	KTEST_ASSERT(test, rest);
	waiting = vmalloc(few * PAGE_SIZE);
	KTEST_EXPECT_EQ(test, free_page_count(), 0);
	most = largest_of(&waiting, few);
	most = MIN(most, 1u);
	for (unsigned order = 0; order <= most; order++) {
		vfree(waiting);
		blocks[order] = alloc_pages(ZONE_ANY, order);
		KTEST_EXPECT(test, blocks[order]);
		waiting = vmalloc(free_page_count() * PAGE_SIZE);
		KTEST_EXPECT_EQ(test, free_page_count(), 0);
	}
	KTEST_EXPECT_EQ(test, page_stats.failures, failures);
	for (unsigned order = 0; order <= most; order++) {
		if (blocks[order])
			free_pages(blocks[order], order);
	}
	vfree(waiting);
	vfree(rest);
	KTEST_EXPECT_EQ(test, free_pages_purged(), before);
	KTEST_EXPECT_NULL(test, vm_check());
}

/* Whether all memory is in the direct map. */
static bool is_all_direct(void)
{
	for (unsigned zone = ZONE_DIRECT + 1; zone < ZONE_COUNT; zone++) {
		if (zones[zone].buddy.managed)
			return false;
	}
	return true;
}

/* Whether this many bytes can come from `few` pages, whose largest block has `most` bytes. */
static bool can_be_had(size_t size, size_t few, size_t most)
{
	size_t with_header = size + 2 * MAX(KMALLOC_ALIGNMENT, 128ul);

	//% if kmalloc.mapping == "direct"
	return MAX(with_header, MAX(SLAB_SIZE, (size_t)KHEAP_CHUNK)) <= MIN(most, few * PAGE_SIZE);
	//% else
	return most && with_header < few * PAGE_SIZE; /* in single pages */
	//% endif
}

/* kmalloc() as well, of all tiers: a slab or a chunk may have to come from waiting pages. */
KTEST(vmalloc, kmalloc_gets_what_waits)
{
	static const size_t lengths[] = { 100, 5000, LARGE_ABOVE + 1 };
	size_t before = free_pages_purged();
	size_t few = MIN(before / 4, MAX(64ul, 4 * LARGE_ABOVE / PAGE_SIZE));
	void *waiting;
	void *rest;
	size_t most;

	if (before + 2 * VMALLOC_GUARD_PAGES > paging_stats.arena_pages || !is_all_direct())
		KTEST_SKIP(test, "there are fewer addresses than pages, or not all are mapped");
	join_addresses();
	rest = vmalloc((before - few) * PAGE_SIZE); /* first: it needs most of them in one piece */
	KTEST_ASSERT(test, rest);
	waiting = vmalloc(few * PAGE_SIZE);
	most = PAGE_SIZE << largest_of(&waiting, few);
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		void *pointer;

		KTEST_EXPECT_EQ(test, free_page_count(), 0);
		vfree(waiting);
		pointer = kmalloc(lengths[i]);
		if (can_be_had(lengths[i], few, most))
			KTEST_EXPECT_NOT_NULL(test, pointer);
		kfree(pointer);
		free_pages_purged();
		waiting = vmalloc(few * PAGE_SIZE);
	}
	vfree(waiting);
	vfree(rest);
	KTEST_EXPECT_EQ(test, free_pages_purged(), before);
}

/* Addresses kept for mappings of their size serve one of any size when it needs them. */
KTEST(vmalloc, spare_addresses_come_back)
{
	void *small[3];
	bool all = true;
	uintptr_t virt;

	if (vmalloc_stats.maps != vmalloc_stats.unmaps)
		KTEST_SKIP(test, "others have mappings");
	for (unsigned i = 0; i < ARRAY_SIZE(small); i++) {
		small[i] = vmalloc((i + 1) * PAGE_SIZE);
		all &= !!small[i];
	}
	for (unsigned i = 0; i < ARRAY_SIZE(small); i++)
		vfree(small[i]);
	vm_purge();
	KTEST_ASSERT(test, all);
	virt = vm_map(1, 1, 0, paging_stats.arena_pages - 1); /* one page, and guards */
	KTEST_ASSERT(test, virt);
	KTEST_EXPECT_EQ(test, virt, ARENA_BASE);
	KTEST_EXPECT_NULL(test, vmalloc(1));
	vm_unmap(virt, 1);
	virt = vm_map(1, 1, 0, paging_stats.arena_pages - 1); /* purges to get it */
	KTEST_ASSERT(test, virt);
	KTEST_EXPECT_EQ(test, virt, ARENA_BASE);
	vm_unmap(virt, 1);
	vm_purge();
	KTEST_EXPECT_NULL(test, vm_check());
}

/* Spare addresses are enough: waiting ones are not flushed. */
KTEST(vmalloc, spare_addresses_cost_no_flush)
{
	const size_t reach = 1 + VMALLOC_GUARD_PAGES;
	unsigned long before;
	void *small[2];
	uintptr_t virt;

	if (vmalloc_stats.maps != vmalloc_stats.unmaps || VMALLOC_LAZY == 1)
		KTEST_SKIP(test, "others have mappings, or nothing waits");
	vm_purge();
	virt = vm_map(1, 1, 0, paging_stats.arena_pages - 1); /* nothing is spare */
	KTEST_ASSERT(test, virt);
	vm_unmap(virt, 1);
	vm_purge();
	for (unsigned i = 0; i < ARRAY_SIZE(small); i++)
		small[i] = vmalloc(PAGE_SIZE);
	vfree(small[1]);
	vm_purge(); /* it is spare */
	vfree(small[0]); /* it waits */
	before = vmalloc_stats.flushes;
	virt = vm_map(1, 1, 0, paging_stats.arena_pages - reach - 1);
	KTEST_ASSERT(test, virt);
	KTEST_EXPECT_EQ(test, vmalloc_stats.flushes, before);
	vm_unmap(virt, 1);
	vm_purge();
}

/* Frames run out in the middle of a mapping: it frees those that it had. */
KTEST(vmalloc, fails_in_the_middle_and_leaves_nothing)
{
	size_t before = free_pages_purged();
	size_t live = vmalloc_stats.live_pages;
	unsigned long failures = vmalloc_stats.failures;
	void *rom = ioremap(0xf0000, 2 * PAGE_SIZE);

	KTEST_ASSERT(test, rom);
	iounmap(rom); /* two pages that wait, without frames to give back */
	if (before + 2 + 2 * VMALLOC_GUARD_PAGES > paging_stats.arena_pages)
		KTEST_SKIP(test, "there are fewer addresses than pages");
	KTEST_EXPECT_NULL(test, vmalloc((before + 2) * PAGE_SIZE));
	KTEST_EXPECT_EQ(test, vmalloc_stats.failures, failures + 1);
	KTEST_ALWAYS(test, vmalloc_stats.live_pages == live);
	KTEST_ALWAYS(test, free_page_count() == before);
	KTEST_EXPECT_NULL(test, vm_check());
}
