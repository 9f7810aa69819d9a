/*
 * The arena: first fit over a bitmap with a bit for each virtual page.
 *
 *   1. Start at the lowest page that may be free, at the next aligned place.
 *   2. Look for the first taken page of the run that would begin there. If there
 *      is none, take the run; else go on behind it.
 *
 *     page       0                                 31
 *     bits       1111 1110 0011 1000 0000 0000 0000 0000
 *     run of 3          ^^^ found
 *     run of 4          xxx|   ^^^^ found: behind the taken pages
 *
 * Lowest first keeps what is in use together, and taken words are skipped at 32
 * pages a step. Guard pages are the caller's: it asks for one more than it maps.
 *
 * Invariants, verified by arena_check(): `used` counts the bits; no page below
 * first_free is free; bits behind the last page are 0.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <mm/arena.h>

static inline bool is_taken(const struct arena *arena, size_t page)
{
	return arena->bits[page / 32] >> (page % 32) & 1;
}

static void set(struct arena *arena, size_t page, size_t pages, bool taken)
{
	for (; pages; pages--, page++) {
		if (taken)
			arena->bits[page / 32] |= 1u << (page % 32);
		else
			arena->bits[page / 32] &= ~(1u << (page % 32));
	}
}

/* The first page in [from, to) that is taken (or free); `to` if none is. */
static size_t find(const struct arena *arena, size_t from, size_t to, bool taken)
{
	uint32_t uninteresting = taken ? 0 : UINT32_MAX;

	while (from < to) {
		if (IS_ALIGNED(from, 32) && arena->bits[from / 32] == uninteresting) {
			from += 32;
			continue;
		}
		if (is_taken(arena, from) == taken)
			return from;
		from++;
	}
	return to;
}

void arena_init(struct arena *arena, uintptr_t base, size_t pages)
{
	memset(arena, 0, sizeof(*arena));
	arena->base = base;
	arena->pages = pages;
}

uintptr_t arena_alloc(struct arena *arena, size_t pages, size_t align, size_t skew)
{
	size_t base = arena->base / PAGE_SIZE; /* alignment is that of addresses */
	size_t page = arena->first_free;

	if (!pages || pages > arena->pages)
		return 0;
	for (;;) {
		size_t taken;

		page = find(arena, page, arena->pages, false);
		page = ALIGN_UP(base + page + skew, align) - skew - base;
		if (page > arena->pages - pages)
			return 0;
		taken = find(arena, page, page + pages, true);
		if (taken == page + pages)
			break;
		page = taken;
	}
	set(arena, page, pages, true);
	arena->used += pages;
	if (page == arena->first_free)
		arena->first_free = page + pages;
	return arena->base + page * PAGE_SIZE;
}

bool arena_free(struct arena *arena, uintptr_t addr, size_t pages)
{
	size_t page = (addr - arena->base) / PAGE_SIZE;

	if (addr < arena->base || !IS_ALIGNED(addr, PAGE_SIZE) || !pages || page >= arena->pages ||
	    pages > arena->pages - page)
		return false;
	if (find(arena, page, page + pages, false) != page + pages)
		return false;
	set(arena, page, pages, false);
	arena->used -= pages;
	arena->first_free = MIN(arena->first_free, page);
	return true;
}

bool arena_check(const struct arena *arena)
{
	size_t used = 0;

	for (size_t page = 0; page < ALIGN_UP((size_t)ARENA_PAGES, 32); page++) {
		if (!is_taken(arena, page))
			continue;
		if (page >= arena->pages)
			return false;
		used++;
	}
	return used == arena->used && find(arena, 0, arena->first_free, false) == arena->first_free;
}
