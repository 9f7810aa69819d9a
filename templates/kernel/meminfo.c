/*
 * How memory is used: what the allocators count, and what can be seen by looking.
 *
 * Counting costs instructions on paths that are taken often, so the allocators count
 * little. The rest is found out here, by walking what they keep anyway: the arena's
 * page-table entries, the heap's lists of free blocks, the free blocks of each order.
 * That takes as long as there is to walk, and is done only when somebody asks.
 *
 * Fragmentation of a zone, for a request of order k, is the part of its free memory
 * that is in blocks too small for it (Gorman and Whitcroft, "The what, the why and the
 * where to of anti-fragmentation", OLS 2006; Linux shows it as unusable_index):
 *
 *                      free pages - pages in free blocks of order k and more
 *     unusable(k) =    ------------------------------------------------------
 *                                          free pages
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/arena_table.h>
#include <arch/paging.h>
#include <arch/tlb.h>
#include <generated/config.h>
#include <kernel/cmdline.h>
#include <kernel/meminfo.h>
#include <kernel/printk.h>
//% if debug.fail
#include <kernel/fail.h>
//% endif
//% if debug.leaks
#include <mm/kdebug.h>
//% endif
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/slab.h>
#include <mm/vm_state.h>
#include <mm/vmalloc.h>

/* --- looking --------------------------------------------------------------------- */

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

void arena_use_read(struct arena_use *use)
{
	const uint32_t *entries = vm.entries;
	size_t run = 0;

	*use = (struct arena_use){ 0 };
	for (size_t page = 0; page < paging_stats.arena_pages; page++) {
		uint32_t entry = entries[page];

		run = entry ? 0 : run + 1;
		use->largest_free = MAX(use->largest_free, run);
		if (!entry)
			use->free++;
		else if (entry_is_mapped(entry))
			use->mapped++;
		else if (entry & ENTRY_SPARE)
			use->spare++;
		else if (entry_is_stale(entry))
			use->waiting++;
		else
			use->guard++;
	}
}

void heap_use_read(struct heap_use *use)
{
	*use = (struct heap_use){
		.chunks = kheap.chunk_count,
		.blocks = kheap.allocs - kheap.frees,
		.bytes = kheap.chunk_count * KHEAP_CHUNK,
	};
	for (unsigned i = 0; i < KHEAP_LISTS; i++) {
		const struct kheap_block *block = kheap.lists[i];

		for (; block; block = block->next) {
			size_t bytes = (block->tag & ~KHEAP_FREE) * KHEAP_GRANULE;

			use->free += bytes;
			use->largest_free = MAX(use->largest_free, bytes);
		}
	}
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

static void print_zones(const struct free_profile *profile)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		const size_t *blocks = profile->blocks[i];

		if (!zones[i].buddy.pages)
			continue;
		printk("zone %s: %zu pages, %zu in free blocks\n", zones[i].name,
		       (size_t)zones[i].buddy.pages, pages_in(blocks, 0));
		for (unsigned from = 0; from <= MAX_ORDER; from += ORDERS_IN_A_ROW)
			print_orders(blocks, from, MIN(from + ORDERS_IN_A_ROW, MAX_ORDER + 1));
	}
	printk("requests for pages that failed: %lu\n", page_stats.failures);
}

/* Bytes of live objects in a hundred bytes of slabs; 0 without slabs. */
static unsigned percent_filled(const struct kmem_cache *cache)
{
	uint64_t bytes = (uint64_t)slab_objects(cache) * cache->size;

	return cache->slabs ? bytes * 100 / (cache->slabs * SLAB_SIZE) : 0;
}

static void print_caches(void)
{
	printk("%-20s%8s%9s%9s%9s%9s%9s\n", "cache", "bytes", "in slab", "objects", "slabs",
	       "at most", "filled");
	for (const struct kmem_cache *cache = kmem_caches(); cache; cache = cache->next) {
		if (cache->allocs)
			printk("%-20s%8zu%9zu%9zu%9zu%9zu%8u%%\n", cache->name, cache->size,
			       cache->slots, slab_objects(cache), cache->slabs, cache->peak,
			       percent_filled(cache));
	}
}

static void print_others(const struct kmalloc_stats *kmalloc)
{
	struct arena_use arena;
	struct heap_use heap;

	heap_use_read(&heap);
	arena_use_read(&arena);
	printk("heap: %zu chunks, %zu at most; %zu blocks; %zu bytes free, %zu in one block\n",
	       heap.chunks, kheap.chunk_peak, heap.blocks, heap.free, heap.largest_free);
	printk("kmalloc: %lu allocated, %lu freed, %lu failed; %zu pages, %zu at most\n",
	       kmalloc->allocs, kmalloc->frees, kmalloc->failures, kmalloc->live_pages,
	       kmalloc->peak_pages);
	printk("arena: %zu pages mapped, %zu guards, %zu waiting, %zu spare\n", arena.mapped,
	       arena.guard, arena.waiting, arena.spare);
	printk("  %zu pages free, %zu in one run; at most %zu mapped, %zu waiting\n", arena.free,
	       arena.largest_free, vmalloc_stats.peak_pages, vmalloc_stats.peak_lazy_pages);
}

void meminfo_print(void)
{
	struct kmalloc_stats kmalloc;
	struct free_profile now;

	kmalloc_stats_read(&kmalloc);
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			now.blocks[i][order] = zones[i].buddy.free_count[order];
	}
	print_caches();
	print_others(&kmalloc);
	print_zones(&now);
	printk("free page frames, those of the hot list included: %zu\n", free_page_count());
}

/* --- for programs ------------------------------------------------------------------ */

static void stat_caches(void)
{
	for (const struct kmem_cache *cache = kmem_caches(); cache; cache = cache->next) {
		if (!cache->allocs)
			continue;
		kgen_stat(cache->allocs, "slab.%s.allocs", cache->name);
		kgen_stat(slab_objects(cache), "slab.%s.objects", cache->name);
		kgen_stat(cache->size, "slab.%s.bytes", cache->name);
		kgen_stat(cache->slots, "slab.%s.slots", cache->name);
		kgen_stat(cache->slabs, "slab.%s.slabs", cache->name);
		kgen_stat(cache->peak, "slab.%s.peak_slabs", cache->name);
	}
}

static void stat_heap(void)
{
	struct heap_use heap;

	heap_use_read(&heap);
	kgen_stat(heap.chunks, "heap.chunks");
	kgen_stat(kheap.chunk_peak, "heap.peak_chunks");
	kgen_stat(heap.blocks, "heap.blocks");
	kgen_stat(heap.bytes, "heap.bytes");
	kgen_stat(heap.free, "heap.free");
	kgen_stat(heap.largest_free, "heap.largest_free");
}

static void stat_arena(void)
{
	struct arena_use arena;

	arena_use_read(&arena);
	kgen_stat(arena.mapped, "arena.mapped");
	kgen_stat(arena.guard, "arena.guard");
	kgen_stat(arena.waiting, "arena.waiting");
	kgen_stat(arena.spare, "arena.spare");
	kgen_stat(arena.free, "arena.free");
	kgen_stat(arena.largest_free, "arena.largest_free");
}

static void stat_unusable(const struct free_profile *profile)
{
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER && zones[i].buddy.pages; order++)
			kgen_stat(unusable_index(profile->blocks[i], order), "page.unusable.%s.o%u",
				  zones[i].name, order);
	}
}

static void stat_counters(const struct kmalloc_stats *kmalloc)
{
	kgen_stat(page_stats.failures, "page.failures");
	kgen_stat(page_stats.refills, "page.hot.refills");
	kgen_stat(page_stats.drains, "page.hot.drains");
	kgen_stat(kmalloc->allocs, "kmalloc.allocs");
	kgen_stat(kmalloc->frees, "kmalloc.frees");
	kgen_stat(kmalloc->failures, "kmalloc.failures");
	kgen_stat(kmem_failures, "slab.failures");
	kgen_stat(kmalloc->live_pages, "kmalloc.pages");
	kgen_stat(kmalloc->peak_pages, "kmalloc.peak_pages");
	kgen_stat(vmalloc_stats.maps, "vmalloc.maps");
	kgen_stat(vmalloc_stats.unmaps, "vmalloc.unmaps");
	kgen_stat(vmalloc_stats.failures, "vmalloc.failures");
	kgen_stat(vmalloc_stats.flushes, "vmalloc.flushes");
	kgen_stat(vmalloc_stats.peak_pages, "vmalloc.peak_pages");
	kgen_stat(vmalloc_stats.peak_lazy_pages, "vmalloc.peak_lazy_pages");
	kgen_stat(tlb_stats.flush_page, "tlb.flush_page");
	kgen_stat(tlb_stats.flush_all, "tlb.flush_all");
	//% if debug.fail
	kgen_stat(fail_counts.requests, "fail.requests");
	kgen_stat(fail_counts.injected, "fail.injected");
	//% endif
}

void meminfo_report(const struct free_profile *initial)
{
	bool table = boot_word("stats");
	struct kmalloc_stats kmalloc;
	struct free_profile now;

	//% if debug.leaks
	kmalloc_print_leaks();
	//% endif
	kmalloc_stats_read(&kmalloc);
	stat_caches();
	stat_heap();
	stat_arena();
	if (table) {
		print_caches();
		print_others(&kmalloc);
	}
	kmalloc_shrink();
	free_profile_read(&now);
	page_print_profile("init", initial);
	page_print_profile("end", &now);
	stat_unusable(&now);
	stat_counters(&kmalloc);
	if (table)
		print_zones(&now);
}
