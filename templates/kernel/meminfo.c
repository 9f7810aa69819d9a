/*
 * How memory is used: what the allocators count, and what can be seen by looking.
 *
 * Counting costs instructions on paths that are taken often, so the allocators count
 * little. The rest is found out when somebody asks, by walking what they keep anyway:
 * the arena's page-table entries, the heap's lists of free blocks, the free blocks of
 * each order. That takes as long as there is to walk.
 *
 * Each subsystem reports of itself (mm/report.h); here the parts are put in order.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/tlb.h>
#include <kernel/cmdline.h>
#include <kernel/fail.h>
#include <kernel/meminfo.h>
#include <kernel/printk.h>
#include <mm/kdebug.h>
#include <mm/kmalloc.h>
#include <mm/report.h>

/* What is in use, but for the zones. */
static void print_use(void)
{
	kmem_print();
	heap_print();
	kmalloc_print();
	arena_print();
}

void meminfo_print(void)
{
	struct free_profile now;

	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			now.blocks[i][order] = zones[i].buddy.free_count[order];
	}
	print_use();
	pages_print(&now);
	printk("free page frames, those of the hot list included: %zu\n", free_page_count());
}

void meminfo_report(const struct free_profile *initial)
{
	bool table = boot_word("stats");
	struct free_profile now;

	kmalloc_print_leaks();
	kmem_report();
	heap_report();
	arena_report();
	kmalloc_report();
	if (table)
		print_use();
	kmalloc_shrink(); /* what is merely kept is part of no zone's profile */
	free_profile_read(&now);
	pages_report(initial, &now);
	vmalloc_report();
	tlb_report();
	fail_report();
	if (table)
		pages_print(&now);
}
