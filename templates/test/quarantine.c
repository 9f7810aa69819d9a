/* Tests of the quarantine: it is limited, and is emptied before any request fails. */
#include <arch/paging.h>
#include <kernel/ktest.h>
#include <mm/kdebug.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/large.h>
#include <mm/page.h>
#include <mm/vmalloc.h>

#define SIZE (LARGE_ABOVE + 1) /* in pages of its own, or a block */

/* Free pages after all kept memory was reclaimed. */
static size_t settled_free_pages(void)
{
	kmalloc_shrink();
	return free_page_count();
}

/* Pages that one allocation takes, also while it is in quarantine. */
static size_t pages_of_one(void)
{
	size_t before = settled_free_pages();
	void *pointer = kmalloc(SIZE);
	size_t pages = before - free_page_count();

	kfree(pointer);
	return pages;
}

/* Allocate and free until it is full. Returns the pages that it holds then. */
static size_t fill(size_t before)
{
	for (unsigned i = 0; i < DEBUG_QUARANTINE; i++)
		kfree(kmalloc(SIZE));
	vm_purge();
	return before - free_page_count();
}

KTEST(quarantine, holds_a_part_of_the_memory)
{
	size_t one = pages_of_one();
	size_t before = settled_free_pages();
	size_t most = MIN(before, paging_stats.arena_pages) / QUARANTINE_PART;
	size_t held = fill(before);

	if (!one)
		KTEST_SKIP(test, "there is no block so large");
	KTEST_EXPECT_LE(test, held, most + one); /* the header's page does not count */
	KTEST_EXPECT_GE(test, held + 2 * one, MIN(most, one * DEBUG_QUARANTINE));
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
	KTEST_EXPECT_NULL(test, kmalloc_check());
}

KTEST(quarantine, gives_way_to_vmalloc)
{
	size_t before = settled_free_pages();
	void *all;

	if (before + VMALLOC_GUARD_PAGES > paging_stats.arena_pages)
		KTEST_SKIP(test, "there are fewer addresses than pages");
	if (!fill(before))
		KTEST_SKIP(test, "it holds nothing so large");
	all = vmalloc(before * PAGE_SIZE);
	KTEST_EXPECT_NOT_NULL(test, all);
	KTEST_EXPECT_EQ(test, free_page_count(), all ? 0 : before);
	vfree(all);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}

KTEST(quarantine, gives_way_to_alloc_pages)
{
	size_t before = settled_free_pages();
	size_t held = fill(before);
	phys_addr_t page;
	void *most;

	if (!held)
		KTEST_SKIP(test, "it holds nothing so large");
	/*
	 * Each held allocation has guards, and may leave a hole: otherwise vmalloc()
	 * empties the quarantine.
	 */
	if (before + VMALLOC_GUARD_PAGES + 2 * held * KMALLOC_GUARD_PAGES >
	    paging_stats.arena_pages)
		KTEST_SKIP(test, "there are too few addresses for all pages and what it holds");
	most = vmalloc(free_page_count() * PAGE_SIZE); /* there are as many: nothing gives way */
	if (KTEST_EXPECT(test, most && !free_page_count())) {
		page = alloc_pages(ZONE_ANY, 0);
		KTEST_EXPECT(test, page);
		if (page)
			free_pages(page, 0);
	}
	vfree(most);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}

/* Addresses as well: allocations in quarantine occupy some of the arena. */
KTEST(quarantine, gives_way_to_whoever_wants_addresses)
{
	size_t before = settled_free_pages();
	uintptr_t virt;

	if (vmalloc_stats.maps != vmalloc_stats.unmaps)
		KTEST_SKIP(test, "others have mappings");
	if (!fill(before))
		KTEST_SKIP(test, "it holds nothing so large");
	virt = vm_map(1, 1, 0, paging_stats.arena_pages - 1);
	KTEST_EXPECT(test, virt);
	if (virt)
		vm_unmap(virt, 1);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}

/*
 * Allocate `size` bytes as the new head of a list. Returns false, with the list
 * unchanged, if that fails.
 */
static bool push(void ***list, size_t size)
{
	void **object = kmalloc(size);

	if (!object)
		return false;
	*object = *list;
	*list = object;
	return true;
}

/*
 * When a slab or a chunk finds no pages, reclaim empties the quarantine, and there is
 * room again in the current slab, or in one that was full.
 */
static void gives_way(struct ktest *test, size_t size, size_t more)
{
	void *first = kmalloc(size); /* of a slab or a chunk; the last ones may be of pages */
	void **list = NULL;
	void *rest;

	while (more--)
		push(&list, size);
	rest = vmalloc(free_page_count() * PAGE_SIZE);
	while (push(&list, size))
		;
	kfree(first);
	first = kmalloc(size);
	KTEST_EXPECT_NOT_NULL(test, first);
	KTEST_EXPECT_NULL(test, kmalloc_check());
	kfree(first);
	while (list) {
		void **object = list;

		list = *object;
		kfree(object);
	}
	vfree(rest);
}

KTEST(quarantine, gives_way_to_slab_and_heap)
{
	size_t before = settled_free_pages();

	if (before + VMALLOC_GUARD_PAGES > paging_stats.arena_pages)
		KTEST_SKIP(test, "there are fewer addresses than pages");
	gives_way(test, 64, 0);
	gives_way(test, 64, SLAB_SIZE / 64);
	gives_way(test, 3000, 0);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}
