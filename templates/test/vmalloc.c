/* Tests of vmalloc: mappings, their guards, and the one flush for many. */
#include <arch/cpu.h>
#include <arch/fixmap.h>
#include <arch/paging.h>
#include <arch/tlb.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/early.h>
#include <mm/kspace.h>
#include <mm/page.h>
#include <mm/vmalloc.h>

/* Free pages, with those that wait for a flush. */
static size_t free_pages_purged(void)
{
	vm_purge();
	return free_page_count();
}

static unsigned long flushes(void)
{
	return tlb_stats.flush_all + tlb_stats.flush_page;
}

/* Limit a number of pages to the machine's room. */
static size_t at_most(size_t pages)
{
	return MIN(pages, MIN(free_page_count(), paging_stats.arena_pages) / 4);
}

KTEST(vmalloc, gives_pages_that_hold_data)
{
	size_t before = free_pages_purged();
	size_t pages = at_most(300);
	uint32_t *words = vmalloc(pages * PAGE_SIZE - 5);
	size_t wrong = 0;

	KTEST_ASSERT(test, words);
	KTEST_EXPECT(test, IS_ALIGNED((uintptr_t)words, PAGE_SIZE));
	KTEST_EXPECT_EQ(test, free_page_count(), before - pages);
	for (size_t i = 0; i < pages * PAGE_SIZE / 4; i += 128)
		words[i] = i;
	for (size_t i = 0; i < pages * PAGE_SIZE / 4; i += 128)
		wrong += words[i] != i;
	KTEST_EXPECT_EQ(test, wrong, 0);
	KTEST_EXPECT_NULL(test, vm_check());
	vfree(words);
	KTEST_EXPECT_EQ(test, free_pages_purged(), before);
	KTEST_EXPECT_NULL(test, vm_check());
}

KTEST(vmalloc, clears)
{
	unsigned char *bytes = vmalloc(PAGE_SIZE);
	size_t wrong = 0;

	KTEST_ASSERT(test, bytes);
	memset(bytes, 0xff, PAGE_SIZE);
	vfree(bytes);
	vm_purge();
	bytes = vzalloc(PAGE_SIZE); /* most likely the same frame */
	KTEST_ASSERT(test, bytes);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		wrong += bytes[i] != 0;
	KTEST_EXPECT_EQ(test, wrong, 0);
	vfree(bytes);
}

KTEST(vmalloc, leaves_guards_behind)
{
	char *first = vmalloc(2 * PAGE_SIZE);
	char *second = vmalloc(1);
	struct vm_place place;

	KTEST_ASSERT_OR(test, first && second, out);
	for (size_t i = 0; i < VMALLOC_GUARD_PAGES; i++)
		KTEST_EXPECT_EQ(test, slow_virt_to_phys(first + (2 + i) * PAGE_SIZE), PHYS_NONE);
	place = vm_locate((uintptr_t)first + 2 * PAGE_SIZE);
	KTEST_EXPECT_EQ(test, place.state, VM_GUARD);
	KTEST_EXPECT_EQ(test, place.virt, (uintptr_t)first);
	KTEST_EXPECT_EQ(test, place.pages, 2);
	place = vm_locate((uintptr_t)first + PAGE_SIZE + 7);
	KTEST_EXPECT_EQ(test, place.state, VM_MAPPED);
	KTEST_EXPECT_EQ(test, place.virt, (uintptr_t)first);
	place = vm_locate((uintptr_t)first + PAGE_SIZE);
	vfree(first);
	first = NULL;
	KTEST_EXPECT_EQ(test, vm_locate(place.virt + PAGE_SIZE).state, VM_FREED);
	vm_purge(); /* and remembered all the same */
	KTEST_EXPECT_EQ(test, vm_locate(place.virt + PAGE_SIZE).state, VM_FREED);
	KTEST_EXPECT_EQ(test, vm_locate((uintptr_t)second).state, VM_MAPPED);
out:
	vfree(first);
	vfree(second);
}

KTEST(vmalloc, aligns_a_page_of_the_mapping)
{
	void *even = vmalloc(3 * PAGE_SIZE);
	void *odd = vmalloc(3 * PAGE_SIZE);

	vfree(even); /* the last spare address of this size will not do for both */
	vfree(odd);
	vm_purge();
	for (size_t skew = 0; skew <= 1; skew++) {
		uintptr_t virt = vm_map(3, 8, skew, 1);

		KTEST_ASSERT(test, virt);
		KTEST_EXPECT(test, IS_ALIGNED(virt + skew * PAGE_SIZE, 8 * PAGE_SIZE));
		KTEST_EXPECT_NOT_NULL(test, vm_fault(virt, VM_ALLOC));
		KTEST_EXPECT_NULL(test, vm_fault(virt, VM_PAGES));
		vm_unmap(virt, 3);
	}
	KTEST_EXPECT_NULL(test, vm_check());
	vm_purge();
}

KTEST(vmalloc, refuses_wrong_frees)
{
	char *pointer = vmalloc(3 * PAGE_SIZE);
	char *video = ioremap(0xb8000, 4000);
	int local = 0;

	if (!KTEST_EXPECT(test, pointer && video)) {
		vfree(pointer);
		goto out;
	}
	KTEST_EXPECT_NULL(test, vm_fault((uintptr_t)pointer, VM_ALLOC));
	KTEST_EXPECT_NULL(test, vm_fault((uintptr_t)video, VM_IO));
	KTEST_EXPECT_NOT_NULL(test, vm_fault((uintptr_t)video, VM_ALLOC));
	KTEST_EXPECT_NOT_NULL(test, vm_fault((uintptr_t)pointer, VM_IO));
	KTEST_EXPECT_NOT_NULL(test, vm_fault((uintptr_t)pointer + PAGE_SIZE, VM_ALLOC));
	KTEST_EXPECT_NOT_NULL(test, vm_fault((uintptr_t)pointer + 8, VM_ALLOC));
	KTEST_EXPECT_NOT_NULL(test, vm_fault((uintptr_t)pointer + 3 * PAGE_SIZE, VM_ALLOC));
	KTEST_EXPECT_NOT_NULL(test, vm_fault((uintptr_t)&local, VM_ALLOC));
	KTEST_EXPECT_NOT_NULL(test, vm_fault(ARENA_BASE - PAGE_SIZE, VM_ALLOC));
	vfree(pointer);
	KTEST_EXPECT_NOT_NULL(test, vm_fault((uintptr_t)pointer, VM_ALLOC)); /* twice */
	vm_purge();
	KTEST_EXPECT_NOT_NULL(test, vm_fault((uintptr_t)pointer, VM_ALLOC));
out:
	iounmap(video);
	vfree(NULL);
	iounmap(NULL);
	vm_purge();
}

/* --- lazily unmapped ---------------------------------------------------------- */

KTEST(vmalloc, mapping_does_not_flush)
{
	unsigned long before = flushes();
	void *pointer = vmalloc(5 * PAGE_SIZE);

	KTEST_ASSERT(test, pointer);
	KTEST_EXPECT_EQ(test, flushes(), before);
	vfree(pointer);
	vm_purge();
	KTEST_EXPECT_NE(test, flushes(), before);
	before = flushes();
	vm_purge(); /* with nothing to do */
	KTEST_EXPECT_EQ(test, flushes(), before);
}

/*
 * The promise: one flush of the whole TLB for VMALLOC_LAZY mappings that end, be they
 * small or large, as long as there is room for those that wait.
 */
KTEST(vmalloc, one_flush_serves_many)
{
	static const size_t lengths[] = { 1, 100, 3, 40, 1, 64, 9, 2 };
	size_t room = MIN(free_pages_purged(), paging_stats.arena_pages) / (2 * VMALLOC_LAZY);
	struct tlb_stats before;
	unsigned long unmaps = 4 * VMALLOC_LAZY;

	if (room <= VMALLOC_GUARD_PAGES)
		KTEST_SKIP(test, "too little memory to gather so many");
	before = tlb_stats;
	for (unsigned long i = 0; i < unmaps; i++) {
		size_t pages = MIN(lengths[i % ARRAY_SIZE(lengths)], room - VMALLOC_GUARD_PAGES);
		char *pointer = vmalloc(pages * PAGE_SIZE);

		KTEST_ASSERT(test, pointer);
		*pointer = 1;
		vfree(pointer);
	}
	KTEST_EXPECT_LE(test, tlb_stats.flush_all - before.flush_all, unmaps / VMALLOC_LAZY);
	if (!cpu.invlpg)
		KTEST_EXPECT_EQ(test, tlb_stats.flush_page, before.flush_page);
	KTEST_EXPECT_GE(test, flushes() - before.flush_all - before.flush_page,
			unmaps / VMALLOC_LAZY);
	vm_purge();
}

/* A few pages are flushed by name where the CPU can do so. */
KTEST(vmalloc, flushes_what_is_cheaper)
{
	struct tlb_stats before;
	void *few = vmalloc(2 * PAGE_SIZE);
	size_t pages = at_most(100);
	void *many = vmalloc(pages * PAGE_SIZE);

	if (!KTEST_EXPECT(test, few && many)) {
		vfree(few);
		goto out;
	}
	vm_purge();
	before = tlb_stats;
	vfree(few);
	vm_purge();
	KTEST_EXPECT_EQ(test, tlb_stats.flush_page - before.flush_page, cpu.invlpg ? 2 : 0);
	KTEST_EXPECT_EQ(test, tlb_stats.flush_all - before.flush_all, cpu.invlpg ? 0 : 1);
	before = tlb_stats;
	vfree(many);
	many = NULL;
	vm_purge();
	KTEST_EXPECT_EQ(test, tlb_stats.flush_all - before.flush_all, !flush_is_by_page(pages));
out:
	vfree(many);
}

/* Neither frame nor address of an unmapped page is reused before the flush. */
KTEST(vmalloc, nothing_is_reused_before_its_flush)
{
	char *first = vmalloc(1);
	unsigned long before;
	phys_addr_t frame;

	KTEST_ASSERT(test, first);
	frame = slow_virt_to_phys(first);
	vm_purge();
	before = flushes();
	vfree(first);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys(first), PHYS_NONE);
	for (unsigned i = 1; i < VMALLOC_LAZY && flushes() == before; i++) {
		char *other = vmalloc(1);

		KTEST_ASSERT(test, other);
		KTEST_EXPECT(test, flushes() != before || other != first);
		KTEST_EXPECT(test, flushes() != before || slow_virt_to_phys(other) != frame);
		vfree(other);
	}
	vm_purge();
	KTEST_EXPECT_NULL(test, vm_check());
}

/* Once flushed, an address leads to its new frame: a stale TLB would show the old one. */
KTEST(vmalloc, purging_flushes)
{
	volatile uint32_t *word = vmalloc(4);
	volatile uint32_t *again;
	phys_addr_t first;
	phys_addr_t taken;
	uint32_t *window;

	KTEST_ASSERT(test, word);
	*word = 1;
	first = slow_virt_to_phys(word);
	vfree((void *)word);
	vm_purge();
	taken = alloc_pages(ZONE_ANY, 0); /* the same frame, most likely: take it away */
	again = vmalloc(4);
	KTEST_ASSERT_OR(test, taken && again, out);
	KTEST_EXPECT_EQ(test, (uintptr_t)again, (uintptr_t)word);
	KTEST_EXPECT_NE(test, slow_virt_to_phys(again), first);
	window = fixmap_map(FIXMAP_TEST, slow_virt_to_phys(again));
	*window = 2;
	KTEST_EXPECT_EQ(test, *again, 2);
	fixmap_unmap(FIXMAP_TEST);
out:
	if (taken)
		free_pages(taken, 0);
	vfree((void *)again);
	vm_purge();
}

/* --- devices -------------------------------------------------------------------- */

KTEST(vmalloc, shows_devices)
{
	size_t before = free_pages_purged();
	/* The last 16 bytes below 1 MiB: the BIOS begins with a far jump there. */
	const unsigned char *reset = ioremap(0xffff0, 16);
	const unsigned char *direct = phys_to_virt(0xffff0);
	const unsigned char *odd = ioremap(0xb8ffe, 4);

	KTEST_ASSERT_OR(test, reset && odd, out);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys(reset), 0xffff0);
	KTEST_EXPECT_EQ(test, memcmp(reset, direct, 16), 0);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys(odd), 0xb8ffe);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys(odd + 3), 0xb9001); /* the next page, too */
	KTEST_EXPECT_EQ(test, free_page_count(), before);
out:
	iounmap((void *)reset);
	iounmap((void *)odd);
	KTEST_EXPECT_EQ(test, free_pages_purged(), before);
	KTEST_EXPECT_NULL(test, vm_check());
}

KTEST(vmalloc, refuses_what_is_no_device)
{
	phys_addr_t ram = memblock.memory.regions[0].start;
	void *top = ioremap(0xfffff000, PAGE_SIZE); /* the last page is fine */

	KTEST_EXPECT_NOT_NULL(test, top);
	iounmap(top);
	KTEST_EXPECT_NULL(test, ioremap(0xb8000, 0));
	KTEST_EXPECT_NULL(test, ioremap(0xfffff000, PAGE_SIZE + 1)); /* wraps */
	KTEST_EXPECT_NULL(test, ioremap(0xb8000, (size_t)-1));
	KTEST_EXPECT_NULL(test, ioremap(KERNEL_LOAD, 4));
	KTEST_EXPECT_NULL(test, ioremap(ram, 1));
	KTEST_EXPECT_NULL(test, ioremap(KERNEL_LOAD - 1, 2)); /* reaches into RAM */
	vm_purge();
}

KTEST_FINAL(end, vmalloc_is_sound)
{
	KTEST_EXPECT_NULL(test, vm_check());
}
