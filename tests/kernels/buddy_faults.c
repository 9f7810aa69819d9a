/* What the buddy notices: pages given back that nobody has, or not so. */
#include "faults.h"

#include <generated/layout.h>
#include <mm/page.h>

static void free_wrong_order(void)
{
	free_pages(alloc_pages(ZONE_DIRECT, 2), 1);
}

static void free_pages_twice(void)
{
	phys_addr_t block = alloc_pages(ZONE_DIRECT, 2);

	free_pages(block, 2);
	free_pages(block, 2);
}

static void free_page_twice(void)
{
	phys_addr_t page = alloc_pages(ZONE_ANY, 0);

	free_pages(page, 0);
	free_pages(page, 0);
}

static void free_inside_block(void)
{
	free_pages(alloc_pages(ZONE_DIRECT, 2) + PAGE_SIZE, 0);
}

static void free_image(void)
{
	free_pages(KERNEL_LOAD, 0);
}

static void free_nowhere(void)
{
	free_pages(0xfffff000, 0);
}

static void free_unaligned_page(void)
{
	free_pages(alloc_pages(ZONE_DIRECT, 0) + 8, 0);
}

const struct trip buddy_trips[] = {
	{ "free_wrong_order", free_wrong_order },
	{ "free_pages_twice", free_pages_twice },
	{ "free_page_twice", free_page_twice },
	{ "free_inside_block", free_inside_block },
	{ "free_image", free_image },
	{ "free_nowhere", free_nowhere },
	{ "free_unaligned_page", free_unaligned_page },
	{ NULL, NULL },
};
