/*
 * Large allocations: pages of their own for each.
 *
 * kmalloc()'s third tier, with the header {size, magic} in front of each result.
 */
#ifndef MM_LARGE_H
#define MM_LARGE_H

#include <generated/config.h>
#include <kernel/types.h>

/*
 * Largest size that slabs or the heap serve. In the direct map kfree() finds a pointer's
 * tier by the size in its header, so every large allocation there must be larger than
 * this.
 */
#define LARGE_ABOVE MAX(KMALLOC_SLAB_LIMIT, KMALLOC_HEAP_LIMIT)

/*
 * Allocate `size` bytes, 1 or more, aligned to `align`, a power of two. Returns NULL if
 * it fails.
 */
void *large_alloc(size_t size, size_t align);

/* Free an allocation in which large_fault() finds no error. */
void large_free(void *pointer);

/* Whether a valid pointer with this address belongs to this tier. */
bool large_owns(const void *pointer);

/*
 * Check a pointer that is to be freed. Where large allocations are mappings, this walks
 * the pages of the mapping. Returns the error in words, or NULL.
 */
const char *large_fault(const void *pointer);

/* Returns the bytes that may be used at pointer. */
size_t large_room(const void *pointer);

/* Change the size in place. Returns false if the number of pages would change. */
bool large_resize(void *pointer, size_t size);

/* Describe an arena address in words: the allocation that it is in, or after. */
void large_describe(uintptr_t addr, char *text, size_t size);

struct large_stats {
	unsigned long allocs;
	unsigned long frees;
};

extern struct large_stats large_stats;

#endif /* MM_LARGE_H */
