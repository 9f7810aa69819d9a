/*
 * The kernel_main() of a kernel without sources of its own: it shows the allocators at
 * work. To write your own, start from a copy and list it in the description,
 * Kernel(sources=["hello.c"]). This file is left out then.
 */
#include <arch/paging.h>
#include <arch/tlb.h>
#include <kernel/main.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

static void show(const char *what, void *pointer)
{
	printk("  %-22s virtual %p  physical 0x%08x\n", what, pointer, slow_virt_to_phys(pointer));
}

static void show_pages(void)
{
	phys_addr_t page = alloc_pages(ZONE_ANY, 0);
	phys_addr_t block = alloc_pages(ZONE_DIRECT, 3);

	if (page)
		printk("  alloc_pages(ANY, 0)    physical 0x%08x\n", page);
	if (block)
		show("alloc_pages(DIRECT, 3)", phys_to_virt(block));
	if (block)
		free_pages(block, 3);
	if (page)
		free_pages(page, 0);
}

static void show_kmalloc(void)
{
	char *text = kmalloc(64);
	uint32_t *table = kcalloc(1000, sizeof(*table));
	char *aligned = kmalloc_aligned(100, 4096);
	struct kmalloc_stats stats;

	if (text && table && aligned) {
		snprintf(text, 64, "eight steps later");
		show("kmalloc(64)", text);
		show("kcalloc(1000, 4)", table);
		show("kmalloc_aligned(4096)", aligned);
		kmalloc_stats_read(&stats);
		printk("  the first holds \"%s\"; kmalloc has %u pages\n", text, stats.live_pages);
	}
	kfree(aligned);
	kfree(table);
	kfree(text);
}

void kernel_main(void)
{
	size_t before = free_page_count();
	unsigned long flushes = tlb_stats.flush_all + tlb_stats.flush_page;

	printk("allocate: %u pages are free\n", before);
	show_pages();
	show_kmalloc();
	kmalloc_shrink();
	printk("allocate: %u pages are free again, after %lu TLB flushes\n", free_page_count(),
	       tlb_stats.flush_all + tlb_stats.flush_page - flushes);
}
