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

struct memblock memblock;
struct memory_stats memory_stats;

#define LAST_PAGE 0xfffff000u

static void add_available(uint64_t start, uint64_t end)
{
	uint64_t below = MIN(end, (uint64_t)LAST_PAGE);

	if (end > 1ull << 32)
		memory_stats.above_4g += end - MAX(start, 1ull << 32);
	if (start >= below)
		return;
	memory_stats.available += below - start;
	if (memblock_add(&memblock, start, below))
		printk("memory: no room to note 0x%llx-0x%llx; it stays unused\n", start, below);
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
		memory_stats.boot_modules += module->end - module->start;
	}
}

phys_addr_t memory_init(void)
{
	static struct memmap_ranges ranges; /* too large for the stack */

	memmap_normalise(&boot_info.map, &ranges);
	memblock_init(&memblock);
	for (unsigned i = 0; i < ranges.count; i++) {
		const struct memmap_range *range = &ranges.ranges[i];

		if (range->type == MEMORY_AVAILABLE)
			add_available(range->start, range->end);
	}
	if (!memblock.memory.count)
		refuse_boot("the loader reported no usable memory");
	reserve("the image", VIRT_TO_PHYS((uintptr_t)_kernel_start), VIRT_TO_PHYS((uintptr_t)_end));
	reserve_modules();
	return memblock.memory.regions[memblock.memory.count - 1].end;
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
