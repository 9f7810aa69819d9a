/* What is tried once, in a state that is known: corners of kmalloc, vmalloc and caches. */
#include <arch/mmu.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

#include "bare.h"
#include "heap_model.h"
#include "heap_tries.h"
#include "machine.h"

/* What needs no state to be tried. */
void try_corners(void)
{
	struct kmalloc_stats before;
	struct kmalloc_stats after;

	kmalloc_stats_read(&before);
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
	vfree(NULL);
	if (kmalloc(0) != ZERO_SIZE_PTR || kzalloc(0) != ZERO_SIZE_PTR ||
	    kcalloc(0, 8) != ZERO_SIZE_PTR || krealloc(NULL, 0) != ZERO_SIZE_PTR)
		wrong("no bytes, but not ZERO_SIZE_PTR");
	if (ksize(NULL) || ksize(ZERO_SIZE_PTR) || vmalloc(0) || vmalloc(0xffffffff))
		wrong("something for nothing");
	if (kcalloc(0x10000, 0x10001) || kcalloc(0xffffffff, 0xffffffff))
		wrong("kcalloc overflows");
	if (kmalloc_aligned(8, 3) || kmalloc_aligned(8, 0) || kmalloc_aligned(8, 24))
		wrong("kmalloc_aligned accepts an invalid alignment");
	if (kmalloc(0xffffffff) || kmalloc(0xfffff000) || kmalloc(0x80000000) ||
	    kmalloc_aligned(64, 0x80000000))
		wrong("kmalloc gives more than there is");
	kmalloc_stats_read(&after);
	if (after.failures != before.failures + 9)
		wrong("%lu failures counted, not 9", after.failures - before.failures);
	check("corners");
}

/* A view of a device, right after RAM. */
void try_device(void)
{
	phys_addr_t phys = model.ram_pages * PAGE_SIZE + 0x123;
	char *view = ioremap(phys, 2 * PAGE_SIZE);

	if (!view || (uintptr_t)view % PAGE_SIZE != 0x123)
		wrong("ioremap: %p", (void *)view);
	for (size_t i = 0; i < 3; i++) {
		uint32_t want = ALIGN_DOWN(phys, PAGE_SIZE) + i * PAGE_SIZE;
		uint32_t entry = machine_entry(view + i * PAGE_SIZE);

		if ((entry & PTE_FRAME) != want || !(entry & PTE_CACHE_DISABLE))
			wrong("ioremap: entry %lu is 0x%x", (unsigned long)i, entry);
	}
	if (ioremap(phys - PAGE_SIZE, 8) || ioremap(phys, 0) || ioremap(0xffffff00, 0x200))
		wrong("ioremap takes RAM, nothing, or more than there is");
	check("ioremap");
	iounmap(view);
	if (!machine_stops(iounmap, view))
		wrong("iounmap takes the same twice");
	check("iounmap");
}

/* One flush for many mappings that end, but not for all there will ever be. */
void try_lazy(void)
{
	unsigned long before;
	unsigned long flushes;

	vm_purge(); /* what waits already may be all the addresses there are */
	before = vmalloc_stats.flushes;
	for (unsigned i = 0; i < 3 * VMALLOC_LAZY; i++) {
		vfree(vmalloc(1));
		check("a mapping for a moment");
	}
	flushes = vmalloc_stats.flushes - before;
	if (flushes < 2 || flushes > 3)
		wrong("%lu flushes for %u mappings", flushes, 3 * VMALLOC_LAZY);
}

/* The address of a mapping leads to its new frame, once its old one is someone else's. */
void try_flush_of_few(void)
{
	volatile char *first = vmalloc(1);
	volatile char *again;
	volatile char *other;
	phys_addr_t frame;

	*first = 0;
	vfree((void *)first);
	vm_purge();
	frame = alloc_pages(ZONE_ANY, 0); /* the mapping's */
	again = vmalloc(1); /* at its address */
	free_pages(frame, 0);
	other = vmalloc(1);
	*again = 1;
	*other = 2;
	if (again != first || *again != 1)
		wrong("%p shows the frame that it had before, or is not %p", again, first);
	vfree((void *)again);
	vfree((void *)other);
	vm_purge();
}

/* Frames run out at the first page of a spare range, which had linked to the next one. */
void try_spare_without_frames(void)
{
	static phys_addr_t taken[8192];
	void *small[3];
	size_t count = 0;

	kmalloc_shrink();
	for (unsigned i = 0; i < ARRAY_SIZE(small); i++)
		small[i] = vmalloc(1);
	for (unsigned i = 0; i < ARRAY_SIZE(small); i++)
		vfree(small[i]);
	vm_purge(); /* their addresses are spare */
	while (free_page_count() && count < ARRAY_SIZE(taken))
		taken[count++] = alloc_pages(ZONE_ANY, 0);
	if (free_page_count() || vmalloc(1))
		wrong("a mapping without a frame");
	while (count)
		free_pages(taken[--count], 0);
	check("a spare range without frames");
}

/* A forged slab, in pages that are not a slab's. */
void try_forged_slab(void)
{
	char *object = kmem_cache_alloc(model.caches[0]);
	char *forged = kmalloc_aligned(SLAB_SIZE, SLAB_SIZE);

	memcpy(forged, slab_of(object), SLAB_SIZE);
	if (!machine_stops(free_to_first, forged + (object - (char *)slab_of(object))))
		wrong("an object of a forged slab is accepted");
	kfree(forged);
	kmem_cache_free(model.caches[0], object);
	check("a forged slab");
}

/* Slabs fill, empty, and fill again. */
void try_refill(void)
{
	static void *objects[64];

	for (unsigned i = 0; i < 4 * ARRAY_SIZE(objects); i++) {
		void **object = &objects[i % ARRAY_SIZE(objects)];

		if (i / ARRAY_SIZE(objects) % 2)
			kfree(*object);
		else
			*object = kmalloc(KMALLOC_SLAB_LIMIT);
		check("a refill");
	}
}

/* The largest size for which there are addresses and frames can be allocated at once. */
void try_largest(void)
{
	size_t pages = MIN(model.arena_pages - KMALLOC_GUARD_PAGES, free_page_count());
	size_t size = pages * PAGE_SIZE - ALIGN_UP(sizeof(block_header_t), KMALLOC_ALIGNMENT);
	unsigned char *pointer = kmalloc(size);

	if (!pointer)
		wrong("not %lu bytes at once", (unsigned long)size);
	pointer[0] = pointer[size - 1] = 1;
	if (kmalloc(size))
		wrong("the same twice");
	kfree(pointer);
	check("the largest");
	if (kmalloc(size + PAGE_SIZE))
		wrong("more than there is");
	check("more than the largest");
}
