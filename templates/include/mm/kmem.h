/* What kmalloc shares with the caches' shell (mm/kmem.c); others use mm/slab.h. */
#ifndef MM_KMEM_H
#define MM_KMEM_H

#include <mm/slab.h>

/* Add a cache to the list of caches that are verified, counted and shrunk. */
void kmem_register(struct kmem_cache *cache);

/* Whether there is such a cache. */
bool kmem_is_cache(const struct kmem_cache *cache);

#endif /* MM_KMEM_H */
