/*
 * How large is the largest block when a given part of memory is free?
 *
 *   1. Allocate all memory as single pages; remember them in a table.
 *   2. Shuffle the table (Fisher-Yates).
 *   3. Free one eighth after the other. After each, note which share of the free
 *      memory lies in blocks of 4 pages or more.
 *
 * Freed in random order, pages lie scattered. When a share p of them is free, a free
 * page has three free neighbours with probability p^3: with half of the memory free
 * only an eighth of it is in blocks of four. At the end all has merged again.
 */
#include <kernel/boot_info.h>
#include <kernel/main.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

#define EIGHTHS 8
#define LARGE_ORDER 2 /* 4 pages, 16 KiB */

/* xorshift32 (Marsaglia 2003): a period of 2^32 - 1 from any seed but 0. */
static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % limit;
}

static void read_seed(void)
{
	char text[12];
	uint32_t seed = 0;

	if (!boot_option("seed", text, sizeof(text)))
		return;
	for (const char *digit = text; *digit >= '0' && *digit <= '9'; digit++)
		seed = seed * 10 + (uint32_t)(*digit - '0');
	if (seed)
		random_state = seed;
}

static void shuffle(phys_addr_t *pages, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t other = random_below(i);
		phys_addr_t page = pages[i - 1];

		pages[i - 1] = pages[other];
		pages[other] = page;
	}
}

/* Percent of the free pages that lie in blocks of LARGE_ORDER and above. */
static unsigned long share_in_large_blocks(void)
{
	struct free_profile profile;
	size_t large = 0;

	free_profile_read(&profile);
	for (unsigned order = LARGE_ORDER; order <= MAX_ORDER; order++)
		large += profile.blocks[ZONE_ALL][order] << order;
	return large * 100 / free_page_count();
}

static size_t initial_blocks(void)
{
	struct free_profile profile;
	size_t blocks = 0;

	free_profile_read(&profile);
	for (unsigned order = 0; order <= MAX_ORDER; order++)
		blocks += profile.blocks[ZONE_ALL][order];
	return blocks;
}

void kernel_main(void)
{
	size_t count = 0;
	size_t freed = 0;
	phys_addr_t *pages;

	read_seed();
	kgen_stat(initial_blocks(), "class.initial_blocks");
	pages = kmalloc(free_page_count() * sizeof(*pages));
	BUG_ON(!pages);
	while ((pages[count] = alloc_pages(ZONE_ALL, 0)))
		count++;
	shuffle(pages, count);

	for (unsigned eighth = 1; eighth <= EIGHTHS; eighth++) {
		for (; freed < count * eighth / EIGHTHS; freed++)
			free_pages(pages[freed], 0);
		printk("classroom: %u/8 freed, %3lu%% of it in blocks of 16 KiB or more\n", eighth,
		       share_in_large_blocks());
		kgen_stat(share_in_large_blocks(), "class.large_percent.%u", eighth);
	}
	kfree(pages);
	BUG_ON(pages_check());
}
