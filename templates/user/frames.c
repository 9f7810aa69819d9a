/*
 * Frames that programs own, and the page tables that map them.
 *
 * A count for each page frame of the machine says how many entries have it: fork adds one, and
 * whoever drops an entry takes one away. The last one frees the frame. So a page that is
 * shared until somebody writes to it needs no list of who shares it. The same array counts what a page
 * table has, so that one without entries is noticed at once.
 *
 * An empty page table is a page of zeros, and so is what a directory has below the kernel. A few of
 * either are kept, as clearing a page costs more than all the rest of a fork's table. They are
 * given back when memory runs out (mm/reclaim.h).
 *
 * Programs never get the last frames: the kernel needs some to end those who ask for more. To count
 * all free frames each time would cost more than to take one, so it is done once for
 * FRAME_BATCH of them:
 *
 *     free   |....... reserve .......|.... budget ....|........ rest ........|
 *
 * Invariants, verified by spaces_check() (user/space_check.c): a count is the number of entries that
 * have the frame; tables at hand are zero.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/mmu.h>
#include <kernel/string.h>
#include <mm/kspace.h>
#include <mm/page.h>
#include <mm/reclaim.h>
#include <mm/vmalloc.h>
#include <user/errno.h>
#include <user/frames.h>

#define FRAME_BATCH 64
#define TABLES_KEPT 16
#define DIRECTORIES_KEPT 4

/* The kernel's reserve: one frame in so many, within bounds. */
#define RESERVE_SHARE 64
#define RESERVE_LEAST 16
#define RESERVE_MOST 256

#define TABLES_SHARE 16 /* one frame in so many is set aside for page tables */

uint16_t *frame_counts;
size_t frame_limit;
phys_addr_t zero_frame;
struct frame_stats frame_stats;
uint32_t frame_budget;

/* --- the reserve ------------------------------------------------------------------ */

static bool renew(void)
{
	size_t free = free_page_count();

	if (free <= frame_stats.reserve)
		return false;
	frame_budget = MIN(free - frame_stats.reserve, (size_t)FRAME_BATCH);
	return true;
}

COLD bool frame_budget_renew(void)
{
	bool renewed = renew();

	for (unsigned step = 0; !renewed && reclaim(&step);)
		renewed = renew();
	return renewed;
}

/* --- tables ----------------------------------------------------------------------- */

struct stock {
	uint32_t count;
	uint32_t *pages[TABLES_KEPT];
};

static struct stock tables, directories;

static uint32_t *take(struct stock *stock)
{
	frame_stats.kept--;
	frame_stats.tables++;
	return stock->pages[--stock->count];
}

/* A page for a table; what it holds is not defined. */
static uint32_t *table_page(void)
{
	phys_addr_t frame;

	if (!frame_budget && !frame_budget_renew())
		return NULL;
	frame = alloc_pages(ZONE_DIRECT, 0);
	if (!frame)
		return NULL;
	frame_budget--;
	frame_stats.tables++;
	frame_counts[FRAME_NUMBER(frame)] = 0;
	return phys_to_virt(frame);
}

/* Keep a page for later, or free it. */
static void put(struct stock *stock, uint32_t most, uint32_t *page)
{
	frame_stats.tables--;
	if (stock->count < most) {
		stock->pages[stock->count++] = page;
		frame_stats.kept++;
	} else {
		free_pages(VIRT_TO_PHYS((uintptr_t)page), 0);
	}
}

uint32_t *table_alloc(void)
{
	uint32_t *table;

	if (likely(tables.count))
		return take(&tables);
	table = table_page();
	if (table)
		clear_page(table);
	return table;
}

void table_free(uint32_t *table)
{
	put(&tables, TABLES_KEPT, table);
}

uint32_t *directory_alloc(void)
{
	uint32_t *directory;

	if (likely(directories.count))
		return take(&directories);
	directory = table_page();
	if (!directory)
		return NULL;
	memset(directory, 0, KERNEL_PDE * sizeof(*directory));
	memcpy(directory + KERNEL_PDE, kernel_directory() + KERNEL_PDE,
	       (TABLE_ENTRIES - KERNEL_PDE) * sizeof(*directory));
	return directory;
}

void directory_free(uint32_t *directory)
{
	put(&directories, DIRECTORIES_KEPT, directory);
}

static size_t empty(struct stock *stock)
{
	size_t count = stock->count;

	while (stock->count)
		free_pages(VIRT_TO_PHYS((uintptr_t)stock->pages[--stock->count]), 0);
	frame_stats.kept -= count;
	return count;
}

static size_t shrink_tables(void)
{
	return empty(&tables) + empty(&directories);
}

uint32_t frames_for_programs(void)
{
	size_t free = free_page_count();

	free -= MIN(free, (size_t)frame_stats.reserve);
	return free - free / TABLES_SHARE;
}

/* --- all of it -------------------------------------------------------------------- */

int32_t frames_init(void)
{
	size_t free = free_page_count();

	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		if (zones[i].buddy.managed)
			frame_limit =
				zones[i].buddy.base / PAGE_SIZE + zones[i].buddy.size / PAGE_SIZE;
	}
	frame_counts = vzalloc(frame_limit * sizeof(*frame_counts));
	zero_frame = alloc_pages(ZONE_DIRECT, 0);
	if (!frame_counts || !zero_frame) {
		frames_exit();
		return -ENOMEM;
	}
	clear_page(phys_to_virt(zero_frame));
	memset(&frame_stats, 0, sizeof(frame_stats));
	frame_stats.reserve =
		MIN(MAX(free / RESERVE_SHARE, (size_t)RESERVE_LEAST), (size_t)RESERVE_MOST);
	frame_budget = 0;
	reclaim_register(RECLAIM_TABLES, shrink_tables);
	return 0;
}

void frames_exit(void)
{
	reclaim_register(RECLAIM_TABLES, NULL);
	shrink_tables();
	vfree(frame_counts);
	frame_counts = NULL;
	if (zero_frame)
		free_pages(zero_frame, 0);
	zero_frame = PHYS_NONE;
}
