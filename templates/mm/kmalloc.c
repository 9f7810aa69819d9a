/*
 * kmalloc: three allocators behind one function.
 *
 *     size             comes from                        costs beyond the bytes
 *     1 - 512          a slab of its size class          header, rounding to the class
 *     - 16 KiB         the heap                          header, 4 bytes, rounding to 16
 *     more             pages of its own (mm/large_*.c)     header, rounding to pages
 *
 *   1. Small: a table leads from the size to a cache of slots (mm/slab.c). Three
 *      quarters of all requests, in most programs; a quarter of the bytes.
 *   2. Middle: blocks of any size from mm/kheap.c. In slabs such objects would
 *      waste more: few fit into one, and each class has slabs that are partly free.
 *   3. Large: mapped page by page. If the direct map has no block of pages left, the
 *      other two fall back to this.
 *
 *     result           v
 *     | size | magic | bytes asked for ...      in all three
 *
 * kfree() trusts the header as far as it can check at once: the magic, that the
 * size belongs to this tier, and that the slab is one. The rest, and everything
 * rare, is in functions of its own, so that the common path is short: no frame, no
 * call. Live headers have the magic, free slots have SLOT_FREE in its place.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/fault.h>
#include <arch/paging.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/kmem.h>
#include <mm/large.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define COLD __attribute__((noinline, cold))

#define CLASS_STEP 8 /* sizes are told apart so finely */

/* The two words in front of a result. */
union front {
	block_header_t header; /* live */
	struct slot slot; /* in a slab, free */
};

_Static_assert(sizeof(union front) == sizeof(block_header_t), "a free slot fits in front");

static struct kmem_cache caches[KMALLOC_CLASS_COUNT];
static struct kmem_cache *cache_for[KMALLOC_SLAB_LIMIT / CLASS_STEP]; /* by (size - 1) / 8 */

static unsigned long failures;
static size_t live_pages;
static size_t peak_pages;

static inline block_header_t *header_of(const void *pointer)
{
	return (block_header_t *)pointer - 1;
}

void kmalloc_init(void)
{
	static const uint16_t sizes[] = KMALLOC_CLASSES;
	static char names[KMALLOC_CLASS_COUNT][16];
	unsigned class = 0;

	for (unsigned i = 0; i < KMALLOC_CLASS_COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "kmalloc-%u", sizes[i]);
		BUG_ON(!slab_cache_init(&caches[i], names[i], sizes[i], KMALLOC_ALIGNMENT,
					sizeof(block_header_t), NULL));
		if (i + 1 < KMALLOC_CLASS_COUNT)
			caches[i].lender = &caches[i + 1];
		kmem_register(&caches[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(cache_for); i++) {
		if ((i + 1) * CLASS_STEP > sizes[class])
			class++;
		cache_for[i] = &caches[class];
	}
	kheap_init();
}

void kmalloc_account(long pages)
{
	live_pages += pages;
	peak_pages = MAX(peak_pages, live_pages);
}

size_t kmalloc_shrink(void)
{
	vm_purge();
	return kmem_shrink() + kheap_shrink();
}

/* --- allocating ------------------------------------------------------------------ */

/* What was free when there was not enough, for people. */
static void print_shortage(size_t size)
{
	printk("kmalloc(%u): no memory, failure %lu; free blocks from order 0 on:", size, failures);
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		printk(" %s", zones[i].name);
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			printk("%c%u", order ? ',' : ' ', zones[i].buddy.free_count[order]);
	}
	printk("\n");
}

static COLD void *out_of_memory(size_t size)
{
	failures++;
	/*
	 * One line at first, and whenever the number of failures has doubled; none for
	 * a size that no machine could satisfy.
	 */
	if (!(failures & (failures - 1)) && size < ARENA_SIZE)
		print_shortage(size);
	return NULL;
}

static COLD void *alloc_large(size_t size, size_t align)
{
	void *pointer = large_alloc(size, align);

	if (!pointer && kmalloc_shrink())
		pointer = large_alloc(size, align);
	return pointer ? pointer : out_of_memory(size);
}

/* Aligned to more than the heap's granules, unless `align` is less. */
static COLD void *alloc_aligned(size_t size, size_t align)
{
	/* kfree() takes smaller ones for a slab's. */
	size_t enough = MAX(size, KMALLOC_SLAB_LIMIT + 1ul);
	void *pointer = NULL;

	if (enough <= KMALLOC_HEAP_LIMIT && align <= KHEAP_MAX - enough)
		pointer = kheap_alloc_aligned(enough, align);
	return pointer ? pointer : alloc_large(size, align);
}

/* There is no block for a slab or a chunk: single pages may be left. */
static COLD void *fall_back(size_t size)
{
	//% if kmalloc.mapping == "vmap"
	return alloc_large(size, KMALLOC_ALIGNMENT);
	//% else
	return out_of_memory(size); /* a page of the direct map would be taken for a slab's */
//% endif
}

void *kheap_exhausted(size_t size)
{
	return fall_back(size);
}

/* A size beyond the slabs', or 0. */
static __attribute__((noinline)) HOT_LEAF void *alloc_middle(size_t size)
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

/* There is no partial slab either. */
static __attribute__((noinline)) void *alloc_from_other(size_t size)
{
	struct kmem_cache *cache = cache_for[(size - 1) / CLASS_STEP];
	struct slab *slab = slab_find(cache);
	union front *front;

	if (!slab) {
		cache->allocs--; /* counted already */
		return fall_back(size);
	}
	front = (union front *)slab_switch(cache, slab);
	front->header = (block_header_t){ size, KMALLOC_MAGIC };
	return front + 1;
}

/* The cache's current slab is full. */
static __attribute__((noinline)) HOT_LEAF void *alloc_small(size_t size)
{
	struct kmem_cache *cache = cache_for[(size - 1) / CLASS_STEP];
	struct slab *slab = slab_take_partial(cache);
	union front *front;

	if (unlikely(!slab))
		return alloc_from_other(size);
	front = (union front *)slab_switch(cache, slab);
	front->header = (block_header_t){ size, KMALLOC_MAGIC };
	return front + 1;
}

HOT_LEAF void *kmalloc(size_t size)
{
	struct kmem_cache *cache;
	struct slab *slab;
	union front *front;

	if (unlikely(size - 1 >= KMALLOC_SLAB_LIMIT))
		return alloc_middle(size);
	cache = cache_for[(size - 1) / CLASS_STEP];
	cache->allocs++;
	slab = cache->current;
	front = (union front *)slab->free;
	if (unlikely(!front))
		return alloc_small(size);
	front->header.size = size;
	slab->free = front->slot.next;
	slab->used++;
	front->header.magic = KMALLOC_MAGIC;
	return front + 1;
}

void *kmalloc_aligned(size_t size, size_t align)
{
	if (!size)
		return ZERO_SIZE_PTR;
	if (!align || (align & (align - 1))) {
		failures++;
		return NULL;
	}
	if (align <= KMALLOC_ALIGNMENT)
		return kmalloc(size);
	return alloc_aligned(size, align);
}

void *kzalloc(size_t size)
{
	void *pointer = kmalloc(size);

	if (pointer && size)
		memset(pointer, 0, size);
	return pointer;
}

void *kcalloc(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		failures++;
		return NULL;
	}
	return kzalloc(bytes);
}

/* --- freeing --------------------------------------------------------------------- */

static const char *small_fault(const void *pointer)
{
	const struct slab *slab = slab_of(pointer);
	const struct kmem_cache *cache = slab->cache;
	enum slab_error error;

	if (cache < caches || cache >= caches + KMALLOC_CLASS_COUNT)
		return "it belongs to a cache: use kmem_cache_free()";
	error = slab_fault(cache, pointer);
	if (error)
		return slab_strerror(error);
	if (header_of(pointer)->magic != KMALLOC_MAGIC)
		return "its header does not have the magic: overwritten, or not a start";
	if (header_of(pointer)->size - 1 >= cache->size)
		return "its header has a size that its slot does not: overwritten?";
	return NULL;
}

const char *kmalloc_fault(const void *pointer)
{
	enum kheap_error error = KHEAP_ERR_NOT_HEAP;

	if (!IS_ALIGNED((uintptr_t)pointer, KMALLOC_ALIGNMENT))
		return "not the start of an allocation";
	if (kblock_is(pointer, SLAB_ORDER) && slab_of(pointer)->magic == SLAB_MAGIC)
		return small_fault(pointer);
	if (kblock_is(pointer, KHEAP_ORDER))
		error = kheap_fault(pointer);
	if (error != KHEAP_ERR_NOT_HEAP)
		return error ? kheap_strerror(error) : NULL;
	return large_owns(pointer) ? large_fault(pointer) : "not an address of kmalloc's";
}

static COLD void refuse(const char *caller, const void *pointer, const char *fault)
{
	panic("%s(%p): %s", caller, pointer, fault);
}

static void verify(const char *caller, const void *pointer)
{
	const char *fault = kmalloc_fault(pointer);

	if (fault)
		refuse(caller, pointer, fault);
}

/* Whatever kfree() does not know at first sight. */
static COLD void free_other(void *pointer)
{
	if (!pointer || pointer == ZERO_SIZE_PTR)
		return;
	verify("kfree", pointer);
	BUG_ON(!large_owns(pointer));
	large_free(pointer);
}

void kheap_refused(void *pointer)
{
	free_other(pointer);
}

HOT_LEAF void kfree(void *pointer)
{
	union front *front = (union front *)pointer - 1;
	struct slab *slab = slab_of(pointer);
	struct slot *next;

	if (unlikely((uintptr_t)pointer - KERNEL_BASE >= DIRECT_MAP_LIMIT) ||
	    unlikely(front->header.magic != KMALLOC_MAGIC)) {
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
	next = slab->free;
	front->slot.next = next;
	front->slot.mark = SLOT_FREE;
	slab->free = &front->slot;
	if (unlikely(!next))
		goto settle;
	/* gcc would load, subtract, store and compare. */
	__asm__ goto("decl %0\n\t"
		     "jz %l[empty]"
		     :
		     : "m"(slab->used)
		     : "memory", "cc"
		     : empty);
	return;
settle:
	slab->used--;
empty:
	slab_settle(slab);
}

/* --- sizes ----------------------------------------------------------------------- */

/* Bytes behind a live allocation's address. */
static size_t room(const void *pointer)
{
	if (large_owns(pointer))
		return large_room(pointer);
	if (header_of(pointer)->size <= KMALLOC_SLAB_LIMIT)
		return slab_of(pointer)->cache->size;
	return kheap_room(pointer);
}

size_t ksize(const void *pointer)
{
	if (!pointer || pointer == ZERO_SIZE_PTR)
		return 0;
	verify("ksize", pointer);
	return room(pointer);
}

/* Change the size without moving; false if that can't be, or would waste half. */
static bool resize(void *pointer, size_t size)
{
	block_header_t *header = header_of(pointer);

	if (large_owns(pointer))
		return large_resize(pointer, size);
	if (header->size > KMALLOC_SLAB_LIMIT)
		return size > KMALLOC_SLAB_LIMIT && size <= KMALLOC_HEAP_LIMIT &&
		       kheap_resize(pointer, size);
	if (size > room(pointer) || (size < header->size && size < room(pointer) / 2))
		return false;
	header->size = size;
	return true;
}

void *krealloc(void *pointer, size_t size)
{
	void *moved;

	if (!pointer || pointer == ZERO_SIZE_PTR)
		return kmalloc(size);
	if (!size) {
		kfree(pointer);
		return ZERO_SIZE_PTR;
	}
	verify("krealloc", pointer);
	if (resize(pointer, size))
		return pointer;
	moved = kmalloc(size);
	if (moved) {
		memcpy(moved, pointer, MIN(size, room(pointer)));
		kfree(pointer);
	}
	return moved;
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
		.failures = failures,
		.live_pages = live_pages,
		.peak_pages = peak_pages,
	};
	for (unsigned i = 0; i < KMALLOC_CLASS_COUNT; i++) {
		stats->allocs += caches[i].allocs;
		live += slab_objects(&caches[i]);
	}
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
