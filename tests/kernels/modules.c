/*
 * Holds every module against its sum: sums them at the start, then takes all
 * memory that there is and fills it, and sums them once more at the very end.
 * An allocation over a module would change its sum.
 */
#include <arch/fixmap.h>
#include <kernel/boot_info.h>
#include <kernel/ktest.h>
#include <kernel/main.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

/* Adler-32 (RFC 1950, 8.2), page by page: the sums stay below 2^32. */
static uint32_t adler(phys_addr_t from, phys_addr_t to)
{
	static unsigned char page[PAGE_SIZE];
	uint32_t a = 1;
	uint32_t b = 0;

	while (from < to) {
		size_t part = MIN(to - from, (phys_addr_t)PAGE_SIZE);

		phys_read(from, page, part);
		for (size_t i = 0; i < part; i++) {
			a += page[i];
			b += a;
		}
		a %= 65521;
		b %= 65521;
		from += part;
	}
	return b << 16 | a;
}

static void print_sums(const char *when)
{
	for (unsigned i = 0; i < boot_info.module_count; i++)
		kgen_stat(adler(boot_info.modules[i].start, boot_info.modules[i].end),
			  "module.%u.%s", i, when);
}

/* Every available page is filled with a pattern, which would destroy a module there. */
static void fill_all_memory(void)
{
	void *blocks[16] = { NULL };
	size_t size = free_page_count() * PAGE_SIZE;

	for (unsigned i = 0; i < ARRAY_SIZE(blocks) && size > PAGE_SIZE;) {
		blocks[i] = kmalloc(size - sizeof(block_header_t));
		if (blocks[i])
			memset(blocks[i++], 0x5a, size - sizeof(block_header_t));
		size = MIN(size / 2, free_page_count() * PAGE_SIZE);
	}
	printk("filled: all but %u pages\n", free_page_count());
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		kfree(blocks[i]);
}

void kernel_main(void)
{
	kgen_stat(boot_info.module_count, "module.count");
	kgen_stat(boot_info.modules_dropped, "module.dropped");
	print_sums("first");
	fill_all_memory();
}

KTEST_FINAL(modules, are_summed_at_the_end)
{
	print_sums("last");
	KTEST_EXPECT_GE(test, boot_info.module_count, 0);
}
