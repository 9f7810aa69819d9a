/*
 * The machine's memory map: from what the firmware says to what can be used.
 *
 * Pure: no hardware, no printing; also built and tested on the host.
 */
#ifndef MM_MEMMAP_H
#define MM_MEMMAP_H

#include <generated/config.h>
#include <kernel/types.h>

/* Types of the E820 interface (ACPI 6.5, 15.1). Every other value is reserved. */
enum {
	MEMORY_AVAILABLE = 1,
	MEMORY_RESERVED = 2,
	MEMORY_ACPI_RECLAIMABLE = 3,
	MEMORY_ACPI_NVS = 4,
	MEMORY_BAD = 5,
};

/*
 * From 640 KiB to 1 MiB is the screen, the ROMs of adapters and the BIOS, on every PC.
 * Some firmwares and emulators call it available all the same, so it is never used.
 */
#define LEGACY_START 0xa0000
#define LEGACY_END 0x100000

/* "available", "reserved", … */
const char *memmap_type_name(uint32_t type);

struct memmap_entry {
	uint64_t base; /* bytes */
	uint64_t length; /* bytes; base + length may wrap */
	uint32_t type;
};

/* What was reported: any order, overlapping, unaligned, of any type. */
struct memmap {
	unsigned count;
	unsigned dropped; /* entries for which there was no room */
	struct memmap_entry entries[MAP_ENTRIES];
};

/* A stretch of one type. */
struct memmap_range {
	uint64_t start;
	uint64_t end; /* one past the last byte */
	uint32_t type;
};

/* n entries have at most 2n distinct ends, hence 2n - 1 stretches between them. */
#define MEMMAP_RANGES (2 * MAP_ENTRIES)

struct memmap_ranges {
	unsigned count;
	struct memmap_range ranges[MEMMAP_RANGES];
};

/*
 * Add an entry. If the table is full, an available entry is dropped, and any other entry
 * replaces an available one. So a lost entry is never mistaken for usable memory.
 */
void memmap_add(struct memmap *map, uint64_t base, uint64_t length, uint32_t type);

/*
 * Make sorted, disjoint ranges of the entries, in multiples of `unit` bytes, a power of
 * two. Available ranges shrink to whole units, all others grow. Where entries overlap,
 * the stricter type wins. Neighbours of one type are joined. Memory that no entry covers
 * is in no range. With unit 1 the result is exact to the byte.
 */
void memmap_resolve(const struct memmap *map, uint64_t unit, struct memmap_ranges *out);

/*
 * As memmap_resolve() in units of pages: available ranges shrink to whole pages, all
 * others grow.
 */
void memmap_normalise(const struct memmap *map, struct memmap_ranges *out);

/*
 * Whether all bytes from start to end are available: each is in an available entry, and
 * in no other.
 */
bool memmap_has(const struct memmap *map, uint64_t start, uint64_t end);

/* Bytes of all ranges of this type between start and end. */
uint64_t memmap_bytes(const struct memmap_ranges *ranges, uint32_t type, uint64_t start,
		      uint64_t end);

#endif /* MM_MEMMAP_H */
