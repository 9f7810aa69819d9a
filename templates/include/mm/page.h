/*
 * Page frames: the zones, each a range of physical memory with a buddy of its own,
 * and a short list of single frames in front of them.
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include <generated/layout.h>
#include <generated/zones.h>
#include <kernel/types.h>
#include <mm/buddy.h>

struct zone {
	const char *name;
	buddy_t buddy;
};

extern struct zone zones[ZONE_COUNT];

/* Of all zones together. */
struct page_stats {
	unsigned long failures; /* alloc_pages() found nothing */
	unsigned long refills; /* of the hot list */
	unsigned long drains;
};

extern struct page_stats page_stats;

/*
 * The state of every frame there could be, by its number: enum buddy_state. Each
 * zone's buddy has its part as its map. Frames above the end of RAM read as
 * BUDDY_NOTHING, so any physical address may be asked about.
 */
#define page_map ((uint8_t *)PAGE_MAP_BASE)

/* Carve page map and index of each zone out of memblock, for RAM that ends at ram_end. */
void zones_reserve(phys_addr_t ram_end);

/* Hand what memblock has left to the buddies, and close memblock. */
void zones_init(void);

/*
 * Use alloc_pages() and free_pages(), which choose among these: the hot list, the
 * highest zone that suits, and all others, then with what reclaim() returns.
 */
phys_addr_t alloc_page_hot(void);
void free_page_hot(phys_addr_t addr);
phys_addr_t alloc_block(enum zone_id zone, unsigned order);
phys_addr_t alloc_elsewhere(enum zone_id zone, unsigned order);
void free_block(phys_addr_t addr, unsigned order);

//% if debug.fail
/* Whether the request that the caller of this function makes is to fail. Counts it. */
bool page_request_fails(void);

//% endif
/*
 * A block of 2^order page frames from `zone`, or from the next lower one that has
 * it. Returns its physical address, PHYS_NONE if there is none: never panics. That is
 * counted; the line in the log is left to kmalloc() and others, who may know a way out.
 * What it holds is not defined. Frames above ZONE_DIRECT are not in the direct map.
 *
 * Before it fails it asks reclaim(): frames that somebody keeps without using them count
 * as free.
 */
static inline phys_addr_t alloc_pages(enum zone_id zone, unsigned order)
{
	phys_addr_t addr;

	//% if debug.fail
	if (page_request_fails())
		return PHYS_NONE;
	//% endif
	if (zone == ZONE_ANY && !order)
		return alloc_page_hot();
	addr = alloc_block(zone, order);
	return unlikely(!addr) ? alloc_elsewhere(zone, order) : addr;
}

/* Give a block back. Panics on one that was not handed out with this order. */
static inline void free_pages(phys_addr_t addr, unsigned order)
{
	if (!order)
		free_page_hot(addr);
	else
		free_block(addr, order);
}

/*
 * Give the frames of the hot list back to the buddies, so that they merge. Done
 * before a request fails, or falls back from their zone to a lower one; call it
 * before comparing profiles.
 */
void pages_drain(void);

/* Free page frames of all zones, the hot list's included. */
size_t free_page_count(void);

/* Free blocks of each order of each zone, to compare one moment with another. */
struct free_profile {
	size_t blocks[ZONE_COUNT][MAX_ORDER + 1];
};

/* Drains the hot list first. */
void free_profile_read(struct free_profile *profile);

/* The profile at the moment of the last free_profile_note(). */
extern struct free_profile free_profile_noted;
void free_profile_note(void);

/* For people: what is free in which orders, as the end of a line about a failure. */
void page_print_free(void);

/* Verify every zone; BUDDY_OK, or the first code that is not. */
enum buddy_error pages_check(void);

#endif /* MM_PAGE_H */
