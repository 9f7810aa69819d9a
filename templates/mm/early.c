/*
 * From the loader's memory map to a filled memblock, and allocations from it.
 *
 *   1. Normalise the map (memmap.c); all further steps see whole pages only.
 *   2. Add every available range below 4 GiB; count what lies above. The page
 *      below 4 GiB is left alone, so that the end of a range fits 32 bits.
 *   3. Reserve what is in use: the image and the modules. The loader's own
 *      tables have been copied (multiboot.c).
 *
 * The boot page tables map the image and, behind it, room for early data. If
 * modules occupy that room, early_alloc() maps more as it goes: a page table is
 * one page, and somewhere below there is one.
 */
#include <arch/mmu.h>
#include <arch/paging.h>
#include <arch/sections.h>
#include <kernel/boot_info.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <mm/early.h>
#include <mm/page.h>

struct memblock memblock;
struct memory_stats memory_stats;

#define LAST_PAGE 0xfffff000u

static void add_available(uint64_t start, uint64_t end)
{
	uint64_t below = MIN(end, (uint64_t)LAST_PAGE);

	if (start >= below)
		return;
	if (memblock_add(&memblock, start, below)) {
		memory_stats.waste.dropped += below - start;
		printk("memory: no room to note 0x%llx-0x%llx; it stays unused\n", start, below);
	}
}

static void reserve(const char *what, phys_addr_t start, phys_addr_t end)
{
	if (start < end && memblock_reserve(&memblock, start, end))
		panic("no room to reserve %s (raise memblock.regions)", what);
}

static void reserve_modules(void)
{
	for (unsigned i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *module = &boot_info.modules[i];

		reserve(module->name, ALIGN_DOWN(module->start, PAGE_SIZE),
			ALIGN_UP(module->end, PAGE_SIZE));
	}
}

/* To the byte first, then in pages, which is what can be used. */
static void read_map(struct memmap_ranges *ranges)
{
	struct memory_stats *stats = &memory_stats;
	const uint64_t four_gib = 1ull << 32;

	memmap_resolve(&boot_info.map, 1, ranges);
	stats->available = memmap_bytes(ranges, MEMORY_AVAILABLE, 0, UINT64_MAX);
	memmap_normalise(&boot_info.map, ranges);
	stats->waste.rounding =
		stats->available - memmap_bytes(ranges, MEMORY_AVAILABLE, 0, UINT64_MAX);
	stats->waste.above_4g = memmap_bytes(ranges, MEMORY_AVAILABLE, four_gib, UINT64_MAX);
	stats->waste.top_page = memmap_bytes(ranges, MEMORY_AVAILABLE, LAST_PAGE, four_gib);
}

phys_addr_t memory_init(void)
{
	static struct memmap_ranges ranges; /* too large for the stack */
	phys_addr_t image = VIRT_TO_PHYS((uintptr_t)_kernel_start);
	phys_addr_t image_end = ALIGN_UP(VIRT_TO_PHYS((uintptr_t)_end), PAGE_SIZE);

	read_map(&ranges);
	memblock_init(&memblock);
	for (unsigned i = 0; i < ranges.count; i++) {
		const struct memmap_range *range = &ranges.ranges[i];

		if (range->type == MEMORY_AVAILABLE)
			add_available(range->start, range->end);
	}
	if (!memblock.memory.count && boot_info.map.dropped)
		refuse_boot("no usable memory in the %u map entries that fit (raise "
			    "memblock.map_entries)",
			    boot_info.map.count);
	if (!memblock.memory.count)
		refuse_boot("the loader reported no usable memory");

	memory_stats.waste.page0 = memblock_memory_in(&memblock, 0, PAGE_SIZE);
	memory_stats.kernel = memblock_memory_in(&memblock, image, image_end);
	reserve("the image", image, image_end);
	reserve_modules();
	memory_stats.modules =
		memblock_reserved_bytes(&memblock) - memory_stats.waste.page0 - memory_stats.kernel;
	return memblock.memory.regions[memblock.memory.count - 1].end;
}

void memory_account(void)
{
	size_t left = memblock_memory_bytes(&memblock) - memblock_reserved_bytes(&memblock);

	memory_stats.early = memblock.allocated;
	memory_stats.free = (uint64_t)free_page_count() * PAGE_SIZE;
	memory_stats.waste.partial = left - memory_stats.free;
}

void memory_print_stats(void)
{
	const struct memory_stats *stats = &memory_stats;

	kgen_stat(stats->available, "mem.available");
	kgen_stat(stats->kernel, "mem.kernel");
	kgen_stat(stats->modules, "mem.modules");
	kgen_stat(stats->early, "mem.early");
	kgen_stat(stats->free, "mem.free");
	kgen_stat(stats->waste.above_4g, "mem.waste.above_4g");
	kgen_stat(stats->waste.rounding, "mem.waste.rounding");
	kgen_stat(stats->waste.top_page, "mem.waste.top_page");
	kgen_stat(stats->waste.page0, "mem.waste.page0");
	kgen_stat(stats->waste.dropped, "mem.waste.dropped");
	kgen_stat(stats->waste.partial, "mem.waste.partial");
}

phys_addr_t lowmem_end(phys_addr_t ram_end)
{
	return MIN(ram_end, (phys_addr_t)DIRECT_MAP_LIMIT);
}

void *early_alloc(size_t size, size_t align)
{
	phys_addr_t found;

	while (!(found = memblock_alloc(&memblock, size, align, boot_mapped_end()))) {
		phys_addr_t table = PHYS_NONE;

		if (boot_mapped_end() < DIRECT_MAP_LIMIT)
			table = memblock_alloc(&memblock, PAGE_SIZE, PAGE_SIZE, boot_mapped_end());
		if (!table)
			panic("out of early memory: %u KiB wanted", (unsigned)(size >> 10));
		boot_map_more(table);
	}
	return phys_to_virt(found);
}
