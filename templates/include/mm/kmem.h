/* What kmalloc shares with the caches' shell (mm/kmem.c); others use mm/slab.h. */
#ifndef MM_KMEM_H
#define MM_KMEM_H

#include <arch/paging.h>
#include <mm/page.h>
#include <mm/slab.h>

/* Add a cache to the list of caches that are verified, counted and shrunk. */
void kmem_register(struct kmem_cache *cache);

/* Whether there is such a cache. */
bool kmem_is_cache(const struct kmem_cache *cache);

/*
 * Whether the address, rounded down to 2^order pages, is the start of an allocated block
 * of that order. The page map tells.
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

#endif /* MM_KMEM_H */
