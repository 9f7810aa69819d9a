/*
 * Reclaim: memory and addresses that allocators keep without using them.
 *
 * Each allocator keeps something that makes its next request cheap. It registers a
 * shrinker, which frees it. A request that would fail calls reclaim() until it succeeds
 * or nothing is left to reclaim:
 *
 *     for (unsigned step = 0; !result && reclaim(&step);)
 *             result = try();
 */
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H

#include <kernel/types.h>

/* The shrinkers in the order in which they are called: the cheapest first. */
enum reclaim_cost {
	RECLAIM_HOT, /* page.c's hot list: its frames merge; the next few come from a buddy */
	RECLAIM_ADDRESSES, /* vmalloc.c's spare addresses: the next mapping searches the arena */
	RECLAIM_FLUSH, /* what vmalloc.c unmapped: one TLB flush */
	//% if features.user_space
	RECLAIM_TABLES, /* frames.c's zeroed page tables: the next one has to be cleared */
	//% endif
	RECLAIM_SLABS, /* slabs without objects: the next object has to make one */
	RECLAIM_CHUNKS, /* the heap's chunk without live blocks: the same */
	RECLAIM_QUARANTINE, /* kdebug.c's freed allocations: a late write goes unnoticed */
	RECLAIM_COSTS,
};

/*
 * `shrink` frees all that its allocator keeps. It never allocates. Returns the amount
 * that was freed, in units of its own, 0 for nothing.
 */
void reclaim_register(enum reclaim_cost cost, size_t (*shrink)(void));

/*
 * Call shrinkers from number *step on, until one frees something. *step is then the next
 * one. Call this only where every allocator is consistent and expects that its memory may
 * be freed: slab.c and kheap.c search again after a request for pages.
 *
 * Returns true if anything was freed, so that the request may be tried again.
 */
bool reclaim(unsigned *step);

/* Call all shrinkers: afterwards only memory in use is not free. */
void reclaim_all(void);

#endif /* MM_RECLAIM_H */
