/*
 * kmalloc: one function, three allocators.
 *
 *     size             comes from                        costs beyond the bytes
 *     small            a slab of its size class          header, rounding to the class
 *     middle           the heap                          header, 4 bytes, rounding to 16
 *     large            pages of its own (mm/large_*.c)   header, rounding to pages
 *
 *   1. Small, by default up to 328 bytes: a table leads from the size to a cache
 *      (mm/slab.c). Three quarters of all requests, in most programs; a quarter of
 *      the bytes.
 *   2. Middle, by default up to 16 KiB: blocks of any size from mm/kheap.c. In slabs
 *      such objects would waste more: few fit into one, and each class has slabs
 *      that are partly free.
 *   3. Large: mapped page by page. If the direct map has no block of pages left for
 *      a slab or a chunk, the other two fall back to this.
 *
 *                             v result
 *     | ... | size | magic | bytes asked for ...
 *
 * kfree() first makes the checks that cost little: the magic, that the size is one for
 * slabs, and that the slab has its magic. Everything else is in separate functions, so
 * that the common path has no stack frame and no call. A free slot has SLOT_FREE and a
 * link where a live one has its header.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/paging.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
//% if debug.fail
#include <kernel/fail.h>
//% endif
//% if debug.quarantine
#include <mm/kdebug.h>
//% endif
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/kmem.h>
#include <mm/large.h>
#include <mm/reclaim.h>
#include <mm/tiers.h>
//% if derived.watched or debug.fail
#include <mm/tier_names.h>
//% endif

//% if kmalloc.classes
/* The first bytes of an allocation: its header, or a free slot's words. */
union front {
	//% if kmalloc.header
	block_header_t header;
	//% endif
	struct slot slot;
};

_Static_assert(sizeof(union front) == sizeof(struct slot), "a header fits in front");

struct kmem_cache kmalloc_caches[KMALLOC_CLASS_COUNT];
struct kmem_cache *kmalloc_cache_for[KMALLOC_SLAB_LIMIT / CLASS_STEP];

static void init_classes(void)
{
	static const uint16_t sizes[] = KMALLOC_CLASSES;
	static char names[KMALLOC_CLASS_COUNT][16];
	unsigned class = 0;

	for (unsigned i = 0; i < KMALLOC_CLASS_COUNT; i++) {
		struct kmem_cache *cache = &kmalloc_caches[i];

		snprintf(names[i], sizeof(names[i]), "kmalloc-%u", sizes[i]);
		BUG_ON(!slab_cache_init(cache, names[i], sizes[i], KMALLOC_ALIGNMENT,
					KMALLOC_SLAB_FRONT, NULL));
		if (i + 1 < KMALLOC_CLASS_COUNT)
			cache->lender = cache + 1;
		kmem_register(cache);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(kmalloc_cache_for); i++) {
		if ((i + 1) * CLASS_STEP > sizes[class])
			class++;
		kmalloc_cache_for[i] = &kmalloc_caches[class];
	}
}

//% endif
void kmalloc_init(void)
{
	//% if kmalloc.classes
	init_classes();
	//% endif
	kheap_init();
	reclaim_register(RECLAIM_SLABS, kmem_shrink);
	reclaim_register(RECLAIM_CHUNKS, kheap_shrink);
	//% if debug.quarantine
	quarantine_init();
	//% endif
	//% if debug.fail
	fail_init();
	//% endif
}

/* --- middle and large -------------------------------------------------------------- */

static COLD void *alloc_large(size_t size, size_t align)
{
	void *pointer = large_alloc(size, align);

	return pointer ? pointer : tier_exhausted(size);
}

/* There is no block for a slab or a chunk, but single pages may be left. */
static COLD void *fall_back(size_t size)
{
	//% if kmalloc.mapping == "vmap"
	return alloc_large(size, KMALLOC_ALIGNMENT);
	//% else
	return tier_exhausted(size); /* a page of the direct map would be mistaken for a slab's */
//% endif
}

void *kheap_exhausted(size_t size)
{
	return fall_back(size);
}

/* Aligned to more than the heap's granules, unless `align` is less. */
static COLD void *alloc_aligned(size_t size, size_t align)
{
	/* kfree() would mistake smaller ones for a slab's. */
	size_t enough = MAX(size, KMALLOC_SLAB_LIMIT + 1ul);
	void *pointer = NULL;

	if (enough <= KMALLOC_HEAP_LIMIT && align <= KHEAP_MAX - enough)
		pointer = kheap_alloc_aligned(enough, align);
	//% if kmalloc.mapping == "direct"
	size = MAX(size, LARGE_ABOVE + 1ul); /* and these for the heap's */
	//% endif
	return pointer ? pointer : alloc_large(size, align);
}

/* A size beyond the slabs', or 0. */
static NOINLINE void *alloc_middle(size_t size)
{
	//% if derived.heap_limit
	if (unlikely(size - 1 >= KMALLOC_HEAP_LIMIT))
		return size ? alloc_large(size, KMALLOC_ALIGNMENT) : ZERO_SIZE_PTR;
	if (KMALLOC_ALIGNMENT > KHEAP_GRANULE)
		return alloc_aligned(size, KMALLOC_ALIGNMENT);
	return kheap_alloc(size);
	//% else
	return size ? alloc_large(size, KMALLOC_ALIGNMENT) : ZERO_SIZE_PTR;
	//% endif
}

/* The pointers that the fast path of kfree() does not accept. */
static COLD void free_other(void *pointer)
{
	struct lookup found;

	if (!pointer || pointer == ZERO_SIZE_PTR)
		return;
	found = tier_lookup(pointer);
	if (found.fault)
		kmalloc_refuse("kfree", pointer, found.fault);
	switch (found.tier) {
	case TIER_SLAB:
		slab_free(slab_of(pointer)->cache, pointer);
		break;
	case TIER_HEAP:
		kheap_free(pointer);
		break;
	case TIER_PAGES:
		large_free(pointer);
		break;
	}
}

/* tier_lookup() finds every error that kheap_fault() finds: this does not return. */
void kheap_refused(void *pointer)
{
	free_other(pointer);
}

//% if kmalloc.classes
/* --- small ------------------------------------------------------------------------- */

/* The slot is a live allocation now; the first word of its header has the size. */
static inline void *result_in(struct slot *slot)
{
	//% if kmalloc.header
	block_header_t *header = (block_header_t *)slot;

	header->magic = kmalloc_magic(header + 1, header->size);
	return header + 1;
	//% else
	return slot;
	//% endif
}

static inline void *occupy(struct slot *slot, size_t size)
{
	slot->mark = size;
	return result_in(slot);
}

//% if derived.quick
/* There is no partial slab either. */
static NOINLINE void *alloc_from_other(size_t size)
{
	struct kmem_cache *cache = kmalloc_cache_for[(size - 1) / CLASS_STEP];
	struct slab *slab = slab_find(cache);

	if (slab)
		return occupy(slab_switch(cache, slab), size);
	cache->allocs--; /* counted already */
	return fall_back(size);
}

/* The cache's current slab is full. */
static NOINLINE void *alloc_small(size_t size)
{
	struct kmem_cache *cache = kmalloc_cache_for[(size - 1) / CLASS_STEP];
	struct slab *slab = slab_take_partial(cache);

	return likely(slab) ? occupy(slab_switch(cache, slab), size) : alloc_from_other(size);
}

//% else
static void *alloc_small(size_t size)
{
	struct kmem_cache *cache = kmalloc_cache_for[(size - 1) / CLASS_STEP];
	char *object = slab_alloc(cache);

	return object ? occupy((struct slot *)(object - cache->front), size) : fall_back(size);
}

//% endif
//% endif
/* --- the public functions ---------------------------------------------------------- */

void *kmalloc(size_t size)
{
	//% if kmalloc.classes
	//% if derived.quick
	struct kmem_cache *cache;
	struct slab *slab;
	struct slot *slot;

	//% endif
	if (unlikely(size - 1 >= KMALLOC_SLAB_LIMIT))
		return alloc_middle(size);
	//% if derived.quick
	cache = kmalloc_cache_for[(size - 1) / CLASS_STEP];
	cache->allocs++;
	slab = cache->current;
	slot = slab->free;
	if (unlikely(!slot))
		return alloc_small(size);
	slot->mark = size;
	slab->free = slot->next;
	slab->used++;
	return result_in(slot);
	//% else
	return alloc_small(size);
	//% endif
	//% else
	return alloc_middle(size);
	//% endif
}

void *kmalloc_aligned(size_t size, size_t align)
{
	if (!size)
		return ZERO_SIZE_PTR;
	if (!align || (align & (align - 1)))
		return bad_alignment(size, align, __builtin_return_address(0));
	return align <= KMALLOC_ALIGNMENT ? kmalloc(size) : alloc_aligned(size, align);
}

//% if kmalloc.classes and derived.quick
//% if not kmalloc.header
/* Not in a slab, so there is a header. */
static NOINLINE void free_middle(void *pointer)
{
	const block_header_t *header = header_of(pointer);

	if (likely(kblock_is(pointer, KHEAP_ORDER)) && likely(header->size <= KMALLOC_HEAP_LIMIT) &&
	    likely(header->magic == kmalloc_magic(pointer, header->size)))
		kheap_free(pointer);
	else
		free_other(pointer);
}

//% endif
void kfree(void *pointer)
{
	union front *front = (union front *)((char *)pointer - KMALLOC_SLAB_FRONT);
	struct slab *slab = slab_of(pointer);
	struct slot *next;

	//% if kmalloc.header
	if (unlikely((uintptr_t)pointer - KERNEL_BASE >= DIRECT_MAP_LIMIT) ||
	    unlikely(front->header.magic != kmalloc_magic(pointer, front->header.size))) {
		free_other(pointer);
		return;
	}
	if (unlikely(front->header.size > KMALLOC_SLAB_LIMIT) ||
	    unlikely(slab->magic != SLAB_MAGIC)) {
		//% if kmalloc.mapping == "direct"
		if (front->header.size > KMALLOC_HEAP_LIMIT) {
			free_other(pointer);
			return;
		}
		//% endif
		kheap_free(pointer);
		return;
	}
	//% else
	/* There is no header: the page map and the slab are asked. */
	if (unlikely(!kblock_is(pointer, SLAB_ORDER)) || unlikely(slab->magic != SLAB_MAGIC)) {
		free_middle(pointer);
		return;
	}
	if (unlikely(!is_class(slab->cache)) || unlikely(!slab_has(slab, &front->slot)) ||
	    unlikely(front->slot.mark == SLOT_FREE)) {
		free_other(pointer);
		return;
	}
	//% endif
	next = slab->free;
	front->slot.next = next;
	front->slot.mark = SLOT_FREE;
	slab->free = &front->slot;
	if (unlikely(!--slab->used) || unlikely(!next))
		slab_settle(slab);
}
//% else
void kfree(void *pointer)
{
	free_other(pointer);
}
//% endif
