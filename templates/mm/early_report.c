/* Reports on memory before the buddies: the loader's map, memblock, the account. */
#include <arch/paging.h>
#include <arch/sections.h>
#include <kernel/boot_info.h>
#include <kernel/cmdline.h>
#include <kernel/printk.h>
#include <mm/early.h>
#include <mm/report.h>

static void report_map(const struct memmap *map)
{
	for (unsigned i = 0; i < map->count; i++) {
		const struct memmap_entry *entry = &map->entries[i];

		printk("  0x%08llx + 0x%08llx %s\n", entry->base, entry->length,
		       memmap_type_name(entry->type));
		kgen_line("mmap base=0x%llx len=0x%llx type=%u", entry->base, entry->length,
			  entry->type);
	}
	if (map->dropped)
		printk("multiboot: %u map entries did not fit (raise memblock.map_entries)\n",
		       map->dropped);
}

void boot_info_report(void)
{
	printk("multiboot: flags=0x%x, %u map entries%s, %u modules, command line \"%s\"\n",
	       boot_info.flags, boot_info.map.count,
	       boot_info.map_made ? " made from mem_upper" : "", boot_info.module_count, cmdline);
	report_map(&boot_info.map);
	for (unsigned i = 0; i < modules_listed(); i++)
		kgen_line("module start=0x%x end=0x%x msg=\"%s\"", module_spans[i].start,
			  module_spans[i].end,
			  i < boot_info.module_count ? boot_info.modules[i].name : "");
	if (boot_info.modules_dropped)
		printk("multiboot: %u modules not kept (raise memblock.modules)\n",
		       boot_info.modules_dropped);
}

/* Print a reserved region and its contents: adjacent reservations were joined. */
static void report_reserved(const struct memblock_region *region)
{
	phys_addr_t image = VIRT_TO_PHYS((uintptr_t)_kernel_start);

	printk("memblock: reserved 0x%08x-0x%08x", region->start, region->end - 1);
	if (!region->start)
		printk(" page 0");
	if (image >= region->start && image < region->end)
		printk(" image");
	for (unsigned i = 0; i < modules_listed(); i++) {
		const struct module_span *module = &module_spans[i];

		if (module->start >= region->start && module->end <= region->end)
			printk(" module %u", i);
	}
	printk("\n");
}

void memblock_regions_report(void)
{
	for (unsigned i = 0; i < memblock.memory.count; i++)
		printk("memblock: memory   0x%08x-0x%08x\n", memblock.memory.regions[i].start,
		       memblock.memory.regions[i].end - 1);
	for (unsigned i = 0; i < memblock.reserved.count; i++)
		report_reserved(&memblock.reserved.regions[i]);
}

void memblock_report(void)
{
	printk("memblock: %u KiB handed out for page tables and metadata, the last below 0x%08x\n",
	       memblock.allocated >> 10, memblock.cursor);
	kgen_stat(memblock.allocated, "memblock.allocated");
}

void memory_report(void)
{
	const struct memory_stats *stats = &memory_stats;

	kgen_stat(stats->available, "mem.available");
	kgen_stat(stats->kernel, "mem.kernel");
	kgen_stat(stats->modules, "mem.modules");
	kgen_stat(stats->early, "mem.early");
	kgen_stat(stats->free, "mem.free");
	kgen_stat(stats->waste.above_4g, "mem.waste.above_4g");
	kgen_stat(stats->waste.above_zones, "mem.waste.above_zones");
	kgen_stat(stats->waste.legacy, "mem.waste.legacy");
	kgen_stat(stats->waste.rounding, "mem.waste.rounding");
	kgen_stat(stats->waste.top_page, "mem.waste.top_page");
	kgen_stat(stats->waste.page0, "mem.waste.page0");
	kgen_stat(stats->waste.dropped, "mem.waste.dropped");
	kgen_stat(stats->waste.partial, "mem.waste.partial");
}
