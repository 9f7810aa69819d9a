/*
 * Leaves memory in holes, and itself in use: every second page frame of 512 is given
 * back, and some of each tier stays allocated until the end.
 */
#include <kernel/main.h>
#include <kernel/meminfo.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

#define FRAMES 512

static phys_addr_t frames[FRAMES];

static void punch_holes(void)
{
	for (unsigned i = 0; i < FRAMES; i++)
		frames[i] = alloc_pages(ZONE_ANY, 0);
	for (unsigned i = 0; i < FRAMES; i += 2)
		free_pages(frames[i], 0);
}

static void use_every_tier(void)
{
	struct kmem_cache *cache = kmem_cache_create("holes", 200, 0, NULL);
	void *five;
	void *forty;

	for (unsigned i = 0; i < 100; i++) {
		kmalloc(40);
		kmalloc(3000);
	}
	for (unsigned i = 0; cache && i < 30; i++)
		kmem_cache_alloc(cache);
	kmalloc(100000);
	five = vmalloc(5 * PAGE_SIZE);
	forty = vmalloc(40 * PAGE_SIZE);
	vmalloc(7 * PAGE_SIZE);
	vfree(five);
	vfree(forty);
}

void kernel_main(void)
{
	punch_holes();
	use_every_tier();
	printk("now:\n");
	meminfo_print();
}
