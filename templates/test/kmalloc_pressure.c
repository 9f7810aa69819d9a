/* Tests of kmalloc when memory or addresses run out: NULL, and nothing is lost. */
#include <arch/paging.h>
#include <kernel/ktest.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/page.h>
#include <mm/vmalloc.h>

/* Free pages after all kept memory was reclaimed. */
static size_t settled_free_pages(void)
{
	kmalloc_shrink();
	return free_page_count();
}

static unsigned long failures(void)
{
	struct kmalloc_stats stats;

	kmalloc_stats_read(&stats);
	return stats.failures;
}

KTEST(kmalloc, exhaustion_gives_null)
{
	unsigned long so_far = failures();
	size_t before = settled_free_pages();

	KTEST_EXPECT_NULL(test, kmalloc((size_t)-1));
	KTEST_EXPECT_NULL(test, kmalloc((size_t)-PAGE_SIZE));
	KTEST_EXPECT_NULL(test, kmalloc(ARENA_SIZE));
	KTEST_EXPECT_NULL(test, kcalloc(0x10000, 0x10001));
	KTEST_EXPECT_NULL(test, kmalloc((free_page_count() + 1) * PAGE_SIZE));
	KTEST_EXPECT_EQ(test, failures(), so_far + 5);
	KTEST_EXPECT_EQ(test, (uintptr_t)kmalloc(0), (uintptr_t)ZERO_SIZE_PTR);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}

//% if kmalloc.mapping == "vmap" and not derived.watched
/* The largest allocation that arena and memory have room for. */
KTEST(kmalloc, fills_the_arena)
{
	size_t before = settled_free_pages();
	size_t pages = MIN(before, paging_stats.arena_pages - KMALLOC_GUARD_PAGES);
	size_t size = pages * PAGE_SIZE - KMALLOC_ALIGNMENT;
	char *pointer = kmalloc(size);

	KTEST_ASSERT(test, pointer);
	pointer[0] = 1;
	pointer[size - 1] = 2;
	KTEST_EXPECT_EQ(test, free_page_count(), before - pages);
	KTEST_EXPECT_NULL(test, kmalloc(size + 1));
	kfree(pointer);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}

//% endif
/* Whether the machine has an object of this size, at least one, when all else is free. */
static bool has_room(size_t size)
{
	//% if kmalloc.mapping == "vmap"
	return size / PAGE_SIZE < MIN(free_page_count(), paging_stats.arena_pages);
	//% else
	struct free_profile profile;
	bool found = false;

	free_profile_read(&profile);
	for (unsigned zone = 0; zone <= ZONE_DIRECT; zone++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			found |= profile.blocks[zone][order] && PAGE_SIZE << order > 2 * size;
	}
	return found;
	//% endif
}

/*
 * Allocate objects of a size until that fails (or enough on a large machine), then free
 * all: none may be lost. The objects are linked through their first words.
 */
KTEST(kmalloc, survives_running_out)
{
	static const struct {
		size_t size, align;
		unsigned long most;
	} kinds[] = {
		{ 64, 1, 4000 }, /* slabs */
		{ 1000, 1, 4000 }, /* the heap */
		{ 6000, 1, 4000 }, /* few to a chunk */
		{ 1 << 20, 1, 64 }, /* pages */
		{ 100, PAGE_SIZE, 20000 }, /* the heap, then pages that it has no chunk for */
	};
	size_t before = settled_free_pages();

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		void **list = NULL;
		void **object;
		bool is_possible = has_room(MAX(kinds[i].size, kinds[i].align));
		unsigned long count = 0;
		unsigned long so_many;

		while (count < kinds[i].most &&
		       (object = kmalloc_aligned(kinds[i].size, kinds[i].align))) {
			*object = list;
			list = object;
			count++;
		}
		KTEST_EXPECT_GE(test, count, is_possible);
		so_many = count;
		while (list) {
			object = list;
			list = *object;
			kfree(object); /* whichever tier it is from when others have no more */
			if (!i && --count == so_many / 2) /* some slabs are full, one is partial */
				KTEST_EXPECT_NULL(test, kmalloc_check());
		}
		KTEST_EXPECT_EQ(test, settled_free_pages(), before);
	}
	KTEST_EXPECT_NULL(test, kmalloc_check());
}

#define MANY 256 /* objects of 64 bytes: several slabs */

/* This many fit for certain, even without slabs: each in pages of its own, with guards. */
static unsigned as_many_as_fit(void)
{
	size_t arena = paging_stats.arena_pages / (2 + KMALLOC_GUARD_PAGES);

	return MIN(MANY, MAX(1ul, MIN(free_page_count() / 2, arena) / 2));
}

static bool fill(void **objects, unsigned count)
{
	bool all = true;

	for (unsigned i = 0; i < count; i++) {
		objects[i] = kmalloc(64);
		all = all && objects[i];
	}
	return all;
}

static void empty(void **objects, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		kfree(objects[i]);
		objects[i] = NULL;
	}
}

/* Freed memory may wait in a quarantine until reclaim frees it in the middle of a request. */
KTEST(kmalloc, takes_back_while_it_allocates)
{
	static void *some[MANY];
	static void *more[MANY];
	size_t before = settled_free_pages();
	unsigned count = as_many_as_fit();
	void *large = kmalloc(16 * PAGE_SIZE);
	void *rest = NULL;

	KTEST_EXPECT(test, fill(some, count));
	if (free_page_count() + VMALLOC_GUARD_PAGES < paging_stats.arena_pages)
		rest = vmalloc(free_page_count() * PAGE_SIZE); /* nothing is left */
	kfree(some[count - 1]);
	some[count - 1] = NULL;
	kfree(large);
	fill(more, count);
	KTEST_EXPECT_NULL(test, kmalloc_check());
	empty(more, count);
	empty(some, count);
	vfree(rest);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}
