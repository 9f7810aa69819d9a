/*
 * memblock: a bump allocator over several regions, with reservations.
 *
 * Life cycle: memory_init() fills it from the normalised memory map. A few early users
 * (page tables, allocator metadata) allocate. zones_init() gives the rest to the buddy
 * and closes it for ever.
 *
 * To allocate: return the cursor and advance it. The cursor skips reserved memory and
 * gaps between regions:
 *
 *     memory     |-------------------|      |----------------------------|
 *     reserved        |==image==|              |module|
 *     cursor                    ^ next
 *
 * Gaps that are skipped because they are too small for a request are not lost: a request
 * that finds nothing above the cursor searches from the bottom again, and at hand-over
 * every page that is in `memory` but not in `reserved` goes to the buddy. Allocations are
 * added to `reserved`. Adjacent regions are joined, so a run of allocations takes one
 * entry of the table.
 *
 * Invariants, verified by memblock_check(): each table is sorted, its regions
 * are not empty, and between two of them is a gap; page frame 0 is reserved.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <mm/memblock.h>

void memblock_init(struct memblock *mb)
{
	mb->memory.count = 0;
	mb->reserved.count = 1;
	mb->reserved.regions[0] = (struct memblock_region){ 0, PAGE_SIZE };
	mb->cursor = 0;
	mb->allocated = 0;
	mb->closed = false;
}

/* Join [start, end) with the table: all regions that it meets or touches become one. */
static enum memblock_error join(struct memblock_table *table, phys_addr_t start, phys_addr_t end)
{
	struct memblock_region *regions = table->regions;
	unsigned first = 0;
	unsigned last;

	if (start >= end)
		return MEMBLOCK_ERR_RANGE;
	while (first < table->count && regions[first].end < start)
		first++;
	last = first;
	while (last < table->count && regions[last].start <= end) {
		start = MIN(start, regions[last].start);
		end = MAX(end, regions[last].end);
		last++;
	}

	/* Replace regions first..last-1 by one. */
	if (last == first) {
		if (table->count == MEMBLOCK_REGIONS)
			return MEMBLOCK_ERR_FULL;
		for (unsigned i = table->count; i > first; i--)
			regions[i] = regions[i - 1];
		table->count++;
	} else {
		unsigned gone = last - first - 1;

		for (unsigned i = last; i < table->count; i++)
			regions[i - gone] = regions[i];
		table->count -= gone;
	}
	regions[first] = (struct memblock_region){ start, end };
	return MEMBLOCK_OK;
}

enum memblock_error memblock_add(struct memblock *mb, phys_addr_t start, phys_addr_t end)
{
	return mb->closed ? MEMBLOCK_ERR_CLOSED : join(&mb->memory, start, end);
}

enum memblock_error memblock_reserve(struct memblock *mb, phys_addr_t start, phys_addr_t end)
{
	return mb->closed ? MEMBLOCK_ERR_CLOSED : join(&mb->reserved, start, end);
}

/* The first reserved region that ends above `start`, or NULL. */
static const struct memblock_region *reserved_above(const struct memblock *mb, phys_addr_t start)
{
	for (unsigned i = 0; i < mb->reserved.count; i++) {
		if (mb->reserved.regions[i].end > start)
			return &mb->reserved.regions[i];
	}
	return NULL;
}

/* The lowest fitting address at or above `from`; PHYS_NONE if there is none. */
static phys_addr_t find(const struct memblock *mb, phys_addr_t from, size_t size, size_t align,
			phys_addr_t limit)
{
	for (unsigned i = 0; i < mb->memory.count; i++) {
		const struct memblock_region *region = &mb->memory.regions[i];
		phys_addr_t end = limit ? MIN(region->end, limit) : region->end;
		phys_addr_t start = MAX(region->start, from);

		for (;;) {
			const struct memblock_region *taken;
			phys_addr_t aligned = ALIGN_UP(start, align);

			if (aligned < start || aligned > end || end - aligned < size)
				break; /* on to the next region */
			taken = reserved_above(mb, aligned);
			if (!taken || taken->start >= aligned + size)
				return aligned;
			start = taken->end;
		}
	}
	return PHYS_NONE;
}

phys_addr_t memblock_alloc(struct memblock *mb, size_t size, size_t align, phys_addr_t limit)
{
	phys_addr_t found;

	if (mb->closed || !size)
		return PHYS_NONE;
	found = find(mb, mb->cursor, size, align, limit);
	if (!found)
		found = find(mb, 0, size, align, limit);
	if (!found || memblock_reserve(mb, found, found + size))
		return PHYS_NONE;
	mb->cursor = found + size;
	mb->allocated += size;
	return found;
}

bool memblock_next_free(const struct memblock *mb, phys_addr_t *at, struct memblock_region *out)
{
	for (unsigned i = 0; i < mb->memory.count; i++) {
		const struct memblock_region *region = &mb->memory.regions[i];
		phys_addr_t start = MAX(region->start, *at);

		while (start < region->end) {
			const struct memblock_region *taken = reserved_above(mb, start);
			phys_addr_t end = region->end;

			if (taken && taken->start <= start) {
				start = taken->end;
				continue;
			}
			if (taken)
				end = MIN(end, taken->start);
			out->start = ALIGN_UP(start, PAGE_SIZE);
			out->end = ALIGN_DOWN(end, PAGE_SIZE);
			*at = start = end;
			if (out->start < out->end && out->start)
				return true;
		}
	}
	return false;
}

size_t memblock_memory_in(const struct memblock *mb, phys_addr_t start, phys_addr_t end)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < mb->memory.count; i++) {
		phys_addr_t from = MAX(mb->memory.regions[i].start, start);
		phys_addr_t to = MIN(mb->memory.regions[i].end, end);

		if (from < to)
			bytes += to - from;
	}
	return bytes;
}

size_t memblock_reserved_bytes(const struct memblock *mb)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < mb->reserved.count; i++)
		bytes += memblock_memory_in(mb, mb->reserved.regions[i].start,
					    mb->reserved.regions[i].end);
	return bytes;
}

size_t memblock_memory_bytes(const struct memblock *mb)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < mb->memory.count; i++)
		bytes += mb->memory.regions[i].end - mb->memory.regions[i].start;
	return bytes;
}

static enum memblock_error check_table(const struct memblock_table *table)
{
	if (table->count > MEMBLOCK_REGIONS)
		return MEMBLOCK_ERR_FULL;
	for (unsigned i = 0; i < table->count; i++) {
		if (table->regions[i].start >= table->regions[i].end)
			return MEMBLOCK_ERR_TABLE;
		if (i && table->regions[i - 1].end >= table->regions[i].start)
			return MEMBLOCK_ERR_TABLE;
	}
	return MEMBLOCK_OK;
}

enum memblock_error memblock_check(const struct memblock *mb)
{
	enum memblock_error error = check_table(&mb->memory);

	if (!error)
		error = check_table(&mb->reserved);
	if (error)
		return error;
	if (!mb->reserved.count || mb->reserved.regions[0].start ||
	    mb->reserved.regions[0].end < PAGE_SIZE)
		return MEMBLOCK_ERR_PAGE0;
	return MEMBLOCK_OK;
}
