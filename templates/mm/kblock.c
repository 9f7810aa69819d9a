/*
 * Blocks of pages: where slabs and heap chunks come from, and the count of all pages
 * that kmalloc has.
 *
 *     slab.c    kheap.c    large_direct.c        large_vmap.c
 *         \        |        /                         |
 *          kblock_alloc(order)                     vm_map()
 *                  |                              /       \
 *        alloc_pages(ZONE_DIRECT, order)   single frames   addresses
 *
 * A block of order k is 2^k pages of the direct map, aligned to its size. So:
 *
 *   1. A slab or chunk is found from any address inside it by rounding down: its
 *      header is at the start of the block.
 *   2. Whether there is such a block is a question for the page map (mm/page.h), which
 *      notes each block's order at its first frame. kblock_is() asks for one order, before
 *      anything at that start is believed; kblock_find() tries one order after the other.
 *   3. The content of a block is not looked at here.
 *
 * Counting is done where pages change hands, also by large_vmap.c for its frames: one
 * number for all tiers, and the most that it ever was.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <mm/kblock.h>

struct kblock_stats kblock_stats;

void kblock_account(long pages)
{
	kblock_stats.live_pages += pages;
	kblock_stats.peak_pages = MAX(kblock_stats.peak_pages, kblock_stats.live_pages);
}

void *kblock_alloc(unsigned order)
{
	phys_addr_t block = alloc_pages(ZONE_DIRECT, order);

	if (!block)
		return NULL;
	kblock_account(1l << order);
	return phys_to_virt(block);
}

void kblock_free(void *block, unsigned order)
{
	kblock_account(-(1l << order));
	free_pages(VIRT_TO_PHYS((uintptr_t)block), order);
}

bool kblock_find(const void *pointer, struct kblock *block)
{
	for (unsigned order = 0; order <= MAX_ORDER; order++) {
		uintptr_t start = ALIGN_DOWN((uintptr_t)pointer, PAGE_SIZE << order);
		uint8_t state;

		if (start - KERNEL_BASE >= DIRECT_MAP_LIMIT)
			return false;
		state = page_map[VIRT_TO_PHYS(start) / PAGE_SIZE];
		*block = (struct kblock){ start, 1u << order, false };
		if (kblock_is(pointer, order))
			return true;
		block->is_free = true;
		if (state == (BUDDY_FREE | order) || (!order && state == BUDDY_CACHED))
			return true;
	}
	return false;
}
