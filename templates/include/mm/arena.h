/*
 * The arena: which virtual pages are taken. It hands out addresses, not memory.
 *
 * Pure: no hardware, no printing, errors as codes; also built on the host.
 */
#ifndef MM_ARENA_H
#define MM_ARENA_H

#include <generated/layout.h>
#include <kernel/types.h>

struct arena {
	uintptr_t base; /* virtual address of page 0 */
	size_t pages; /* in the arena; ARENA_PAGES at most */
	size_t used; /* pages taken */
	size_t first_free; /* no page below is free */
	uint32_t bits[(ARENA_PAGES + 31) / 32]; /* 1: taken */
};

/* An arena of `pages` free pages from `base` on; both page-aligned. */
void arena_init(struct arena *arena, uintptr_t base, size_t pages);

/*
 * The lowest run of `pages` free pages such that the page number `skew` of it is
 * aligned to `align` pages, a power of two. 0 if there is none, or pages is 0.
 */
uintptr_t arena_alloc(struct arena *arena, size_t pages, size_t align, size_t skew);

/* Give pages back. False, and nothing changed, unless all were taken. */
bool arena_free(struct arena *arena, uintptr_t addr, size_t pages);

/* Verify the invariants stated in arena.c. */
bool arena_check(const struct arena *arena);

#endif /* MM_ARENA_H */
