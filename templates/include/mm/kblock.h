/*
 * Blocks of pages for kmalloc's tiers (mm/kblock.c): contiguous, mapped, aligned to their
 * size. The upper part is all that the cores of slab and kheap know of the page allocator;
 * the lower part is for the files around them.
 */
#ifndef MM_KBLOCK_H
#define MM_KBLOCK_H

#include <arch/paging.h>
#include <kernel/types.h>
#include <mm/page.h>

/* --- for the cores ----------------------------------------------------------- */

/*
 * A block of 2^order pages. Its content is undefined. Before this fails, it may free
 * objects of any slab and blocks of any chunk, and return slabs and chunks that are
 * empty. Returns NULL if there is no block.
 */
void *kblock_alloc(unsigned order);

/* Give it back. */
void kblock_free(void *block, unsigned order);

/*
 * Two functions that the heap's user provides. The heap tail-calls them, so its fast
 * paths need no stack frame. kheap_exhausted() is called when no chunk can be allocated;
 * kheap_alloc() returns its result. kheap_refused() is called when kheap_free() was given
 * a pointer in which kheap_fault() finds an error; nothing was changed.
 */
void *kheap_exhausted(size_t size);
void kheap_refused(void *pointer);
//% if debug.poison

/* A byte of free memory was written. Does not return. */
void poison_found(const void *where);
//% endif

/* --- whose pages they are ------------------------------------------------------ */

/*
 * Whether a block of 2^order pages that is allocated begins where such a block
 * with this address in it would: the page map knows.
 */
static inline bool kblock_is(const void *pointer, unsigned order)
{
	uintptr_t addr = ALIGN_DOWN((uintptr_t)pointer, PAGE_SIZE << order);
	uint8_t state;

	if (addr - KERNEL_BASE >= DIRECT_MAP_LIMIT)
		return false;
	state = page_map[VIRT_TO_PHYS(addr) / PAGE_SIZE];
	return state == (BUDDY_ALLOCATED | order) || (!order && state == BUDDY_UNCACHED);
}

/* A block of the page allocator's in the direct map. */
struct kblock {
	uintptr_t start;
	unsigned pages;
	bool is_free;
};

/* The block in which an address lies; false if it is in none: the image, the arena. */
bool kblock_find(const void *pointer, struct kblock *block);

/* --- how many there are ---------------------------------------------------------- */

/* Pages that slabs, heap and large allocations have from the page allocator. */
struct kblock_stats {
	size_t live_pages;
	size_t peak_pages;
};

extern struct kblock_stats kblock_stats;

/* So many more pages are taken; fewer if negative. */
void kblock_account(long pages);

#endif /* MM_KBLOCK_H */
