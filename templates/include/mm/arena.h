/*
 * The arena: which virtual pages are taken. It hands out addresses, not memory.
 *
 * Pure: no hardware, no printing, errors as codes; also built on the host.
 */
#ifndef MM_ARENA_H
#define MM_ARENA_H

#include <generated/layout.h>
#include <kernel/types.h>

#define ARENA_WORD 32 /* pages in a word of the bitmap: the leaves of the tree */

/* Wide enough to count all pages of the arena. */
#if ARENA_LEAVES * ARENA_WORD <= UINT16_MAX
typedef uint16_t arena_count_t;
#else
typedef uint32_t arena_count_t;
#endif

/* Summary of the free runs in a stretch of pages. */
struct arena_runs {
	arena_count_t head; /* free pages at its start */
	arena_count_t tail; /* at its end */
	arena_count_t best; /* in its longest run */
};

struct arena {
	uintptr_t base; /* virtual address of page 0 */
	size_t pages; /* in the arena; ARENA_PAGES at most */
	size_t used; /* pages taken */
	size_t leaves; /* of the tree: a power of two, ARENA_LEAVES at most */
	struct arena_runs
		nodes[2 * ARENA_LEAVES]; /* [1] is the root; n's children are 2n, 2n + 1 */
	uint32_t bits[ARENA_LEAVES]; /* of each leaf; 1: taken */
};

/* An arena of `pages` free pages from `base` on; both page-aligned. */
void arena_init(struct arena *arena, uintptr_t base, size_t pages);

/*
 * Allocate a run of `pages` free pages whose page number `skew` is aligned to `align`
 * pages, a power of two. With align 1 it is the lowest run. Otherwise it is in the lowest
 * hole of pages + align - 1 pages, as such a hole has room for it wherever the hole
 * begins. Without such a hole it is the lowest aligned run. Returns its address, 0 if
 * there is none or pages is 0.
 */
uintptr_t arena_alloc(struct arena *arena, size_t pages, size_t align, size_t skew);

/* Free pages. Returns false, with nothing changed, unless all were taken. */
bool arena_free(struct arena *arena, uintptr_t addr, size_t pages);

/* Whether the page at addr, in the arena, is taken. */
bool arena_is_taken(const struct arena *arena, uintptr_t addr);

/* Verify the invariants stated in arena.c. */
bool arena_check(const struct arena *arena);

#endif /* MM_ARENA_H */
