/* What kmalloc and caches of objects notice. */
#include "faults.h"

#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

/* Small ones are in slabs, middle ones in the heap, large ones have pages of their own. */
#define SMALL 100
#define MIDDLE 5000
#define LARGE 50000

static void read_past(void)
{
	char *pointer = kmalloc(LARGE);

	zero = ((volatile char *)pointer)[ksize(pointer)];
}

static void write_freed(void)
{
	char *pointer = kmalloc(LARGE);

	kfree(pointer);
	vm_purge(); /* until the flush, the TLB may lead there */
	*(volatile char *)pointer = 1;
}

static void twice(size_t size)
{
	void *pointer = kmalloc(size);

	kfree(pointer);
	kfree(pointer);
}

static void free_twice(void)
{
	twice(SMALL);
}

static void free_middle_twice(void)
{
	twice(MIDDLE);
}

static void free_large_twice(void)
{
	twice(LARGE);
}

/* Freed, and its mapping, too. */
static void free_large_late(void)
{
	void *pointer = kmalloc(LARGE);

	kfree(pointer);
	vm_purge();
	kfree(pointer);
}

static void inside(size_t size)
{
	char *pointer = kzalloc(size);

	kfree(pointer + 64);
}

static void free_inside(void)
{
	inside(SMALL);
}

static void free_middle_inside(void)
{
	inside(MIDDLE);
}

static void free_large_inside(void)
{
	inside(LARGE);
}

static void free_unaligned(void)
{
	kfree((char *)kmalloc(SMALL) + 1);
}

static void overwritten(size_t size)
{
	char *pointer = kmalloc(size);

	memset(pointer - sizeof(block_header_t), 0x41, sizeof(block_header_t));
	kfree(pointer);
}

static void free_overwritten(void)
{
	overwritten(SMALL);
}

static void free_middle_overwritten(void)
{
	overwritten(MIDDLE);
}

static void free_large_overwritten(void)
{
	overwritten(LARGE);
}

/* One bit of the magic is. */
static void free_bad_magic(void)
{
	char *pointer = kmalloc(SMALL);

	((block_header_t *)(void *)pointer - 1)->magic ^= 0x10;
	kfree(pointer);
}

/* The header's size alone is changed. */
static void resized(size_t from, size_t to)
{
	char *pointer = kmalloc(from);

	((block_header_t *)(void *)pointer - 1)->size = to;
	kfree(pointer);
}

static void free_resized(void)
{
	resized(SMALL, LARGE);
}

static void free_middle_resized(void)
{
	resized(MIDDLE, MIDDLE + 100);
}

static void free_large_resized(void)
{
	resized(LARGE, 2 * LARGE);
}

static void write_past(void)
{
	char *pointer = kmalloc(MIDDLE);

	memset(pointer, 0x41, ksize(pointer) + 1);
	kfree(pointer);
}

static void free_stack(void)
{
	int local = 0;

	kfree(&local);
}

/* A forged live header, outside of all allocations. */
static void free_static(void)
{
	static block_header_t fake[2] __attribute__((aligned(16))) = { { SMALL, KMALLOC_MAGIC } };

	kfree(fake + 1);
}

/*
 * The header of a large allocation that is gone must not be believed when its frame
 * begins another mapping. Single pages between the mappings see to it that the
 * frame of any old header does so, sooner or later.
 */
static void free_stale(void)
{
	block_header_t *gone[32];
	block_header_t *front;

	for (unsigned i = 0; i < ARRAY_SIZE(gone); i++)
		gone[i] = kmalloc(LARGE);
	for (unsigned i = 0; i < ARRAY_SIZE(gone); i++)
		kfree(gone[i]);
	vm_purge();
	for (unsigned i = 0; i < 500; i++) {
		front = (block_header_t *)vm_map(ALIGN_UP(LARGE, PAGE_SIZE) / PAGE_SIZE, 1, 0, 1);
		vm_map(1, 1, 0, 1);
		if (front->magic == KMALLOC_MAGIC)
			break;
	}
	kfree(front + 1);
}

static void realloc_freed(void)
{
	void *pointer = kmalloc(SMALL);

	kfree(pointer);
	pointer = krealloc(pointer, 200);
	printk("%p\n", pointer);
}

/* --- what a cache of objects notices -------------------------------------------------- */

static struct kmem_cache *pairs(void)
{
	return kmem_cache_create("pair", 16, 8, NULL);
}

static void free_object_twice(void)
{
	struct kmem_cache *cache = pairs();
	void *object = kmem_cache_alloc(cache);

	kmem_cache_free(cache, object);
	kmem_cache_free(cache, object);
}

static void free_object_inside(void)
{
	struct kmem_cache *cache = pairs();

	kmem_cache_free(cache, (char *)kmem_cache_alloc(cache) + 8);
}

static void free_foreign_object(void)
{
	kmem_cache_free(pairs(), kmem_cache_alloc(kmem_cache_create("other", 16, 8, NULL)));
}

static void free_no_object(void)
{
	int local = 0;

	kmem_cache_free(pairs(), &local);
}

static void kfree_object(void)
{
	kfree(kmem_cache_alloc(pairs()));
}

static void destroy_with_objects(void)
{
	struct kmem_cache *cache = pairs();

	kmem_cache_alloc(cache);
	kmem_cache_destroy(cache);
}

const struct trip kmalloc_trips[] = {
	{ "read_past", read_past },
	{ "write_freed", write_freed },
	{ "free_twice", free_twice },
	{ "free_middle_twice", free_middle_twice },
	{ "free_large_twice", free_large_twice },
	{ "free_large_late", free_large_late },
	{ "free_inside", free_inside },
	{ "free_middle_inside", free_middle_inside },
	{ "free_large_inside", free_large_inside },
	{ "free_unaligned", free_unaligned },
	{ "free_overwritten", free_overwritten },
	{ "free_middle_overwritten", free_middle_overwritten },
	{ "free_large_overwritten", free_large_overwritten },
	{ "free_bad_magic", free_bad_magic },
	{ "free_resized", free_resized },
	{ "free_middle_resized", free_middle_resized },
	{ "free_large_resized", free_large_resized },
	{ "write_past", write_past },
	{ "free_stack", free_stack },
	{ "free_static", free_static },
	{ "free_stale", free_stale },
	{ "realloc_freed", realloc_freed },
	{ "free_object_twice", free_object_twice },
	{ "free_object_inside", free_object_inside },
	{ "free_foreign_object", free_foreign_object },
	{ "free_no_object", free_no_object },
	{ "kfree_object", kfree_object },
	{ "destroy_with_objects", destroy_with_objects },
	{ NULL, NULL },
};
