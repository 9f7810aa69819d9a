/*
 * Where the cores of slab and kheap get their memory: blocks of pages that are
 * contiguous and mapped, aligned to their size. The kernel takes them from the
 * direct map (mm/kmem.c), the host tests from wherever they like.
 */
#ifndef MM_KBLOCK_H
#define MM_KBLOCK_H

#include <kernel/types.h>

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

#endif /* MM_KBLOCK_H */
