/*
 * The use of memory: counters of the allocators, and figures that are found by walking
 * their data.
 *
 * Counting costs instructions on frequent paths, so the allocators count little. All
 * other figures are computed on demand, by walking data that exists anyway: the arena's
 * page-table entries, the heap's lists of free blocks, the free blocks of each order. The
 * time is proportional to the size of that data.
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

/* Print the use of all subsystems but the zones. */
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
	kmalloc_shrink(); /* memory that is merely kept must not count in the zones' profiles */
	free_profile_read(&now);
	pages_report(initial, &now);
	vmalloc_report();
	tlb_report();
	fail_report();
	if (table)
		pages_print(&now);
}
