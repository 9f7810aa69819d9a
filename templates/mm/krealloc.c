/*
 * Functions built on kmalloc() and kfree(): cleared memory, arrays, resizing.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/large.h>
#include <mm/tiers.h>
//% if derived.watched or debug.fail
#include <mm/tier_names.h>

/* The call site to report is that of the public function. */
#define KMALLOC(size) kmalloc_from(size, KMALLOC_ALIGNMENT, __builtin_return_address(0))
//% else

#define KMALLOC(size) kmalloc(size)
//% endif

void *kzalloc(size_t size)
{
	void *pointer = KMALLOC(size);

	if (pointer && size)
		memset(pointer, 0, size);
	return pointer;
}

void *kcalloc(size_t n, size_t size)
{
	void *pointer;
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return bad_product(n, size, __builtin_return_address(0));
	pointer = KMALLOC(bytes);
	if (pointer && bytes)
		memset(pointer, 0, bytes);
	return pointer;
}

/* Returns the bytes that a live allocation has. */
static size_t room(const void *pointer, enum tier tier)
{
	switch (tier) {
	case TIER_SLAB:
		return slab_of(pointer)->cache->size;
	case TIER_HEAP:
		return kheap_room(pointer);
	default:
		return large_room(pointer);
	}
}

/* The tier of a pointer; panics if it is not a live allocation. */
static enum tier verify(const char *caller, const void *pointer)
{
	struct lookup found = tier_lookup(pointer);

	if (found.fault)
		kmalloc_refuse(caller, pointer, found.fault);
	return found.tier;
}

size_t ksize(const void *pointer)
{
	if (!pointer || pointer == ZERO_SIZE_PTR)
		return 0;
	return room(pointer, verify("ksize", pointer));
}
//% if not derived.watched

//% if kmalloc.classes
/*
 * Resize within the slot. Returns false if it is too small, or the size's own class is
 * less than half as large.
 */
static bool resize_small(void *pointer, size_t size)
{
	size_t room = slab_of(pointer)->cache->size;

	if (size > room || kmalloc_cache_for[(size - 1) / CLASS_STEP]->size < room / 2)
		return false;
	//% if kmalloc.header
	*header_of(pointer) = (block_header_t){ size, kmalloc_magic(pointer, size) };
	//% endif
	return true;
}

//% endif
/* Change the size without moving. Returns false if that is impossible. */
static bool resize(void *pointer, enum tier tier, size_t size)
{
	switch (tier) {
		//% if kmalloc.classes
	case TIER_SLAB:
		return resize_small(pointer, size);
		//% endif
	case TIER_HEAP:
		return size > KMALLOC_SLAB_LIMIT && size <= KMALLOC_HEAP_LIMIT &&
		       kheap_resize(pointer, size);
	default:
		return large_resize(pointer, size);
	}
}

void *krealloc(void *pointer, size_t size)
{
	enum tier tier;
	void *moved;

	if (!pointer || pointer == ZERO_SIZE_PTR)
		return KMALLOC(size);
	if (!size) {
		kfree(pointer);
		return ZERO_SIZE_PTR;
	}
	tier = verify("krealloc", pointer);
	if (resize(pointer, tier, size))
		return pointer;
	moved = KMALLOC(size);
	if (moved) {
		memcpy(moved, pointer, MIN(size, room(pointer, tier)));
		kfree(pointer);
	}
	return moved;
}
//% endif
