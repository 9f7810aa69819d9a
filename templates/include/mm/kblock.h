/*
 * Where the cores of slab and kheap get their memory: blocks of pages that are
 * contiguous and mapped, aligned to their size. The kernel takes them from the
 * direct map (mm/kmem.c), the host tests from wherever they like.
 */
#ifndef MM_KBLOCK_H
#define MM_KBLOCK_H

#include <kernel/types.h>

/*
 * A block of 2^order pages; NULL if there is none. What it holds is not defined. Before
 * it fails, objects of any slab and blocks of any chunk may be freed, and slabs and
 * chunks that have none be returned.
 */
void *kblock_alloc(unsigned order);

/* Give it back. */
void kblock_free(void *block, unsigned order);

/*
 * The heap's last words, so that its quick paths need not come back to a caller:
 * no chunk can be had for so many bytes (the result is kheap_alloc()'s); and
 * kheap_free() was given what kheap_fault() finds wrong (nothing was changed).
 */
void *kheap_exhausted(size_t size);
void kheap_refused(void *pointer);
//% if debug.poison

/* A byte of free memory was written. Does not return. */
void poison_found(const void *where);
//% endif

#endif /* MM_KBLOCK_H */
