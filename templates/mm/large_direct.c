/*
 * Large allocations as blocks of the buddy: contiguous in physical memory and accessed
 * through the direct map, so no page table and no TLB entry changes.
 *
 *     block  |..|header| bytes asked for ............. | unused up to 2^order pages |
 *                      ^ result, aligned
 *
 * This is fast, and suits devices that do DMA. The costs: a block is a power of two, so
 * up to half of it may be wasted. Memory outside of the direct map cannot be used. There
 * is no guard page. Fragmented memory has no large blocks. An alignment of a page costs a
 * page in front; a larger alignment is not supported.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/paging.h>
#include <kernel/printk.h>
#include <mm/kblock.h>
#include <mm/kmalloc.h>
#include <mm/large.h>
#include <mm/page.h>
#include <mm/tiers.h>
#include <mm/vmalloc.h>

struct large_stats large_stats;

/* The block of an allocation: its header is in the block's first page. */
static inline uintptr_t block_of(const void *pointer)
{
	return ALIGN_DOWN((uintptr_t)header_of(pointer), PAGE_SIZE);
}

static inline unsigned order_of(const void *pointer)
{
	return page_map[VIRT_TO_PHYS(block_of(pointer)) / PAGE_SIZE] & BUDDY_ORDER_MASK;
}

/* The smallest order of a block with room for this many bytes. */
static unsigned order_for(size_t bytes)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < bytes)
		order++;
	return order;
}

void *large_alloc(size_t size, size_t align)
{
	size_t offset = ALIGN_UP(sizeof(block_header_t), align);
	char *block;
	void *pointer;

	/* The header must be in the first page; larger blocks are aligned by themselves. */
	if (align > PAGE_SIZE || size > (PAGE_SIZE << MAX_ORDER) - offset)
		return NULL;
	block = kblock_alloc(order_for(size + offset));
	if (!block)
		return NULL;
	pointer = block + offset;
	*(uint32_t *)block = 0; /* a former slab or chunk is not one any more */
	*header_of(pointer) = (block_header_t){ size, kmalloc_magic(pointer, size) };
	large_stats.allocs++;
	return pointer;
}

static bool is_allocated(uint8_t state)
{
	return state <= BUDDY_ORDER_MASK || state == BUDDY_UNCACHED;
}

bool large_owns(const void *pointer)
{
	uintptr_t addr = block_of(pointer);

	return addr - KERNEL_BASE < DIRECT_MAP_LIMIT &&
	       is_allocated(page_map[VIRT_TO_PHYS(addr) / PAGE_SIZE]) &&
	       header_of(pointer)->magic == kmalloc_magic(pointer, header_of(pointer)->size) &&
	       header_of(pointer)->size > LARGE_ABOVE;
}

const char *large_fault(const void *pointer)
{
	size_t offset = (uintptr_t)pointer - block_of(pointer);

	if (header_of(pointer)->size > (PAGE_SIZE << order_of(pointer)) - offset)
		return "its header has a size that its pages do not: overwritten?";
	return NULL;
}

void large_free(void *pointer)
{
	header_of(pointer)->magic = 0;
	kblock_free((void *)block_of(pointer), order_of(pointer));
	large_stats.frees++;
}

size_t large_room(const void *pointer)
{
	return block_of(pointer) + (PAGE_SIZE << order_of(pointer)) - (uintptr_t)pointer;
}

bool large_resize(void *pointer, size_t size)
{
	size_t offset = (uintptr_t)pointer - block_of(pointer);

	if (size > large_room(pointer))
		return false;
	/* A quarter of the block would suffice, or the size belongs to a smaller tier: move. */
	if (order_for(size + offset) + 2 <= order_of(pointer) || size <= LARGE_ABOVE)
		return false;
	*header_of(pointer) = (block_header_t){ size, kmalloc_magic(pointer, size) };
	return true;
}

void large_describe(uintptr_t addr, char *text, size_t size)
{
	vm_describe(addr, text, size);
}
