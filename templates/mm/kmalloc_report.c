/* The report of kmalloc, all tiers together. */
#include <kernel/printk.h>
#include <mm/kmalloc.h>
#include <mm/report.h>

void kmalloc_report(void)
{
	struct kmalloc_stats stats;

	kmalloc_stats_read(&stats);
	kgen_stat(stats.allocs, "kmalloc.allocs");
	kgen_stat(stats.frees, "kmalloc.frees");
	kgen_stat(stats.failures, "kmalloc.failures");
	kgen_stat(stats.live_pages, "kmalloc.pages");
	kgen_stat(stats.peak_pages, "kmalloc.peak_pages");
}

void kmalloc_print(void)
{
	struct kmalloc_stats stats;

	kmalloc_stats_read(&stats);
	printk("kmalloc: %lu allocated, %lu freed, %lu failed; %zu pages, %zu at most\n",
	       stats.allocs, stats.frees, stats.failures, stats.live_pages, stats.peak_pages);
}
