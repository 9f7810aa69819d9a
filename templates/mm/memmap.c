/*
 * memmap: makes sense of any memory map.
 *
 * Firmware reports entries that may be unsorted, overlapping, unaligned, of
 * unknown type, above 4 GiB or wrapping around 2^64. memmap_resolve():
 *
 *   1. rounds each entry to pages: available memory inwards, so that only complete pages
 *      are used; everything else outwards;
 *   2. collects all ends, sorted: between two neighbouring ends nothing changes;
 *   3. gives each such stretch the strictest type of all entries that cover it:
 *
 *        available      |=================|
 *        reserved                |=====|      |==|
 *        result         | avail  |resv.|avail| |resv.|
 *
 *   4. joins neighbours of one type.
 *
 * With n entries that is O(n^2), for n below a hundred, once.
 *
 * Invariants of the result: start < end, both page-aligned; sorted; disjoint; no
 * two touching ranges of one type.
 */
#include <mm/memmap.h>

/* Strictness: available memory yields to memory that ACPI lets go, and both to all else. */
static unsigned rank(uint32_t type)
{
	switch (type) {
	case MEMORY_AVAILABLE:
		return 0;
	case MEMORY_ACPI_RECLAIMABLE:
		return 1;
	case MEMORY_RESERVED:
		return 2;
	case MEMORY_ACPI_NVS:
		return 3;
	default: /* bad, or unknown and therefore to be left alone */
		return 4;
	}
}

const char *memmap_type_name(uint32_t type)
{
	switch (type) {
	case MEMORY_AVAILABLE:
		return "available";
	case MEMORY_RESERVED:
		return "reserved";
	case MEMORY_ACPI_RECLAIMABLE:
		return "ACPI tables";
	case MEMORY_ACPI_NVS:
		return "ACPI non-volatile";
	case MEMORY_BAD:
		return "bad";
	default:
		return "of unknown type";
	}
}

void memmap_add(struct memmap *map, uint64_t base, uint64_t length, uint32_t type)
{
	struct memmap_entry *slot = NULL;

	if (map->count < MAP_ENTRIES) {
		slot = &map->entries[map->count++];
	} else {
		map->dropped++;
		if (type == MEMORY_AVAILABLE)
			return;
		for (unsigned i = 0; i < MAP_ENTRIES && !slot; i++) {
			if (map->entries[i].type == MEMORY_AVAILABLE)
				slot = &map->entries[i];
		}
		if (!slot) /* no entry is available, so none can be mistaken for usable memory */
			return;
	}
	*slot = (struct memmap_entry){ base, length, type };
}

/* The entry in whole units; start == end if nothing is left of it. */
static struct memmap_range clip(const struct memmap_entry *entry, uint64_t unit)
{
	uint64_t end = entry->base + entry->length;
	uint64_t top = ALIGN_DOWN(UINT64_MAX, unit);
	struct memmap_range range = { ALIGN_DOWN(entry->base, unit), 0, entry->type };

	if (end < entry->base) /* beyond 2^64 */
		end = UINT64_MAX;
	range.end = ALIGN_DOWN(end, unit);
	if (entry->type == MEMORY_AVAILABLE) {
		/* Not `+= unit` in any case: that would wrap in the last page. */
		if (range.start != entry->base)
			range.start = range.start < range.end ? range.start + unit : range.end;
	} else if (range.end != end && range.end != top) {
		range.end += unit;
	}
	if (!entry->length || range.end < range.start)
		range.end = range.start;
	return range;
}

/* Insert into a sorted array without repeats; returns the new count. */
static unsigned insert(uint64_t *ends, unsigned count, uint64_t value)
{
	unsigned at = count;

	while (at > 0 && ends[at - 1] > value)
		at--;
	if (at > 0 && ends[at - 1] == value)
		return count;
	for (unsigned i = count; i > at; i--)
		ends[i] = ends[i - 1];
	ends[at] = value;
	return count + 1;
}

static void append(struct memmap_ranges *out, uint64_t start, uint64_t end, uint32_t type)
{
	struct memmap_range *last = out->count ? &out->ranges[out->count - 1] : NULL;

	if (last && last->end == start && last->type == type)
		last->end = end;
	else
		out->ranges[out->count++] = (struct memmap_range){ start, end, type };
}

void memmap_resolve(const struct memmap *map, uint64_t unit, struct memmap_ranges *out)
{
	uint64_t ends[2 * MAP_ENTRIES];
	unsigned count = 0;

	for (unsigned i = 0; i < map->count; i++) {
		struct memmap_range range = clip(&map->entries[i], unit);

		if (range.start == range.end)
			continue;
		count = insert(ends, count, range.start);
		count = insert(ends, count, range.end);
	}

	out->count = 0;
	for (unsigned cut = 0; cut + 1 < count; cut++) {
		const struct memmap_entry *strictest = NULL;

		for (unsigned i = 0; i < map->count; i++) {
			const struct memmap_entry *entry = &map->entries[i];
			struct memmap_range range = clip(entry, unit);

			if (range.start <= ends[cut] && range.end > ends[cut] &&
			    (!strictest || rank(entry->type) > rank(strictest->type)))
				strictest = entry;
		}
		if (strictest)
			append(out, ends[cut], ends[cut + 1], strictest->type);
	}
}

void memmap_normalise(const struct memmap *map, struct memmap_ranges *out)
{
	memmap_resolve(map, PAGE_SIZE, out);
}

bool memmap_has(const struct memmap *map, uint64_t start, uint64_t end)
{
	uint64_t at = start; /* all below is available */
	bool moved = true;

	while (moved) {
		moved = false;
		for (unsigned i = 0; i < map->count; i++) {
			struct memmap_range range = clip(&map->entries[i], 1);

			if (range.type != MEMORY_AVAILABLE) {
				if (MAX(range.start, start) < MIN(range.end, end))
					return false;
			} else if (range.start <= at && at < range.end) {
				at = range.end;
				moved = true;
			}
		}
	}
	return at >= end;
}

uint64_t memmap_bytes(const struct memmap_ranges *ranges, uint32_t type, uint64_t start,
		      uint64_t end)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < ranges->count; i++) {
		const struct memmap_range *range = &ranges->ranges[i];
		uint64_t from = MAX(range->start, start);
		uint64_t to = MIN(range->end, end);

		if (range->type == type && from < to)
			bytes += to - from;
	}
	return bytes;
}
