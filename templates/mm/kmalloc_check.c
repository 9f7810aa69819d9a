/*
 * kmalloc's slow paths: checking and describing pointers, counting, reporting failures,
 * and verifying everything.
 *
 * To find a pointer's owner, start from the page map (mm/page.h), which knows
 * which blocks of pages are allocated and how large they are, so a slab's or a
 * chunk's header is believed only where a block of that order begins. Nothing here
 * follows a pointer that was not checked before.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <mm/kblock.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/kmem.h>
#include <mm/large.h>
#include <mm/page.h>
#include <mm/place.h>
#include <mm/reclaim.h>
#include <mm/tiers.h>
#include <mm/vmalloc.h>
//% if derived.watched or debug.fail
#include <mm/tier_names.h>
//% endif

unsigned long kmalloc_failures;

size_t kmalloc_shrink(void)
{
	size_t before = kblock_stats.live_pages;

	reclaim_all();
	return before - kblock_stats.live_pages;
}

/* --- running out ------------------------------------------------------------------- */

/* Count a failure, in `times` as well. Returns whether it is to be logged. */
static bool failure_is_news(unsigned long *times)
{
	kmalloc_failures++;
	return is_news(++*times);
}

/* The end of a line about a failure. */
static void print_caller(const void *site)
{
	printk(", failure %lu", kmalloc_failures);
	if (site)
		printk(", from %p", site);
}

void *out_of_memory(size_t size, const void *site)
{
	static unsigned long times[2];
	bool possible = size < ARENA_SIZE;

	if (!failure_is_news(&times[possible]))
		return NULL;
	printk("kmalloc(%u): %s", size, possible ? "no memory" : "more than there are addresses");
	print_caller(site);
	if (possible)
		page_print_free();
	printk("\n");
	return NULL;
}

void *bad_alignment(size_t size, size_t align, const void *site)
{
	static unsigned long times;

	if (!failure_is_news(&times))
		return NULL;
	printk("kmalloc_aligned(%u, %u): the alignment is not a power of two", size, align);
	print_caller(site);
	printk("\n");
	return NULL;
}

void *bad_product(size_t n, size_t size, const void *site)
{
	static unsigned long times;

	if (!failure_is_news(&times))
		return NULL;
	printk("kcalloc(%u, %u): the product overflows 32 bits", n, size);
	print_caller(site);
	printk("\n");
	return NULL;
}

/* --- pointers ---------------------------------------------------------------------- */

static bool in_slab(const void *pointer)
{
	return kblock_is(pointer, SLAB_ORDER) && slab_of(pointer)->magic == SLAB_MAGIC;
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

//% else
static const char *small_fault(const void *pointer)
{
	(void)pointer;
	return "it belongs to a cache: use kmem_cache_free()";
}

//% endif
/* Bytes inside a live block of the heap would look like an overwritten header. */
static const char *heap_fault(const void *pointer, enum kheap_error error)
{
	struct kheap_place place;

	if (kheap_locate(pointer, &place) && place.is_live && place.bytes != pointer)
		return "not the start of an allocation";
	return kheap_strerror(error);
}

static const char *mapping_fault(const void *pointer)
{
	struct vm_place place = vm_locate((uintptr_t)pointer);

	if (place.state == VM_MAPPED && place.kind == VM_ALLOC)
		return "it is vmalloc()'s: use vfree()";
	if (place.state == VM_MAPPED && place.kind == VM_IO)
		return "it is ioremap()'s: use iounmap()";
	return NULL;
}

static const char *pages_fault(const void *pointer)
{
	size_t offset = (uintptr_t)pointer % PAGE_SIZE;
	const char *fault = large_fault(pointer);

	/* The header is in front of the first multiple of the alignment that leaves room for it. */
	if (!fault)
		return offset & (offset - 1) ? "not the start of an allocation" : NULL;
	return mapping_fault(pointer) ?: fault;
}

/* An address outside of slabs, chunks and large allocations. */
static const char *stray_fault(const void *pointer)
{
	struct kblock block;

	if (!kblock_find(pointer, &block))
		return mapping_fault(pointer) ?: "not an address of kmalloc's";
	if (block.is_free)
		return "nothing is allocated there: freed already?";
	//% if kmalloc.mapping == "direct"
	if ((uintptr_t)header_of(pointer) / PAGE_SIZE == block.start / PAGE_SIZE)
		return "its header does not have the magic: overwritten, or not a start";
	//% endif
	return "not an address of kmalloc's";
}

struct lookup tier_lookup(const void *pointer)
{
	enum kheap_error error = KHEAP_ERR_NOT_HEAP;

	if (!IS_ALIGNED((uintptr_t)pointer, KMALLOC_ALIGNMENT))
		return (struct lookup){ .fault = "not the start of an allocation" };
	if (in_slab(pointer))
		return (struct lookup){ TIER_SLAB, small_fault(pointer) };
	if (kblock_is(pointer, KHEAP_ORDER))
		error = kheap_fault(pointer);
	if (error != KHEAP_ERR_NOT_HEAP)
		return (struct lookup){ TIER_HEAP, error ? heap_fault(pointer, error) : NULL };
	if (large_owns(pointer))
		return (struct lookup){ TIER_PAGES, pages_fault(pointer) };
	return (struct lookup){ .fault = stray_fault(pointer) };
}

const char *kmalloc_fault(const void *pointer)
{
	return tier_lookup(pointer).fault;
}

/* A place in a slab whose cache is valid. */
static void describe_object(const void *pointer, char *text, size_t size)
{
	const struct slab *slab = slab_of(pointer);
	const struct kmem_cache *cache = slab->cache;
	size_t offset = (uintptr_t)pointer - (uintptr_t)slab - cache->first;

	if (offset < cache->slots * cache->slot_size)
		snprintf(text, size, "%s, %d bytes into an object of %u bytes", cache->name,
			 (int)(offset % cache->slot_size) - (int)cache->front, cache->size);
	else
		snprintf(text, size, "%s, outside its objects", cache->name);
}

void tier_describe(const void *pointer, char *text, size_t size)
{
	struct kheap_place place;
	struct kblock block;

	if (in_slab(pointer) && kmem_is_cache(slab_of(pointer)->cache))
		describe_object(pointer, text, size);
	else if (kblock_is(pointer, KHEAP_ORDER) && kheap_locate(pointer, &place))
		snprintf(text, size, "heap, %d bytes into a %s block of %u bytes",
			 (int)((uintptr_t)pointer - (uintptr_t)place.bytes),
			 place.is_live ? "live" : "free", place.size);
	else if (kblock_is(pointer, KHEAP_ORDER) && kheap_fault(pointer) != KHEAP_ERR_NOT_HEAP)
		snprintf(text, size, "heap");
	else if (kblock_find(pointer, &block))
		snprintf(text, size, "%u bytes into %u %s pages at 0x%x",
			 (uintptr_t)pointer - block.start, block.pages,
			 block.is_free ? "free" : "allocated", block.start);
	else
		describe_address((uintptr_t)pointer, text, size);
}

void kmalloc_refuse(const char *caller, const void *pointer, const char *fault)
{
	char place[PLACE_MAX];

	tier_describe(pointer, place, sizeof(place));
	panic("%s(%p): %s (%s)", caller, pointer, fault, place);
}

//% if debug.poison
void poison_found(const void *where)
{
	char place[PLACE_MAX];

	tier_describe(where, place, sizeof(place));
	panic("free memory was written at %p: now 0x%02x (%s)", where, *(const uint8_t *)where,
	      place);
}

//% endif
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
		.failures = kmalloc_failures,
		.live_pages = kblock_stats.live_pages,
		.peak_pages = kblock_stats.peak_pages,
	};
	//% if kmalloc.classes
	for (unsigned i = 0; i < KMALLOC_CLASS_COUNT; i++) {
		stats->allocs += kmalloc_caches[i].allocs;
		live += slab_objects(&kmalloc_caches[i]);
	}
	//% endif
	stats->frees = stats->allocs - live;
}

const char *kmalloc_check(void)
{
	const char *fault = kmem_check();
	enum kheap_error error = kheap_check();

	if (fault)
		return fault;
	if (error)
		return kheap_strerror(error);
	return vm_check();
}
