/* The report of the arena and its mappings, read from the arena's page-table entries. */
#include <kernel/printk.h>
#include <mm/kspace.h>
#include <mm/report.h>
#include <mm/vm_state.h>
#include <mm/vmalloc.h>

struct arena_use arena_use(void)
{
	const uint32_t *entries = vm.entries;
	struct arena_use use = { 0 };
	size_t run = 0;

	for (size_t page = 0; page < paging_stats.arena_pages; page++) {
		uint32_t entry = entries[page];

		run = entry ? 0 : run + 1;
		use.largest_free = MAX(use.largest_free, run);
		if (!entry)
			use.free++;
		else if (entry_is_mapped(entry))
			use.mapped++;
		else if (entry & ENTRY_SPARE)
			use.spare++;
		else if (entry_is_stale(entry))
			use.waiting++;
		else
			use.guard++;
	}
	return use;
}

void arena_report(void)
{
	struct arena_use use = arena_use();

	kgen_stat(use.mapped, "arena.mapped");
	kgen_stat(use.guard, "arena.guard");
	kgen_stat(use.waiting, "arena.waiting");
	kgen_stat(use.spare, "arena.spare");
	kgen_stat(use.free, "arena.free");
	kgen_stat(use.largest_free, "arena.largest_free");
}

void arena_print(void)
{
	struct arena_use use = arena_use();

	printk("arena: %zu pages mapped, %zu guards, %zu waiting, %zu spare\n", use.mapped,
	       use.guard, use.waiting, use.spare);
	printk("  %zu pages free, %zu in one run; at most %zu mapped, %zu waiting\n", use.free,
	       use.largest_free, vmalloc_stats.peak_pages, vmalloc_stats.peak_lazy_pages);
}

void vmalloc_report(void)
{
	kgen_stat(vmalloc_stats.maps, "vmalloc.maps");
	kgen_stat(vmalloc_stats.unmaps, "vmalloc.unmaps");
	kgen_stat(vmalloc_stats.failures, "vmalloc.failures");
	kgen_stat(vmalloc_stats.flushes, "vmalloc.flushes");
	kgen_stat(vmalloc_stats.peak_pages, "vmalloc.peak_pages");
	kgen_stat(vmalloc_stats.peak_lazy_pages, "vmalloc.peak_lazy_pages");
}
