/* The model of heap_model.h. */
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/tiers.h>
#include <mm/vmalloc.h>

#include "bare.h"
#include "heap_model.h"
#include "machine.h"

#define CONSTRUCTED 0x3c

struct model model;

const struct cache_size cache_sizes[CACHES] = {
	{ "tiny", 5, 1 },
	{ "lines", 100, 64 },
	{ "made", 40, 8 },
};

static bool has_constructor(unsigned owner)
{
	return owner == OWNER_CACHE + CACHES - 1;
}

static void construct(void *object)
{
	memset(object, CONSTRUCTED, cache_sizes[CACHES - 1].size);
}

void create_caches(void)
{
	for (unsigned i = 0; i < CACHES; i++) {
		const struct cache_size *size = &cache_sizes[i];

		model.caches[i] =
			kmem_cache_create(size->name, size->size, size->align,
					  has_constructor(OWNER_CACHE + i) ? construct : NULL);
		if (!model.caches[i])
			wrong("no cache of %s", size->name);
	}
	if (kmem_cache_create("large", SLAB_SIZE, 0, NULL) || kmem_cache_create("none", 0, 0, NULL))
		wrong("a cache of objects that fit into no slab");
}

void destroy_caches(void)
{
	for (unsigned i = 0; i < CACHES; i++)
		kmem_cache_destroy(model.caches[i]);
}

void check(const char *after)
{
	const char *fault = kmalloc_check();

	if (fault)
		wrong("after %s: %s", after, fault);
	if (pages_check())
		wrong("after %s: %s", after, buddy_strerror(pages_check()));
}

/* --- contents ------------------------------------------------------------------- */

static unsigned char content(const struct live *block, size_t i)
{
	if (has_constructor(block->owner))
		return CONSTRUCTED;
	return (unsigned char)(block->seed + i + (i >> 8));
}

void verify(const struct live *block, const unsigned char *pointer, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (pointer[i] != content(block, i))
			wrong("byte %lu of %lu at %p has changed", (unsigned long)i,
			      (unsigned long)block->size, (const void *)pointer);
	}
}

void verify_all(void)
{
	for (size_t i = 0; i < model.count; i++)
		verify(&model.live[i], model.live[i].pointer, model.live[i].size);
}

static void fill(struct live *block)
{
	block->seed = (unsigned char)draw(256);
	for (size_t i = 0; i < block->size; i++)
		block->pointer[i] = content(block, i);
}

static size_t room_of(const struct live *block)
{
	switch (block->owner) {
	case OWNER_KMALLOC:
		return ksize(block->pointer);
	case OWNER_VMALLOC:
		return ALIGN_UP(block->size, PAGE_SIZE);
	default:
		return block->size;
	}
}

void admit(unsigned owner, unsigned char *pointer, size_t size, size_t align)
{
	struct live *block = &model.live[model.count++];
	size_t room;

	*block = (struct live){ pointer, size, owner, 0 };
	room = room_of(block);
	if (!IS_ALIGNED((uintptr_t)pointer, align))
		wrong("%p is not aligned to %lu", (void *)pointer, (unsigned long)align);
	if (room < size)
		wrong("room for %lu of %lu bytes", (unsigned long)room, (unsigned long)size);
	if (machine_entry(pointer + room) & 1)
		wrong("no guard page after %p", (void *)pointer);
	if (has_constructor(owner)) {
		verify(block, pointer, size);
		return;
	}
	memset(pointer, 0x77, room);
	fill(block);
}

void drop(size_t index)
{
	model.live[index] = model.live[--model.count];
}

/* --- freeing ---------------------------------------------------------------------- */

void give_back_to_owner(const struct live *block)
{
	if (block->owner == OWNER_KMALLOC)
		kfree(block->pointer);
	else if (block->owner == OWNER_VMALLOC)
		vfree(block->pointer);
	else
		kmem_cache_free(model.caches[block->owner - OWNER_CACHE], block->pointer);
}

void free_again(void *block)
{
	give_back_to_owner(block);
}
