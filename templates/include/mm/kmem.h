/* What kmalloc shares with the caches' shell (mm/kmem.c); others use mm/slab.h. */
#ifndef MM_KMEM_H
#define MM_KMEM_H

#include <mm/slab.h>

/* Add a cache to the list of those that are verified, counted and shrunk. */
void kmem_register(struct kmem_cache *cache);

/*
 * Whether a block of 2^order pages that is allocated begins where such a block
 * with this address in it would: the page map knows.
 */
bool kblock_is(const void *pointer, unsigned order);

#endif /* MM_KMEM_H */
