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
 * Largest size that slabs or the heap serve. In the direct map, where the size in the
 * header tells kfree() whose a pointer is, no large allocation has so small a size.
 */
#define LARGE_ABOVE MAX(KMALLOC_SLAB_LIMIT, KMALLOC_HEAP_LIMIT)

/* `size` bytes, 1 or more, aligned to `align`, a power of two; NULL if there is no room. */
void *large_alloc(size_t size, size_t align);

/* Give memory back in which large_fault() finds nothing wrong. */
void large_free(void *pointer);

/* Whether a pointer is one of this tier's, if it is anyone's. */
bool large_owns(const void *pointer);

/* What is wrong with freeing this, in words; NULL if nothing is. O(1). */
const char *large_fault(const void *pointer);

/* Returns the bytes that may be used at pointer. */
size_t large_room(const void *pointer);

/* Change the size where the pages stay the same; false if they would not. */
bool large_resize(void *pointer, size_t size);

/* What an address of the arena has to do with allocations, in words. */
void large_describe(uintptr_t addr, char *text, size_t size);

struct large_stats {
	unsigned long allocs;
	unsigned long frees;
};

extern struct large_stats large_stats;

#endif /* MM_LARGE_H */
