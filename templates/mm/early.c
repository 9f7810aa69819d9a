/*
 * From the loader's memory map to a filled memblock, and allocations from it.
 *
 *   1. Normalise the map (memmap.c). All further steps deal with whole pages.
 *   2. Add every available range that some zone covers; count all others. The page
 *      below 4 GiB is left alone, so that the end of a range fits 32 bits.
 *   3. Reserve what is in use: the image and the modules. The loader's own
 *      tables have been copied (multiboot.c).
 *
 * The boot page tables map the image and, past it, room for early data. If modules occupy
 * that room, or no RAM is there, early_alloc() takes memory anywhere in the direct map,
 * and one page for each page table needed to map it.
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

/* The end of the last zone, if it is not 4 GiB. */
#define ZONES_END MIN((uint64_t)ZONES_END_PAGE << PAGE_SHIFT, (uint64_t)LAST_PAGE)

static void add(uint64_t start, uint64_t end)
{
	if (start >= end)
		return;
	if (memblock_add(&memblock, start, end)) {
		memory_stats.waste.dropped += end - start;
		printk("memory: no room to note 0x%llx-0x%llx; it stays unused\n", start, end);
	}
}

static void add_available(uint64_t start, uint64_t end)
{
	add(start, MIN(end, (uint64_t)LEGACY_START));
	add(MAX(start, (uint64_t)LEGACY_END), MIN(end, ZONES_END));
}

/* Whole pages. The last one below 4 GiB is not used: the end of a range there would wrap. */
static void reserve(const char *what, phys_addr_t start, phys_addr_t end)
{
	phys_addr_t first = ALIGN_DOWN(start, PAGE_SIZE);
	phys_addr_t whole = end > LAST_PAGE ? LAST_PAGE : ALIGN_UP(end, PAGE_SIZE);

	if (start < end && first < whole && memblock_reserve(&memblock, first, whole))
		refuse_boot("no room to reserve %s at 0x%x (raise memblock.regions)", what, start);
}

static void reserve_modules(void)
{
	for (unsigned i = 0; i < modules_listed(); i++)
		reserve("a module", module_spans[i].start, module_spans[i].end);
}

/* First to the byte, then in whole pages, which can be used. */
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
	stats->waste.legacy = memmap_bytes(ranges, MEMORY_AVAILABLE, LEGACY_START, LEGACY_END);
	stats->waste.above_zones =
		memmap_bytes(ranges, MEMORY_AVAILABLE, ZONES_END, (uint64_t)LAST_PAGE);
	stats->waste.top_page = memmap_bytes(ranges, MEMORY_AVAILABLE, LAST_PAGE, four_gib);
}

/* Refuse a machine that is smaller than the description admits. */
static void refuse_too_little(phys_addr_t image_end)
{
	const struct memblock_table *memory = &memblock.memory;

	if (!memory->count && boot_info.map.dropped)
		refuse_boot("no usable memory in the %u map entries that fit (raise "
			    "memblock.map_entries)",
			    boot_info.map.count);
	if (!memory->count)
		refuse_boot("the loader reported no usable memory");
	/* The direct map ends where RAM does, so it would not contain the image. */
	if (memory->regions[memory->count - 1].end < image_end)
		refuse_boot("no usable memory above 0x%x, where the kernel's image ends (add RAM: "
			    "%u KiB are needed)",
			    image_end, RAM_MINIMUM_KIB);
	if (memblock_memory_bytes(&memblock) < RAM_LEAST)
		refuse_boot("%zu KiB of usable memory are less than a machine with %u KiB has (add "
			    "RAM)",
			    memblock_memory_bytes(&memblock) >> 10, RAM_MINIMUM_KIB);
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
	refuse_too_little(image_end);

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

phys_addr_t lowmem_end(phys_addr_t ram_end)
{
	return MIN(ram_end, (phys_addr_t)DIRECT_MAP_LIMIT);
}

/* Memory in the direct map; memory that is already mapped is tried first. */
static phys_addr_t take(size_t size, size_t align)
{
	phys_addr_t found = memblock_alloc(&memblock, size, align, boot_mapped_end());

	if (!found)
		found = memblock_alloc(&memblock, size, align, DIRECT_MAP_LIMIT);
	if (!found)
		refuse_boot(
			"no memory for page tables and metadata: %u KiB wanted in one piece below "
			"0x%x (add RAM there; %u KiB in all)",
			(unsigned)(ALIGN_UP(size, 1024) >> 10), DIRECT_MAP_LIMIT, RAM_MINIMUM_KIB);
	return found;
}

void *early_alloc(size_t size, size_t align)
{
	phys_addr_t found = take(size, align);

	for (phys_addr_t span = ALIGN_DOWN(found, TABLE_SPAN); span < found + size;
	     span += TABLE_SPAN) {
		if (!boot_is_mapped(span))
			boot_map(span, take(PAGE_SIZE, PAGE_SIZE));
	}
	return phys_to_virt(found);
}
