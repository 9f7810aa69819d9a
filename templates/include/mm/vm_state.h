/*
 * What the files of vmalloc share (mm/vmalloc.c, which explains it, and
 * mm/vmalloc_check.c); others use mm/vmalloc.h.
 */
#ifndef MM_VM_STATE_H
#define MM_VM_STATE_H

#include <arch/arena_table.h>
#include <generated/config.h>
#include <generated/layout.h>
#include <kernel/types.h>
#include <mm/arena.h>
#include <mm/vmalloc.h>

/* A mapping that was unmapped. */
struct vm_range {
	size_t page; /* of the arena */
	size_t pages; /* that were mapped */
	size_t reach; /* with the guards */
	enum vm_kind kind;
};

#define SPARE_MAX 32 /* pages of a range whose addresses are kept, guards included */

struct vm_state {
	struct arena arena;
	uint32_t *entries; /* the arena's page-table entries */
	struct {
		struct vm_range ring[VMALLOC_LAZY];
		size_t next; /* where the next goes */
		size_t count; /* number of last entries that wait for a flush */
		size_t pages; /* in them */
	} lazy;
	/*
	 * Spare addresses, guards included, in a list for each size. A list head is the number
	 * of the first range's first page plus 1, 0 if the list is empty. The entry of a range's
	 * first page links to the next range.
	 */
	size_t spare[SPARE_MAX + 1];
};

extern struct vm_state vm;

static inline uintptr_t address_of(size_t page)
{
	return ARENA_BASE + page * PAGE_SIZE;
}

static inline size_t page_of(uintptr_t virt)
{
	return (virt - ARENA_BASE) / PAGE_SIZE;
}

/* Whether the entry belongs to the mapping of the page before. */
static inline bool continues(size_t page)
{
	return page < vm.arena.pages && entry_is_mapped(vm.entries[page]) &&
	       !entry_kind(vm.entries[page]);
}

/* Pages of the mapping that begins at `page`. */
static inline size_t pages_from(size_t page)
{
	size_t pages = 1;

	while (continues(page + pages))
		pages++;
	return pages;
}

/* The i-th range from the end: 1 is the last. */
static inline struct vm_range *range_back(size_t i)
{
	return &vm.lazy.ring[(vm.lazy.next + VMALLOC_LAZY - i) % VMALLOC_LAZY];
}

#endif /* MM_VM_STATE_H */
