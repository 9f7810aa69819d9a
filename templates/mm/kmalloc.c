/*
 * kmalloc: the seed's six steps.
 *
 *   1. A caller asks for bytes.
 *   2. With the header in front, that makes so many pages.
 *   3. The page allocator gives the frames, one by one: any free frame will do,
 *      so fragmentation of physical memory does not matter.
 *   4. The arena gives a free range of virtual addresses; the frames are mapped
 *      into it. They were absent before: no TLB flush.
 *   5. The header goes in front of the address that is
 *   6. returned.
 *
 *     arena  | guard |        page         |        page         | guard |
 *                    |..|header| bytes asked for .........|......|
 *                              ^ result, aligned
 *
 * For an alignment of up to a page the result lies in the first page or at the
 * start of the second, so the header is always in the first: that is how kfree()
 * finds the mapping's start. For larger alignments it lies at the start of the
 * second page, and the arena aligns that.
 *
 * kfree() trusts nothing: the header must be mapped, carry the magic, and
 * describe a mapping that ends where the mapped pages end. It clears the magic,
 * unmaps all pages, flushes once and frees the frames.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/paging.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/arena.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

struct kmalloc_stats kmalloc_stats;

static struct arena arena;

/* The last allocations freed, for kmalloc_describe(). */
#define FREED_KEPT 16

static struct {
	uintptr_t addr;
	size_t size;
} freed[FREED_KEPT];

void kmalloc_init(void)
{
	arena_init(&arena, ARENA_BASE, paging_stats.arena_pages);
}

static inline block_header_t *header_of(const void *pointer)
{
	return (block_header_t *)pointer - 1;
}

/* First page of the mapping that holds an allocation. */
static inline uintptr_t mapping_of(const void *pointer)
{
	return ALIGN_DOWN((uintptr_t)header_of(pointer), PAGE_SIZE);
}

/* Pages of the mapping, the guard excluded. */
static inline size_t pages_of(const void *pointer, size_t size)
{
	return ((uintptr_t)pointer - mapping_of(pointer) + size + PAGE_SIZE - 1) / PAGE_SIZE;
}

static void release(phys_addr_t frame)
{
	free_pages(frame, 0);
	kmalloc_stats.live_pages--;
}

/* Map `pages` frames from virt on; on failure nothing is left mapped. */
static bool populate(uintptr_t virt, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		phys_addr_t frame = alloc_pages(ZONE_ANY, 0);

		if (!frame) {
			unmap_pages(virt, i, release);
			return false;
		}
		BUG_ON(map_page(virt + i * PAGE_SIZE, frame, MAP_WRITE));
		kmalloc_stats.live_pages++;
	}
	kmalloc_stats.peak_pages = MAX(kmalloc_stats.peak_pages, kmalloc_stats.live_pages);
	return true;
}

static void *allocate(size_t size, size_t align)
{
	size_t offset = align < PAGE_SIZE ? ALIGN_UP(sizeof(block_header_t), align) : PAGE_SIZE;
	size_t pages = size / PAGE_SIZE + (size % PAGE_SIZE + offset + PAGE_SIZE - 1) / PAGE_SIZE;
	size_t reach = pages + KMALLOC_GUARD_PAGES;
	uintptr_t virt;
	void *pointer;

	/* More frames than there are can't be had: don't even try. */
	if (pages > free_page_count())
		return NULL;
	virt = arena_alloc(&arena, reach, MAX(align / PAGE_SIZE, (size_t)1), offset / PAGE_SIZE);
	if (!virt)
		return NULL;
	if (!populate(virt, pages)) {
		arena_free(&arena, virt, reach);
		return NULL;
	}
	pointer = (void *)(virt + offset);
	*header_of(pointer) = (block_header_t){ size, KMALLOC_MAGIC };
	return pointer;
}

void *kmalloc_aligned(size_t size, size_t align)
{
	void *pointer = NULL;

	if (!size)
		return ZERO_SIZE_PTR;
	if (align && !(align & (align - 1)))
		pointer = allocate(size, MAX(align, (size_t)KMALLOC_ALIGNMENT));
	if (pointer)
		kmalloc_stats.allocs++;
	else
		kmalloc_stats.failures++;
	return pointer;
}

void *kmalloc(size_t size)
{
	return kmalloc_aligned(size, KMALLOC_ALIGNMENT);
}

void *kzalloc(size_t size)
{
	void *pointer = kmalloc(size);

	if (pointer && size)
		memset(pointer, 0, size);
	return pointer;
}

void *kcalloc(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		kmalloc_stats.failures++;
		return NULL;
	}
	return kzalloc(bytes);
}

const char *kmalloc_fault(const void *pointer)
{
	uintptr_t addr = (uintptr_t)pointer;
	uintptr_t virt;
	size_t pages;

	if (addr < ARENA_BASE + sizeof(block_header_t) ||
	    addr - ARENA_BASE >= arena.pages * PAGE_SIZE)
		return "not an address of kmalloc's";
	if (!IS_ALIGNED(addr, KMALLOC_ALIGNMENT))
		return "not the start of an allocation";
	virt = mapping_of(pointer);
	if (!virt_to_phys((void *)virt))
		return "nothing is allocated there: freed already?";
	if (header_of(pointer)->magic != KMALLOC_MAGIC)
		return "its header does not have the magic: overwritten, or not a start";
	pages = pages_of(pointer, header_of(pointer)->size);
	if (header_of(pointer)->size > arena.pages * PAGE_SIZE || pages >= arena.pages ||
	    !virt_to_phys((void *)(virt + (pages - 1) * PAGE_SIZE)) ||
	    virt_to_phys((void *)(virt + pages * PAGE_SIZE)))
		return "its header has a size that its pages do not: overwritten?";
	return NULL;
}

static void verify(const char *caller, const void *pointer)
{
	const char *fault = kmalloc_fault(pointer);

	if (fault)
		panic("%s(%p): %s", caller, pointer, fault);
}

void kfree(void *pointer)
{
	uintptr_t virt;
	size_t pages;

	if (!pointer || pointer == ZERO_SIZE_PTR)
		return;
	verify("kfree", pointer);
	virt = mapping_of(pointer);
	pages = pages_of(pointer, header_of(pointer)->size);
	freed[kmalloc_stats.frees % FREED_KEPT].addr = (uintptr_t)pointer;
	freed[kmalloc_stats.frees % FREED_KEPT].size = header_of(pointer)->size;
	header_of(pointer)->magic = 0;
	unmap_pages(virt, pages, release);
	BUG_ON(!arena_free(&arena, virt, pages + KMALLOC_GUARD_PAGES));
	kmalloc_stats.frees++;
}

size_t ksize(const void *pointer)
{
	if (!pointer || pointer == ZERO_SIZE_PTR)
		return 0;
	verify("ksize", pointer);
	return mapping_of(pointer) + pages_of(pointer, header_of(pointer)->size) * PAGE_SIZE -
	       (uintptr_t)pointer;
}

void *krealloc(void *pointer, size_t size)
{
	void *moved;

	if (!pointer || pointer == ZERO_SIZE_PTR)
		return kmalloc(size);
	if (!size) {
		kfree(pointer);
		return ZERO_SIZE_PTR;
	}
	verify("krealloc", pointer);
	if (size <= ksize(pointer) &&
	    pages_of(pointer, size) == pages_of(pointer, header_of(pointer)->size)) {
		header_of(pointer)->size = size;
		return pointer;
	}
	moved = kmalloc(size);
	if (moved) {
		memcpy(moved, pointer, MIN(size, ksize(pointer)));
		kfree(pointer);
	}
	return moved;
}

/* The allocation whose last page lies right below `page`; NULL if there is none. */
static const block_header_t *allocation_before(uintptr_t page)
{
	uintptr_t first = page;

	while (first > ARENA_BASE && virt_to_phys((void *)(first - PAGE_SIZE)))
		first -= PAGE_SIZE;
	/* How far from the first page's start depends on the alignment asked for. */
	for (size_t align = KMALLOC_ALIGNMENT; first < page && align <= PAGE_SIZE; align *= 2) {
		size_t offset = ALIGN_UP(sizeof(block_header_t), align);

		if (!kmalloc_fault((void *)(first + offset)))
			return header_of((void *)(first + offset));
	}
	return NULL;
}

void kmalloc_describe(uintptr_t addr, char *text, size_t size)
{
	uintptr_t page = ALIGN_DOWN(addr, PAGE_SIZE);

	for (unsigned back = 1; back <= MIN(kmalloc_stats.frees, (unsigned long)FREED_KEPT);
	     back++) {
		unsigned i = (kmalloc_stats.frees - back) % FREED_KEPT;

		if (addr - freed[i].addr < freed[i].size) {
			snprintf(text, size, "freed mapping of %u bytes at 0x%x", freed[i].size,
				 freed[i].addr);
			return;
		}
	}
	for (unsigned guard = 0; guard < KMALLOC_GUARD_PAGES; guard++, page -= PAGE_SIZE) {
		const block_header_t *header = allocation_before(page);

		if (header) {
			snprintf(text, size, "guard after an allocation of %u bytes at %p",
				 header->size, (const void *)(header + 1));
			return;
		}
	}
	snprintf(text, size, "unused part of the arena");
}

const char *kmalloc_check(void)
{
	size_t mapped = 0;

	if (!arena_check(&arena))
		return "the arena's bitmap is inconsistent";
	for (size_t page = 0; page < arena.pages; page++)
		mapped += virt_to_phys((void *)(ARENA_BASE + page * PAGE_SIZE)) != PHYS_NONE;
	if (mapped != kmalloc_stats.live_pages)
		return "pages are mapped that nobody owns";
	if (arena.used !=
	    mapped + (kmalloc_stats.allocs - kmalloc_stats.frees) * KMALLOC_GUARD_PAGES)
		return "addresses are taken that nobody owns";
	return NULL;
}
