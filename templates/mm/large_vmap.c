/*
 * Large allocations as mappings, in six steps.
 *
 *   1. A caller asks for bytes.
 *   2. Add the header and round up to pages.
 *   3. The page allocator gives the frames, one by one: any free frame will do,
 *      so fragmentation of physical memory does not matter.
 *   4. The arena gives a free range of virtual addresses; the frames are mapped
 *      into it. They were absent before: no TLB flush.
 *   5. The header is written in front of the result.
 *   6. The result is returned.
 *
 *     arena  | guard |        page         |        page         | guard |
 *                    |..|header| bytes asked for .........|......|
 *                              ^ result, aligned
 *
 * mm/vmalloc.c does steps 3 and 4, and undoes them with one TLB flush for many mappings.
 * For an alignment of up to a page the result lies in the first page or at the
 * start of the second, so the header is always in the first: that is how
 * large_free() finds the mapping's start. For larger alignments it lies at the
 * start of the second page, and the arena aligns that.
 *
 * large_fault() trusts nothing: a mapping of this kind must begin there, the header must
 * have the magic, and the mapping must have as many pages as the header's size takes.
 * Counting them walks the mapping.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/paging.h>
#include <kernel/printk.h>
#include <mm/kblock.h>
#include <mm/kmalloc.h>
#include <mm/large.h>
#include <mm/tiers.h>
#include <mm/vmalloc.h>

struct large_stats large_stats;

/* Bytes from the mapping's start to the result. */
static inline size_t offset_for(size_t align)
{
	return align < PAGE_SIZE ? ALIGN_UP(sizeof(block_header_t), align) : PAGE_SIZE;
}

/* First page of the mapping that holds an allocation. */
static inline uintptr_t mapping_of(const void *pointer)
{
	return ALIGN_DOWN((uintptr_t)header_of(pointer), PAGE_SIZE);
}

/* Pages that an allocation of this size takes at this address, without overflow for any size. */
static inline size_t pages_of(const void *pointer, size_t size)
{
	size_t offset = (uintptr_t)pointer - mapping_of(pointer);

	return size / PAGE_SIZE + (size % PAGE_SIZE + offset + PAGE_SIZE - 1) / PAGE_SIZE;
}

void *large_alloc(size_t size, size_t align)
{
	size_t offset = offset_for(align);
	size_t pages = pages_of((void *)offset, size);
	uintptr_t virt = vm_map(pages, MAX(align / PAGE_SIZE, (size_t)1), offset / PAGE_SIZE,
				KMALLOC_GUARD_PAGES);
	void *pointer = (void *)(virt + offset);

	if (!virt)
		return NULL;
	*header_of(pointer) = (block_header_t){ size, kmalloc_magic(pointer, size) };
	large_stats.allocs++;
	kblock_account(pages);
	return pointer;
}

bool large_owns(const void *pointer)
{
	return (uintptr_t)pointer - ARENA_BASE < ARENA_SIZE;
}

const char *large_fault(const void *pointer)
{
	uintptr_t virt = mapping_of(pointer);
	const char *fault = vm_fault(virt, VM_PAGES);

	if (fault)
		return fault;
	if (header_of(pointer)->magic != kmalloc_magic(pointer, header_of(pointer)->size))
		return "its header does not have the magic: overwritten, or not a start";
	if (pages_of(pointer, header_of(pointer)->size) != vm_locate(virt).pages)
		return "the size in its header does not match its pages: overwritten?";
	return NULL;
}

void large_free(void *pointer)
{
	size_t pages = pages_of(pointer, header_of(pointer)->size);

	header_of(pointer)->magic = 0;
	vm_unmap(mapping_of(pointer), pages);
	large_stats.frees++;
	kblock_account(-(long)pages);
}

size_t large_room(const void *pointer)
{
	return mapping_of(pointer) + pages_of(pointer, header_of(pointer)->size) * PAGE_SIZE -
	       (uintptr_t)pointer;
}

bool large_resize(void *pointer, size_t size)
{
	if (pages_of(pointer, size) != pages_of(pointer, header_of(pointer)->size))
		return false;
	*header_of(pointer) = (block_header_t){ size, kmalloc_magic(pointer, size) };
	return true;
}

void large_describe(uintptr_t addr, char *text, size_t size)
{
	struct vm_place place = vm_locate(addr);

	/* The offset in the first page depends on the requested alignment: try all. */
	for (size_t align = KMALLOC_ALIGNMENT; align <= PAGE_SIZE; align *= 2) {
		const void *pointer = (void *)(place.virt + offset_for(align));

		if (place.state == VM_GUARD && place.kind == VM_PAGES && !large_fault(pointer)) {
			snprintf(text, size, "guard after an allocation of %u bytes at %p",
				 header_of(pointer)->size, pointer);
			return;
		}
	}
	vm_describe(addr, text, size);
}
