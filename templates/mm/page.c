/*
 * Zones: the choice of a buddy for a request, and the buddy of an address.
 *
 * A zone is a range of physical addresses that some use needs for itself: the
 * first 16 MiB for ISA DMA, what the direct map covers for page tables, the rest
 * for whatever is mapped before it is touched. A request names the highest zone
 * that suits it and falls back to lower ones, so that scarce memory goes last.
 *
 * In front of the buddies is a hot list: up to 64 single frames of the highest zone that
 * has any, last in, first out, for requests of one frame from ZONE_ANY. It saves
 * splitting and merging for the most frequent request. An empty list is filled with 32
 * frames of one block; a full list returns its 32 oldest frames:
 *
 *     hot.frames   [ oldest | … | newest |    64 entries of 4 bytes    ]
 *     hot.count                           ^   how far it is filled
 *
 * A frame in it is CACHED in the page map: allocated to the buddy, free to us. A
 * frame of another zone is UNCACHED while allocated, so that it goes back to its
 * own buddy when freed.
 *
 * This is the shell around the buddy core: it panics on what the core refuses.
 */
#include <arch/paging.h>
//% if debug.fail
#include <kernel/fail.h>
//% endif
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/early.h>
#include <mm/kspace.h>
#include <mm/page.h>
#include <mm/reclaim.h>

struct zone zones[ZONE_COUNT];
struct page_stats page_stats;
struct free_profile free_profile_noted;

static const struct {
	const char *name;
	uint32_t first; /* page frame */
	uint32_t end; /* one past the last page frame */
} spans[ZONE_COUNT] = ZONE_TABLE;

//% if buddy.index == "lists"
_Static_assert(sizeof(struct buddy_node) == BUDDY_NODE_SIZE, "as the description predicts it");

//% endif
/* The zone's size on this machine: it ends with RAM. */
static size_t zone_size(unsigned i, phys_addr_t ram_end)
{
	uint32_t end = MIN(spans[i].end, ram_end / PAGE_SIZE);

	return end > spans[i].first ? (size_t)(end - spans[i].first) * PAGE_SIZE : 0;
}

void zones_reserve(phys_addr_t ram_end)
{
	page_map_reserve(ram_end / PAGE_SIZE);
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		size_t size = zone_size(i, ram_end);
		void *index = NULL;

		zones[i].name = spans[i].name;
		if (size)
			index = early_alloc(buddy_index_size(size, MAX_ORDER), 8);
		buddy_init(&zones[i].buddy, (uintptr_t)spans[i].first * PAGE_SIZE, size, MAX_ORDER,
			   page_map + spans[i].first, index);
	}
}

/* Give [start, end) to the zones that it lies in. */
static void hand_over(phys_addr_t start, phys_addr_t end)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		buddy_t *buddy = &zones[i].buddy;
		phys_addr_t from = MAX(start, buddy->base);
		phys_addr_t to = MIN(end, buddy->base + buddy->size);

		if (from < to)
			BUG_ON(buddy_add(buddy, from, to));
	}
}

//% if buddy.hot
static size_t shrink_hot(void);
//% endif

static struct zone *hot_zone; /* the highest that has frames */
static size_t hot_first; /* its first page frame */
static struct zone *first_zone[ZONE_COUNT]; /* for a request: the highest that has any */

void zones_init(void)
{
	struct memblock_region region;
	phys_addr_t at = 0;

	while (memblock_next_free(&memblock, &at, &region))
		hand_over(region.start, region.end);
	memblock.closed = true;
	hot_zone = &zones[0];
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		if (zones[i].buddy.managed)
			hot_zone = &zones[i];
		first_zone[i] = hot_zone;
	}
	hot_first = hot_zone->buddy.base / PAGE_SIZE;
	//% if buddy.hot
	reclaim_register(RECLAIM_HOT, shrink_hot);
	//% endif
}

static struct zone *zone_of(phys_addr_t addr)
{
	unsigned i = ZONE_COUNT - 1;

	while (i && addr < zones[i].buddy.base)
		i--;
	return &zones[i];
}

static void free_cold(phys_addr_t addr, unsigned order);

//% if buddy.hot
/* --- the hot list ---------------------------------------------------------- */

#define HOT_FRAMES 64 /* entries of 4 bytes */
#define HOT_BATCH 32

static struct {
	size_t count;
	phys_addr_t frames[HOT_FRAMES];
} hot;

/* Give the `count` oldest frames back to the buddy. */
static void drain_hot(size_t count)
{
	buddy_give_cached(&hot_zone->buddy, hot.frames, count);
	hot.count -= count;
	memmove(hot.frames, hot.frames + count, hot.count * sizeof(hot.frames[0]));
	page_stats.drains++;
}

static size_t shrink_hot(void)
{
	size_t kept = hot.count;

	if (kept)
		drain_hot(kept);
	return kept;
}

void pages_drain(void)
{
	shrink_hot();
}

static COLD phys_addr_t refill_hot(void)
{
	hot.count = buddy_take_cached(&hot_zone->buddy, hot.frames, HOT_BATCH);
	if (!hot.count)
		return alloc_elsewhere(ZONE_ANY, 0);
	page_stats.refills++;
	return alloc_page_hot();
}

static COLD void hot_is_full(void)
{
	drain_hot(HOT_BATCH);
}

phys_addr_t alloc_page_hot(void)
{
	phys_addr_t addr;

	if (unlikely(!hot.count))
		return refill_hot();
	addr = hot.frames[--hot.count];
	page_map[addr / PAGE_SIZE] = BUDDY_ALLOCATED;
	return addr;
}

void free_page_hot(phys_addr_t addr)
{
	uint8_t *state = &page_map[addr / PAGE_SIZE];

	if (unlikely(!IS_ALIGNED(addr, PAGE_SIZE)) || unlikely(*state != BUDDY_ALLOCATED)) {
		free_cold(addr, 0);
		return;
	}
	*state = BUDDY_CACHED;
	hot.frames[hot.count++] = addr;
	if (unlikely(hot.count == HOT_FRAMES))
		hot_is_full();
}

//% else
void pages_drain(void)
{
}

phys_addr_t alloc_page_hot(void)
{
	return alloc_elsewhere(ZONE_ANY, 0);
}

void free_page_hot(phys_addr_t addr)
{
	free_cold(addr, 0);
}

//% endif
//% if debug.fail
bool page_request_fails(void)
{
	bool injected = fail_here(FAIL_PAGE);

	page_stats.failures += injected;
	return injected;
}

//% endif
/* --- blocks ---------------------------------------------------------------- */

/* Allocate from `zone` or, if it has no such block, from a lower one. */
static phys_addr_t alloc_from(struct zone *zone, unsigned order)
{
	for (; zone >= zones; zone--) {
		phys_addr_t addr = buddy_alloc(&zone->buddy, order);

		if (addr)
			return addr;
	}
	return PHYS_NONE;
}

/* Mark a frame of another zone than the hot list's, so that it is not freed to the hot list. */
static phys_addr_t uncached(phys_addr_t addr)
{
	if (addr)
		page_map[addr / PAGE_SIZE] = BUDDY_UNCACHED;
	return addr;
}

phys_addr_t alloc_elsewhere(enum zone_id id, unsigned order)
{
	phys_addr_t addr;

	if (first_zone[id] == hot_zone) /* otherwise the hot list's frames do not suit */
		pages_drain();
	addr = alloc_from(first_zone[id], order);
	for (unsigned step = 0; !addr && reclaim(&step);)
		addr = alloc_from(first_zone[id], order);
	if (!addr)
		page_stats.failures++;
	return order ? addr : uncached(addr);
}

HOT_LEAF phys_addr_t alloc_block(enum zone_id id, unsigned order)
{
	if (order)
		return buddy_alloc(&first_zone[id]->buddy, order);
	return uncached(buddy_alloc(&first_zone[id]->buddy, 0));
}

static COLD void free_cold(phys_addr_t addr, unsigned order)
{
	struct zone *zone = zone_of(addr);
	uint8_t *state = &page_map[addr / PAGE_SIZE];
	enum buddy_error error;

	if (!order && *state == BUDDY_UNCACHED && IS_ALIGNED(addr, PAGE_SIZE))
		*state = BUDDY_ALLOCATED;
	error = buddy_free(&zone->buddy, addr, order);
	if (error)
		panic("free_pages(0x%08x, %u), zone %s: %s", addr, order, zone->name,
		      buddy_strerror(error));
}

HOT_LEAF void free_block(phys_addr_t addr, unsigned order)
{
	size_t frame = addr / PAGE_SIZE;
	uint8_t state = page_map[frame];

	/* The page map tells all that buddy_free() would check. */
	if (state != (BUDDY_ALLOCATED | order) || addr % PAGE_SIZE || order > MAX_ORDER ||
	    __builtin_sub_overflow(frame, hot_first, &frame))
		free_cold(addr, order);
	else
		buddy_release(&hot_zone->buddy, frame, order);
}

size_t free_page_count(void)
{
	//% if buddy.hot
	size_t count = hot.count;
	//% else
	size_t count = 0;
	//% endif

	for (unsigned i = 0; i < ZONE_COUNT; i++)
		count += buddy_free_pages(&zones[i].buddy);
	return count;
}

void free_profile_read(struct free_profile *profile)
{
	pages_drain();
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			profile->blocks[i][order] = zones[i].buddy.free_count[order];
	}
}

void free_profile_note(void)
{
	free_profile_read(&free_profile_noted);
}

void page_print_free(void)
{
	printk("; free blocks from order 0 on:");
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		if (!zones[i].buddy.managed)
			continue;
		printk(" %s", zones[i].name);
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			printk("%c%u", order ? ',' : ' ', zones[i].buddy.free_count[order]);
	}
}

enum buddy_error pages_check(void)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		enum buddy_error error = buddy_check(&zones[i].buddy);

		if (error)
			return error;
	}
	return BUDDY_OK;
}
