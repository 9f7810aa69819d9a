/*
 * The fixmap: a few virtual pages with a page table of their own, present from
 * the first instruction on, that can map any page frame for a moment: memory outside of
 * the direct map, or before the direct map exists.
 */
#ifndef ARCH_FIXMAP_H
#define ARCH_FIXMAP_H

#include <kernel/types.h>

enum fixmap_slot {
	FIXMAP_READ, /* phys_read() */
	FIXMAP_TEST, /* in-kernel tests */
};

/* Show the frame at phys (page-aligned) in a slot until the next call for it. */
void *fixmap_map(enum fixmap_slot slot, phys_addr_t phys);

/* Unmap the slot. */
void fixmap_unmap(enum fixmap_slot slot);

/* Copy n bytes from physical memory, wherever it is. */
void phys_read(phys_addr_t from, void *to, size_t n);

#endif /* ARCH_FIXMAP_H */
