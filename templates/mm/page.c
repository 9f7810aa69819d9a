/*
 * Zones: which buddy an address belongs to, and where to look next.
 *
 * A zone is a range of physical addresses that some use needs for itself: the
 * first 16 MiB for ISA DMA, what the direct map covers for page tables, the rest
 * for whatever is mapped before it is touched. A request names the highest zone
 * that suits it and falls back to lower ones, so that scarce memory goes last.
 *
 * This is the shell around the buddy core: it panics on what the core refuses.
 */
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <mm/early.h>
#include <mm/page.h>

struct zone zones[ZONE_COUNT];
struct page_stats page_stats;
struct free_profile free_profile_noted;

static const struct {
	const char *name;
	uint32_t first; /* page frame */
	uint32_t end; /* page frame behind the last */
} spans[ZONE_COUNT] = ZONE_TABLE;

/* The zone's bytes on this machine: none above the end of RAM. */
static size_t zone_size(unsigned i, phys_addr_t ram_end)
{
	uint32_t end = MIN(spans[i].end, ram_end / PAGE_SIZE);

	return end > spans[i].first ? (size_t)(end - spans[i].first) * PAGE_SIZE : 0;
}

void zones_reserve(phys_addr_t ram_end)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		size_t size = zone_size(i, ram_end);
		void *metadata = NULL;

		zones[i].name = spans[i].name;
		if (size)
			metadata = early_alloc(buddy_metadata_size(size, MAX_ORDER),
					       sizeof(struct buddy_node));
		buddy_init(&zones[i].buddy, (uintptr_t)spans[i].first * PAGE_SIZE, size, MAX_ORDER,
			   metadata);
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

void zones_init(void)
{
	struct memblock_region region;
	phys_addr_t at = 0;

	while (memblock_next_free(&memblock, &at, &region))
		hand_over(region.start, region.end);
	memblock.closed = true;
}

phys_addr_t alloc_pages(enum zone_id zone, unsigned order)
{
	for (int i = zone; i >= 0; i--) {
		phys_addr_t addr = buddy_alloc(&zones[i].buddy, order);

		if (addr) {
			zones[i].allocs++;
			return addr;
		}
	}
	page_stats.failures++;
	return PHYS_NONE;
}

static struct zone *zone_of(phys_addr_t addr)
{
	unsigned i = ZONE_COUNT - 1;

	while (i && addr < zones[i].buddy.base)
		i--;
	return &zones[i];
}

void free_pages(phys_addr_t addr, unsigned order)
{
	struct zone *zone = zone_of(addr);
	enum buddy_error error = buddy_free(&zone->buddy, addr, order);

	if (error)
		panic("free_pages(0x%08x, %u), zone %s: %s", addr, order, zone->name,
		      buddy_strerror(error));
	zone->frees++;
}

size_t free_page_count(void)
{
	size_t count = 0;

	for (unsigned i = 0; i < ZONE_COUNT; i++)
		count += zones[i].buddy.free_pages;
	return count;
}

void free_profile_read(struct free_profile *profile)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			profile->blocks[i][order] = zones[i].buddy.free_count[order];
	}
}

void free_profile_note(void)
{
	free_profile_read(&free_profile_noted);
}

void page_print_profile(const char *when, const struct free_profile *profile)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			kgen_stat(profile->blocks[i][order], "page.%s.%s.o%u", when, zones[i].name,
				  order);
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
