/* Wrong frees: whatever is not an allocation is refused, by kfree() and all its kin. */
#include <generated/layout.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/slab.h>
#include <mm/tiers.h>
#include <mm/vmalloc.h>

#include "bare.h"
#include "heap_model.h"
#include "heap_tries.h"
#include "machine.h"

static void expect_refusal(void *pointer, const char *what)
{
	if (!kmalloc_fault(pointer))
		wrong("kmalloc_fault(%p) finds nothing: %s", pointer, what);
	if (!machine_stops(kfree, pointer))
		wrong("kfree(%p) is accepted: %s", pointer, what);
}

/* What is no start of an allocation. */
static void try_wrong_pointers(unsigned char *pointer, size_t room)
{
	void *const others[] = {
		pointer + 1,
		pointer + 4,
		pointer + 8,
		pointer + room / 2,
		pointer + ALIGN_UP(room, 8),
		&pointer,
		(void *)8,
		(void *)ARENA_BASE,
		(void *)(ARENA_BASE + model.arena_pages * PAGE_SIZE),
		(void *)(ARENA_BASE + model.arena_pages * PAGE_SIZE + 64),
		(void *)0xfffffff8,
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (tier_lookup(pointer).tier == TIER_SLAB && i == 4)
			continue; /* the next slot's header: part of an allocation, too */
		expect_refusal(others[i], "not the start of an allocation");
	}
}

/* Headers that were overwritten. */
static void try_wrong_headers(unsigned char *pointer, size_t room)
{
	block_header_t *header = header_of(pointer);
	block_header_t saved = *header;

	header->magic ^= 1u << draw(32);
	expect_refusal(pointer, "magic");
	*header = saved;
	header->size = 0xffffffff - draw(64);
	expect_refusal(pointer, "a size that wraps");
	header->size = MAX(saved.size + PAGE_SIZE, KMALLOC_SLAB_LIMIT + 1ul);
	expect_refusal(pointer, "a size that is a page too large");
	header->size = saved.size - PAGE_SIZE;
	if (saved.size > PAGE_SIZE + KMALLOC_SLAB_LIMIT)
		expect_refusal(pointer, "a size that is a page too small");
	header->size = room + 1;
	if (!kmalloc_fault(pointer))
		wrong("a size of %lu with room for %lu", (unsigned long)room + 1,
		      (unsigned long)room);
	*header = saved;
	if (tier_lookup(pointer).tier == TIER_HEAP) {
		uint32_t *tail = (uint32_t *)(pointer + room);

		*tail ^= 1u << draw(32);
		expect_refusal(pointer, "written past the end");
		if (!kmalloc_check())
			wrong("kmalloc_check() does not see what was written past the end");
		*tail ^= *tail ^ (KHEAP_LIVE | (room + 12) / KHEAP_GRANULE);
	}
}

/* A header that is right but for its place: inside an allocation. */
static void try_forged_header(unsigned char *pointer)
{
	block_header_t *header = header_of(pointer);
	block_header_t *forged = header_of(pointer + PAGE_SIZE);
	block_header_t saved;

	if (header->size < 2 * PAGE_SIZE)
		return;
	saved = *forged;
	*forged = *header;
	expect_refusal(pointer + PAGE_SIZE, "inside an allocation");
	*forged = saved;
}

void free_to_first(void *object)
{
	kmem_cache_free(model.caches[0], object);
}

static void try_wrong_objects(const struct live *block)
{
	if (!machine_stops(free_to_first, block->pointer + (block->owner == OWNER_CACHE)))
		wrong("kmem_cache_free(%p) takes what is not one of its own", block->pointer);
	expect_refusal(block->pointer, "somebody else's");
}

static void try_wrong_allocation(unsigned char *pointer)
{
	void *page = (void *)ALIGN_DOWN((uintptr_t)pointer - sizeof(block_header_t), PAGE_SIZE);

	try_wrong_pointers(pointer, ksize(pointer));
	try_wrong_headers(pointer, ksize(pointer));
	try_forged_header(pointer);
	if (!machine_stops(vfree, page) || !machine_stops(free_to_first, pointer))
		wrong("%p is kmalloc's, but others free it", pointer);
}

void try_wrong_frees(void)
{
	size_t index = draw(model.count);
	struct live *block = &model.live[index];
	unsigned char *pointer = block->pointer;
	struct kmalloc_stats before;
	struct kmalloc_stats after;

	kmalloc_stats_read(&before);
	if (block->owner == OWNER_KMALLOC)
		try_wrong_allocation(pointer);
	else
		try_wrong_objects(block);
	verify(block, pointer, block->size);
	kmalloc_stats_read(&after);
	if (memcmp(&before, &after, sizeof(before)))
		wrong("a refused kfree has counted");
	check("wrong frees");
	give_back_to_owner(block);
	if (!machine_stops(free_again, block))
		wrong("%p is freed twice", pointer);
	drop(index);
}
