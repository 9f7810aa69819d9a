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

/* Allocate page map and index of each zone from memblock, for RAM that ends at ram_end. */
void zones_reserve(phys_addr_t ram_end);

/* Give the remaining memory of memblock to the buddies, and close memblock. */
void zones_init(void);

/*
 * Use alloc_pages() and free_pages(), which choose among these: first the hot list, then
 * the highest zone that suits, then all lower zones and reclaim().
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
 * Allocate a block of 2^order page frames from `zone`, or from the next lower zone that
 * has one. Its content is undefined. Frames above ZONE_DIRECT are not in the direct map.
 *
 * Before it fails it calls reclaim(), so frames that an allocator keeps without using
 * them count as free. Failures are counted but not logged: the caller may have a
 * fallback. Never panics. Returns the physical address, or PHYS_NONE if there is no
 * block.
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

/* Free a block. Panics if it was not allocated with this order. */
static inline void free_pages(phys_addr_t addr, unsigned order)
{
	if (!order)
		free_page_hot(addr);
	else
		free_block(addr, order);
}

/*
 * Return the frames of the hot list to the buddies, which merge them. This happens before
 * a request fails, or falls back from their zone to a lower one. Call it before comparing
 * profiles.
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

/* Print the free blocks of each order, as the end of a line about a failure. */
void page_print_free(void);

/* Verify every zone. Returns BUDDY_OK, or the first error. */
enum buddy_error pages_check(void);

#endif /* MM_PAGE_H */
