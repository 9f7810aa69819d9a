/*
 * The fixmap: a few virtual pages with a page table of their own, present from
 * the first instruction on, that can map any page frame for a moment: memory outside of
 * the direct map, or before the direct map exists.
 */
#ifndef ARCH_FIXMAP_H
#define ARCH_FIXMAP_H

#include <generated/layout.h>
#include <kernel/types.h>

enum fixmap_slot {
	FIXMAP_READ, /* phys_read() */
	FIXMAP_TEST, /* in-kernel tests */
	//% if features.user_space
	FIXMAP_FILE, /* window_open(), window_zero(): user/node.c */
	FIXMAP_ZERO,
	FIXMAP_USER, /* user/fault.c: a frame that is filled before a program sees it */
	FIXMAP_APIC, /* the local APIC's registers, for a moment */
	//% endif
	FIXMAP_COUNT,
};

_Static_assert(FIXMAP_COUNT <= FIXMAP_SLOTS, "the description has as many slots as are used");

/* Show the frame at phys (page-aligned) in a slot until the next call for it. */
void *fixmap_map(enum fixmap_slot slot, phys_addr_t phys);

/* Unmap the slot. */
void fixmap_unmap(enum fixmap_slot slot);

//% if features.user_space
/* The same, and forget the translation of the page at virt as well: with one flush on a 386. */
void fixmap_unmap_with(enum fixmap_slot slot, uintptr_t virt);

//% endif

/* Copy n bytes from physical memory, wherever it is. */
void phys_read(phys_addr_t from, void *to, size_t n);

#endif /* ARCH_FIXMAP_H */
