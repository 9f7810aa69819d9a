/*
 * The report of the zones.
 *
 * Fragmentation of a zone, for a request of order k, is the part of its free memory
 * that is in blocks too small for it (Gorman and Whitcroft, "The what, the why and the
 * where to of anti-fragmentation", OLS 2006; Linux shows it as unusable_index):
 *
 *                      free pages - pages in free blocks of order k and more
 *     unusable(k) =    ------------------------------------------------------
 *                                          free pages
 */
#include <kernel/printk.h>
#include <mm/page.h>
#include <mm/report.h>

void zones_report(void)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		const buddy_t *b = &zones[i].buddy;

		if (b->pages)
			printk("buddy: zone %s from 0x%x, %u pages, %u free\n", zones[i].name,
			       b->base, b->pages, buddy_free_pages(b));
		else
			printk("buddy: zone %s from 0x%x: no memory there\n", zones[i].name,
			       b->base);
		kgen_stat(buddy_free_pages(b), "buddy.%s.free_pages", zones[i].name);
	}
}

static size_t pages_in(const size_t blocks[MAX_ORDER + 1], unsigned order)
{
	size_t pages = 0;

	for (; order <= MAX_ORDER; order++)
		pages += blocks[order] << order;
	return pages;
}

unsigned unusable_index(const size_t blocks[MAX_ORDER + 1], unsigned order)
{
	size_t free = pages_in(blocks, 0);

	/* 2^20 pages at most: the product fits into 32 bits. */
	return free ? (free - pages_in(blocks, order)) * 1000 / free : 1000;
}

/* --- for programs ------------------------------------------------------------------ */

static void report_profile(const char *when, const struct free_profile *profile)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			kgen_stat(profile->blocks[i][order], "page.%s.%s.o%u", when, zones[i].name,
				  order);
	}
}

static void report_unusable(const struct free_profile *profile)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER && zones[i].buddy.pages; order++)
			kgen_stat(unusable_index(profile->blocks[i], order), "page.unusable.%s.o%u",
				  zones[i].name, order);
	}
}

void pages_report(const struct free_profile *initial, const struct free_profile *now)
{
	report_profile("init", initial);
	report_profile("end", now);
	report_unusable(now);
	kgen_stat(page_stats.failures, "page.failures");
	kgen_stat(page_stats.refills, "page.hot.refills");
	kgen_stat(page_stats.drains, "page.hot.drains");
}

/* --- for people ------------------------------------------------------------------- */

#define ORDERS_IN_A_ROW 11 /* 76 columns */

/* A row of a zone's table: the orders from `from` to before `to`. */
static void print_orders(const size_t blocks[MAX_ORDER + 1], unsigned from, unsigned to)
{
	printk("  order   ");
	for (unsigned order = from; order < to; order++)
		printk("%6u", order);
	printk("\n  blocks  ");
	for (unsigned order = from; order < to; order++)
		printk("%6zu", blocks[order]);
	printk("\n  unusable");
	for (unsigned order = from; order < to; order++)
		printk("%5u%%", unusable_index(blocks, order) / 10);
	printk("\n");
}

void pages_print(const struct free_profile *now)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		const size_t *blocks = now->blocks[i];

		if (!zones[i].buddy.pages)
			continue;
		printk("zone %s: %zu pages, %zu in free blocks\n", zones[i].name,
		       (size_t)zones[i].buddy.pages, pages_in(blocks, 0));
		for (unsigned from = 0; from <= MAX_ORDER; from += ORDERS_IN_A_ROW)
			print_orders(blocks, from, MIN(from + ORDERS_IN_A_ROW, MAX_ORDER + 1));
	}
	printk("requests for pages that failed: %lu\n", page_stats.failures);
}
