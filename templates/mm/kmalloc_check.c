/*
 * kmalloc's rare side: what is wrong with a pointer, what lies where, what was
 * counted, what to do when memory runs out, and whether all is well.
 *
 * Whose a pointer is, is asked from the outside in: the page map (mm/page.h) knows
 * which blocks of pages are allocated and how large they are, so a slab's or a
 * chunk's header is believed only where a block of that order begins. Nothing here
 * follows a pointer that was not checked before.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/fault.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/kmem.h>
#include <mm/large.h>
#include <mm/page.h>
#include <mm/tiers.h>
#include <mm/vmalloc.h>

struct kmalloc_counts kmalloc_counts;

void kmalloc_account(long pages)
{
	kmalloc_counts.live_pages += pages;
	kmalloc_counts.peak_pages = MAX(kmalloc_counts.peak_pages, kmalloc_counts.live_pages);
}

size_t tiers_shrink(void)
{
	size_t before = free_page_count();
	size_t frames;

	vm_purge();
	frames = free_page_count() - before;
	return frames + kmem_shrink() + kheap_shrink();
}

/* --- running out ------------------------------------------------------------------- */

/* What was free when there was not enough, for people. */
static void print_shortage(size_t size)
{
	printk("kmalloc(%u): no memory, failure %lu; free blocks from order 0 on:", size,
	       kmalloc_counts.failures);
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		printk(" %s", zones[i].name);
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			printk("%c%u", order ? ',' : ' ', zones[i].buddy.free_count[order]);
	}
	printk("\n");
}

void *out_of_memory(size_t size)
{
	unsigned long failures = ++kmalloc_counts.failures;

	/*
	 * One line at first, and whenever the number of failures has doubled; none for
	 * a size that no machine could satisfy.
	 */
	if (!(failures & (failures - 1)) && size < ARENA_SIZE)
		print_shortage(size);
	return NULL;
}

/* --- pointers ---------------------------------------------------------------------- */

static bool in_slab(const void *pointer)
{
	return kblock_is(pointer, SLAB_ORDER) && slab_of(pointer)->magic == SLAB_MAGIC;
}

enum tier tier_of(const void *pointer)
{
	if (in_slab(pointer))
		return TIER_SLAB;
	return large_owns(pointer) ? TIER_PAGES : TIER_HEAP;
}

//% if kmalloc.classes
static const char *small_fault(const void *pointer)
{
	const struct kmem_cache *cache = slab_of(pointer)->cache;
	enum slab_error error;

	if (!is_class(cache))
		return "it belongs to a cache: use kmem_cache_free()";
	error = slab_fault(cache, pointer);
	if (error)
		return slab_strerror(error);
	//% if kmalloc.header
	if (header_of(pointer)->magic != kmalloc_magic(pointer, header_of(pointer)->size))
		return "its header does not have the magic: overwritten, or not a start";
	if (header_of(pointer)->size - 1 >= cache->size)
		return "its header has a size that its slot does not: overwritten?";
	//% endif
	return NULL;
}

//% endif
const char *tier_fault(const void *pointer)
{
	enum kheap_error error = KHEAP_ERR_NOT_HEAP;

	if (!IS_ALIGNED((uintptr_t)pointer, KMALLOC_ALIGNMENT))
		return "not the start of an allocation";
	if (in_slab(pointer))
		//% if kmalloc.classes
		return small_fault(pointer);
	//% else
	return "it belongs to a cache: use kmem_cache_free()";
	//% endif
	if (kblock_is(pointer, KHEAP_ORDER))
		error = kheap_fault(pointer);
	if (error != KHEAP_ERR_NOT_HEAP)
		return error ? kheap_strerror(error) : NULL;
	return large_owns(pointer) ? large_fault(pointer) : "not an address of kmalloc's";
}

void tier_describe(const void *pointer, char *text, size_t size)
{
	uintptr_t addr = (uintptr_t)pointer;

	if (in_slab(pointer)) {
		const struct kmem_cache *cache = slab_of(pointer)->cache;
		size_t offset = addr - (uintptr_t)slab_of(pointer) - cache->first - cache->front;

		snprintf(text, size, "%s, %u bytes into an object", cache->name,
			 offset % cache->slot_size);
	} else if (kblock_is(pointer, KHEAP_ORDER)) {
		snprintf(text, size, "heap");
	} else {
		describe_address(addr, text, size);
	}
}

void kmalloc_refuse(const char *caller, const void *pointer, const char *fault)
{
	char place[64];

	tier_describe(pointer, place, sizeof(place));
	panic("%s(%p): %s (%s)", caller, pointer, fault, place);
}

void kmalloc_describe(uintptr_t addr, char *text, size_t size)
{
	large_describe(addr, text, size);
}

/* --- looking after it -------------------------------------------------------------- */

void kmalloc_stats_read(struct kmalloc_stats *stats)
{
	size_t live = kheap.allocs - kheap.frees + large_stats.allocs - large_stats.frees;

	*stats = (struct kmalloc_stats){
		.allocs = kheap.allocs + large_stats.allocs,
		.failures = kmalloc_counts.failures,
		.live_pages = kmalloc_counts.live_pages,
		.peak_pages = kmalloc_counts.peak_pages,
	};
	//% if kmalloc.classes
	for (unsigned i = 0; i < KMALLOC_CLASS_COUNT; i++) {
		stats->allocs += kmalloc_caches[i].allocs;
		live += slab_objects(&kmalloc_caches[i]);
	}
	//% endif
	stats->frees = stats->allocs - live;
}

const char *tiers_check(void)
{
	const char *fault = kmem_check();
	enum kheap_error error = kheap_check();

	if (fault)
		return fault;
	if (error)
		return kheap_strerror(error);
	return vm_check();
}
