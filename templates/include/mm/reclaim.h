/*
 * Reclaim: memory and addresses that somebody keeps without using them.
 *
 * Each allocator keeps something that makes its next request cheap. It registers a
 * shrinker, which gives that back. Whoever would fail asks reclaim(), until its request
 * succeeds or nobody has anything left:
 *
 *     for (unsigned step = 0; !result && reclaim(&step);)
 *             result = try();
 */
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H

#include <kernel/types.h>

/* Who can be asked, in this order: from what costs least to what costs most. */
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
 * `shrink` gives back all that is kept, by freeing it, and returns how much that was, in
 * units of its own; 0 is nothing. It never allocates.
 */
void reclaim_register(enum reclaim_cost cost, size_t (*shrink)(void));

/*
 * Ask from number *step on, until one gives something. *step is the next to ask then.
 * Call it only where every allocator is consistent and expects that its memory is freed:
 * slab.c and kheap.c look again at what is free after a request for pages.
 *
 * Returns whether anything was given, so that it is worth trying again.
 */
bool reclaim(unsigned *step);

/* Ask everyone, so that only what is in use is not free. */
void reclaim_all(void);

#endif /* MM_RECLAIM_H */
