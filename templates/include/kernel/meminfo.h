/*
 * How memory is used: counters for programs, a table for people.
 */
#ifndef KERNEL_MEMINFO_H
#define KERNEL_MEMINFO_H

#include <kernel/types.h>
#include <mm/page.h>

/*
 * Print a table of this moment: zones by order, caches, heap, arena. It changes
 * nothing, and may be called from kernel_main() on.
 */
void meminfo_print(void);

/*
 * The end's report: all counters as `# kgen:stat` lines, with `initial` for how the
 * zones began; the table as well, if the command line has the word `stats`. What is
 * kept without being in use is given back between caches and zones.
 */
void meminfo_report(const struct free_profile *initial);

/*
 * The part of a zone's free pages that no block of `order` can be made of, in
 * thousandths: Linux's unusable free space index. 1000 if nothing is free.
 */
unsigned unusable_index(const size_t blocks[MAX_ORDER + 1], unsigned order);

/* What the pages of the arena are for; the first five add up to all of it. */
struct arena_use {
	size_t mapped;
	size_t guard;
	size_t waiting; /* unmapped, but the TLB was not flushed yet */
	size_t spare; /* addresses kept for the next mapping of their size */
	size_t free;
	size_t largest_free; /* in one run */
};

void arena_use_read(struct arena_use *use);

/* What the heap has; all in bytes but the first two. */
struct heap_use {
	size_t chunks;
	size_t blocks; /* live ones */
	size_t bytes; /* of all chunks */
	size_t free;
	size_t largest_free; /* in one block, its header and tag included */
};

void heap_use_read(struct heap_use *use);

#endif /* KERNEL_MEMINFO_H */
