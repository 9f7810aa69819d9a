/* Tests of the zones, on the machine's own memory. */
#include <arch/fixmap.h>
#include <arch/paging.h>
#include <arch/sections.h>
#include <kernel/boot_info.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/early.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

static struct free_profile before;
static struct free_profile after;

static bool profile_restored(void)
{
	free_profile_read(&after);
	return !memcmp(&before, &after, sizeof(before));
}

static bool overlaps(phys_addr_t addr, size_t size, phys_addr_t start, phys_addr_t end)
{
	return start < end && addr < end && start < addr + size;
}

/* Whether a block is in existing memory that has no other use. */
static bool is_ours(phys_addr_t addr, size_t size)
{
	bool inside = false;

	for (unsigned i = 0; i < memblock.memory.count; i++)
		inside |= addr >= memblock.memory.regions[i].start &&
			  addr + size <= memblock.memory.regions[i].end;
	for (unsigned i = 0; i < memblock.reserved.count; i++)
		inside &= !overlaps(addr, size, memblock.reserved.regions[i].start,
				    memblock.reserved.regions[i].end);
	for (unsigned i = 0; i < modules_listed(); i++)
		inside &= !overlaps(addr, size, module_spans[i].start, module_spans[i].end);
	for (unsigned i = 0; i < boot_info.map.count; i++) {
		const struct memmap_entry *entry = &boot_info.map.entries[i];

		/* An empty entry says nothing, wherever it lies. */
		inside &= entry->type == MEMORY_AVAILABLE || !entry->length ||
			  addr + size <= entry->base || addr >= entry->base + entry->length;
	}
	return inside && addr && !overlaps(addr, size, LEGACY_START, LEGACY_END) &&
	       !overlaps(addr, size, VIRT_TO_PHYS((uintptr_t)_kernel_start),
			 VIRT_TO_PHYS((uintptr_t)_end));
}

/* Write and read a word in a frame, whether it is in the direct map or not. */
static bool holds_data(phys_addr_t addr)
{
	volatile uint32_t *word = fixmap_map(FIXMAP_TEST, addr);
	bool holds;

	*word = addr ^ 0x5a5a5a5a;
	holds = *word == (addr ^ 0x5a5a5a5a);
	fixmap_unmap(FIXMAP_TEST);
	return holds;
}

/*
 * Allocate all blocks, but a limited number of single pages and largest blocks of each
 * zone, so that the cost does not grow with the machine. The blocks are linked through
 * their first words, which shows that no two are the same. The lowest zone contains
 * image, modules and early data: there every page of 16 MiB is allocated.
 */
#define PAGES_MAX(zone) ((zone) ? 256 : 4096)
#define BLOCKS_MAX 4

static phys_addr_t *chain_word(phys_addr_t addr)
{
	return fixmap_map(FIXMAP_TEST, addr);
}

static unsigned drain(struct ktest *test, buddy_t *buddy, unsigned order, unsigned limit,
		      phys_addr_t *chain)
{
	unsigned count = 0;
	phys_addr_t addr;

	while (count < limit && (addr = buddy_alloc(buddy, order))) {
		if (!is_ours(addr, PAGE_SIZE << order) || !holds_data(addr)) {
			KTEST_EXPECT_EQ(test, addr, PHYS_NONE);
			break;
		}
		*chain_word(addr) = *chain;
		*chain = addr;
		count++;
	}
	return count;
}

static unsigned refill(buddy_t *buddy, unsigned order, phys_addr_t chain)
{
	unsigned count = 0;

	while (chain) {
		phys_addr_t next = *chain_word(chain);

		if (buddy_free(buddy, chain, order))
			break;
		chain = next;
		count++;
	}
	return count;
}

KTEST(page, every_frame_is_usable)
{
	free_profile_read(&before);
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		buddy_t *buddy = &zones[i].buddy;
		phys_addr_t pages = PHYS_NONE;
		phys_addr_t blocks = PHYS_NONE;
		unsigned page_count = drain(test, buddy, 0, PAGES_MAX(i), &pages);
		unsigned block_count = drain(test, buddy, MAX_ORDER, BLOCKS_MAX, &blocks);

		KTEST_EXPECT_EQ(test, refill(buddy, 0, pages), page_count);
		KTEST_EXPECT_EQ(test, refill(buddy, MAX_ORDER, blocks), block_count);
	}
	fixmap_unmap(FIXMAP_TEST);
	KTEST_EXPECT(test, profile_restored());
	KTEST_EXPECT_EQ(test, pages_check(), BUDDY_OK);
}

KTEST(page, falls_back_to_lower_zones)
{
	phys_addr_t addr = alloc_pages(ZONE_ANY, 0);

	KTEST_ASSERT(test, addr);
	free_pages(addr, 0);
	addr = alloc_pages(0, 0);
	if (!zones[0].buddy.managed) { /* all RAM lies above it: there is no lower one */
		KTEST_EXPECT_EQ(test, addr, PHYS_NONE);
		return;
	}
	KTEST_ASSERT(test, addr);
	KTEST_EXPECT(test, addr < zones[0].buddy.base + zones[0].buddy.size);
	free_pages(addr, 0);
}

KTEST(page, direct_zone_is_mapped)
{
	phys_addr_t addr = alloc_pages(ZONE_DIRECT, 0);

	KTEST_ASSERT(test, addr);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys(phys_to_virt(addr)), addr);
	free_pages(addr, 0);
}

/* A profile has the hot list's frames, in the blocks to which they belong. */
KTEST(page, profile_is_complete)
{
	phys_addr_t addr = alloc_pages(ZONE_ANY, 0);
	size_t pages = 0;

	KTEST_ASSERT(test, addr);
	free_pages(addr, 0); /* to the hot list */
	free_profile_read(&after);
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			pages += after.blocks[i][order] << order;
	}
	KTEST_EXPECT_EQ(test, pages, free_page_count());
}

KTEST(page, refuses_what_is_too_large)
{
	unsigned long failures = page_stats.failures;

	KTEST_EXPECT_EQ(test, alloc_pages(ZONE_ANY, MAX_ORDER + 1), PHYS_NONE);
	KTEST_EXPECT_EQ(test, page_stats.failures, failures + 1);
}

/* After all other tests: all that they allocated is free, in the same blocks. */
KTEST_FINAL(end, all_memory_is_free_again)
{
	kmalloc_shrink(); /* what it keeps is not in use */
	before = free_profile_noted;
	KTEST_EXPECT(test, profile_restored());
}

KTEST_FINAL(end, buddies_are_sound)
{
	KTEST_EXPECT_EQ(test, pages_check(), BUDDY_OK);
}
