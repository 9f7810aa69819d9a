/* Tests of the memory map: the walk over the loader's, and its normalisation. */
#include <arch/paging.h>
#include <kernel/boot_info.h>
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/early.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

static struct memmap map;
static struct memmap_ranges out;

/* Append a Multiboot map entry whose size field says `size`; returns the next place. */
static char *put_entry(char *at, uint32_t size, uint64_t base, uint64_t length, uint32_t type)
{
	memset(at, 0xa5, size + 4);
	memcpy(at, &size, 4);
	memcpy(at + 4, &base, 8);
	memcpy(at + 12, &length, 8);
	memcpy(at + 20, &type, 4);
	return at + size + 4;
}

KTEST(memmap, walks_entries_of_any_size)
{
	char *buffer = kmalloc(256);
	char *at = buffer;

	KTEST_ASSERT(test, buffer);
	at = put_entry(at, 20, 0x1000, 0x2000, MEMORY_AVAILABLE);
	at = put_entry(at, 24, 0x5000, 0x1000, MEMORY_RESERVED);
	at = put_entry(at, 40, 0x100000000ull, 0x3000, MEMORY_AVAILABLE);
	at = put_entry(at, 20, 0x9000, 0x4000, MEMORY_ACPI_NVS);

	memset(&map, 0, sizeof(map));
	multiboot_read_map(slow_virt_to_phys(buffer), at - buffer, &map);
	KTEST_EXPECT_EQ(test, map.count, 4);
	KTEST_EXPECT_EQ(test, map.entries[1].base, 0x5000);
	KTEST_EXPECT_EQ(test, map.entries[2].base, 0x100000000ull);
	KTEST_EXPECT_EQ(test, map.entries[3].base, 0x9000);
	KTEST_EXPECT_EQ(test, map.entries[3].type, MEMORY_ACPI_NVS);

	/*
	 * The third entry is truncated: complete entries count, and nothing is read past
	 * the end.
	 */
	memset(&map, 0, sizeof(map));
	multiboot_read_map(slow_virt_to_phys(buffer), 24 + 28 + 10, &map);
	KTEST_EXPECT_EQ(test, map.count, 2);
	kfree(buffer);
}

KTEST(memmap, ends_at_a_size_that_is_none)
{
	char *buffer = kmalloc(64);

	KTEST_ASSERT(test, buffer);
	memset(buffer, 0, 64);
	memset(&map, 0, sizeof(map));
	multiboot_read_map(slow_virt_to_phys(buffer), 64, &map);
	KTEST_EXPECT_EQ(test, map.count, 0);
	kfree(buffer);
}

static bool range_is(unsigned i, uint64_t start, uint64_t end, uint32_t type)
{
	return i < out.count && out.ranges[i].start == start && out.ranges[i].end == end &&
	       out.ranges[i].type == type;
}

KTEST(memmap, reserved_wins)
{
	memset(&map, 0, sizeof(map));
	memmap_add(&map, 0x4000, 0x1000, MEMORY_RESERVED);
	memmap_add(&map, 0x1000, 0x8000, MEMORY_AVAILABLE);
	memmap_normalise(&map, &out);
	KTEST_EXPECT_EQ(test, out.count, 3);
	KTEST_EXPECT(test, range_is(0, 0x1000, 0x4000, MEMORY_AVAILABLE));
	KTEST_EXPECT(test, range_is(1, 0x4000, 0x5000, MEMORY_RESERVED));
	KTEST_EXPECT(test, range_is(2, 0x5000, 0x9000, MEMORY_AVAILABLE));
}

KTEST(memmap, rounds_to_the_safe_side)
{
	memset(&map, 0, sizeof(map));
	memmap_add(&map, 0x1001, 0x3000, MEMORY_AVAILABLE);
	memmap_add(&map, 0x8fff, 2, MEMORY_RESERVED);
	memmap_normalise(&map, &out);
	KTEST_EXPECT_EQ(test, out.count, 2);
	KTEST_EXPECT(test, range_is(0, 0x2000, 0x4000, MEMORY_AVAILABLE));
	KTEST_EXPECT(test, range_is(1, 0x8000, 0xa000, MEMORY_RESERVED));
}

KTEST(memmap, full_table_errs_towards_reserved)
{
	memset(&map, 0, sizeof(map));
	for (unsigned i = 0; i < MAP_ENTRIES; i++)
		memmap_add(&map, 0x100000ull * i, 0x100000, MEMORY_AVAILABLE);
	memmap_add(&map, 0x100000ull * MAP_ENTRIES, 0x100000, MEMORY_AVAILABLE);
	memmap_add(&map, 0x1000, 0x1000, MEMORY_BAD);
	KTEST_EXPECT_EQ(test, map.dropped, 2);
	memmap_normalise(&map, &out);
	KTEST_EXPECT(test, range_is(0, 0x1000, 0x2000, MEMORY_BAD));
	KTEST_EXPECT(test, range_is(1, 0x100000, 0x100000ull * MAP_ENTRIES, MEMORY_AVAILABLE));
}

KTEST(memmap, this_machine)
{
	memmap_normalise(&boot_info.map, &out);
	KTEST_EXPECT_GE(test, out.count, 1);
	for (unsigned i = 1; i < out.count; i++)
		KTEST_EXPECT_LE(test, out.ranges[i - 1].end, out.ranges[i].start);
}

KTEST(memmap, knows_what_is_there)
{
	memset(&map, 0, sizeof(map));
	memmap_add(&map, 0x3000, 0x1000, MEMORY_AVAILABLE);
	memmap_add(&map, 0x1000, 0x2800, MEMORY_AVAILABLE);
	memmap_add(&map, 0x6000, 0x1000, MEMORY_AVAILABLE);
	KTEST_EXPECT(test, memmap_has(&map, 0x1000, 0x4000));
	KTEST_EXPECT(test, memmap_has(&map, 0x3fff, 0x4000));
	KTEST_EXPECT(test, !memmap_has(&map, 0x3fff, 0x4001));
	KTEST_EXPECT(test, !memmap_has(&map, 0x3000, 0x7000));
	KTEST_EXPECT(test, !memmap_has(&map, 0xfff, 0x1001));
	memmap_add(&map, 0x2000, 1, MEMORY_RESERVED);
	KTEST_EXPECT(test, !memmap_has(&map, 0x1000, 0x4000));
	KTEST_EXPECT(test, memmap_has(&map, 0x2001, 0x4000));
}

/* Every byte that the map offers is accounted for. */
KTEST(memmap, every_byte_is_accounted_for)
{
	const struct memory_stats *stats = &memory_stats;
	uint64_t waste = stats->waste.above_4g + stats->waste.above_zones + stats->waste.legacy +
			 stats->waste.rounding + stats->waste.top_page + stats->waste.page0 +
			 stats->waste.dropped + stats->waste.partial;

	KTEST_EXPECT_EQ(test, stats->available,
			stats->kernel + stats->modules + stats->early + stats->free + waste);
}

/* Each kind of waste is within the bound that follows from its cause. */
KTEST(memmap, no_waste_without_a_cause)
{
	const struct memory_stats *stats = &memory_stats;

	/* A page is lost only where an entry begins or ends in it. */
	KTEST_EXPECT_LE(test, stats->waste.rounding, 2 * boot_info.map.count * PAGE_SIZE);
	KTEST_EXPECT_LE(test, stats->waste.legacy, LEGACY_END - LEGACY_START);
	KTEST_EXPECT_LE(test, stats->waste.top_page, PAGE_SIZE);
	KTEST_EXPECT_LE(test, stats->waste.page0, PAGE_SIZE);
	if (memblock.memory.count < MEMBLOCK_REGIONS)
		KTEST_EXPECT_EQ(test, stats->waste.dropped, 0);
	/* Of the early allocations only the zones' indexes are no whole pages. */
	KTEST_EXPECT_LE(test, stats->waste.partial, 2 * ZONE_COUNT * PAGE_SIZE);
}

KTEST(memmap, finds_options)
{
	static char saved[CMDLINE_MAX];
	char value[4];

	memcpy(saved, cmdline, sizeof(saved));
	snprintf(cmdline, CMDLINE_MAX, "kernel.elf acpu=1 cpu=386 quiet cpu=4867");
	KTEST_EXPECT(test, boot_option("cpu", value, sizeof(value)));
	KTEST_EXPECT(test, !strcmp(value, "486"));
	KTEST_EXPECT(test, !boot_option("quiet", value, sizeof(value)));
	KTEST_EXPECT(test, !boot_option("pu", value, sizeof(value)));
	KTEST_EXPECT(test, boot_word("quiet"));
	KTEST_EXPECT(test, !boot_word("qui"));
	KTEST_EXPECT(test, !boot_word("quieter"));
	KTEST_EXPECT(test, !boot_word("cpu"));
	memcpy(cmdline, saved, sizeof(saved));
}
