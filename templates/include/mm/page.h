/*
 * Page frames: the zones, each a range of physical memory with a buddy of its own.
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include <generated/zones.h>
#include <kernel/types.h>
#include <mm/buddy.h>

struct zone {
	const char *name;
	buddy_t buddy;
	unsigned long allocs; /* blocks handed out, as first choice or fallback */
	unsigned long frees;
};

extern struct zone zones[ZONE_COUNT];

/* Of all zones together. */
struct page_stats {
	unsigned long failures; /* alloc_pages() found nothing */
};

extern struct page_stats page_stats;

/* Carve the metadata of each zone out of memblock, for RAM that ends at ram_end. */
void zones_reserve(phys_addr_t ram_end);

/* Hand what memblock has left to the buddies, and close memblock. */
void zones_init(void);

/*
 * A block of 2^order page frames from `zone`, or from the next lower one that has
 * it. Returns its physical address, PHYS_NONE if there is none: never panics.
 * What it holds is not defined. Frames above ZONE_DIRECT are not in the direct map.
 */
phys_addr_t alloc_pages(enum zone_id zone, unsigned order);

/* Give a block back. Panics on one that was not handed out with this order. */
void free_pages(phys_addr_t addr, unsigned order);

/* Free page frames of all zones. */
size_t free_page_count(void);

/* Free blocks of each order of each zone, to compare one moment with another. */
struct free_profile {
	size_t blocks[ZONE_COUNT][MAX_ORDER + 1];
};

void free_profile_read(struct free_profile *profile);

/* The profile at the moment of the last free_profile_note(). */
extern struct free_profile free_profile_noted;
void free_profile_note(void);

/* Print counters as `# kgen:stat` lines: page.WHEN.ZONE.oN for each order. */
void page_print_profile(const char *when, const struct free_profile *profile);

/* Verify every zone; BUDDY_OK, or the first code that is not. */
enum buddy_error pages_check(void);

#endif /* MM_PAGE_H */
