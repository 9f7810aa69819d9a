/* Tests of caches, on the machine's own memory. */
#include <arch/paging.h>
#include <kernel/ktest.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

#define OBJECTS 500

static void *objects[OBJECTS];

static size_t settled_free_pages(void)
{
	kmalloc_shrink();
	return free_page_count();
}

/* Allocate `count` objects; false if one is missing. */
static bool allocate(struct kmem_cache *cache, unsigned count)
{
	bool all = true;

	BUG_ON(count > OBJECTS);
	for (unsigned i = 0; i < count; i++)
		all &= !!(objects[i] = kmem_cache_alloc(cache));
	return all;
}

static void release(struct kmem_cache *cache, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		kmem_cache_free(cache, objects[i]);
		objects[i] = NULL;
	}
}

/* Clean up after a test, however far it got. */
static void clean_up(struct kmem_cache *cache)
{
	release(cache, OBJECTS);
	kmem_cache_destroy(cache);
}

KTEST(slab, gives_distinct_aligned_objects)
{
	size_t before = settled_free_pages();
	struct kmem_cache *cache = kmem_cache_create("test", 40, 64, NULL);
	bool distinct = true;

	KTEST_ASSERT(test, cache);
	KTEST_ASSERT_OR(test, allocate(cache, OBJECTS), out);
	for (unsigned i = 0; i < OBJECTS; i++) {
		KTEST_EXPECT(test, IS_ALIGNED((uintptr_t)objects[i], 64));
		memset(objects[i], i, 40);
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		const unsigned char *bytes = objects[i];

		distinct &= bytes[0] == (unsigned char)i && bytes[39] == (unsigned char)i;
	}
	KTEST_EXPECT(test, distinct);
	KTEST_EXPECT_EQ(test, slab_objects(cache), OBJECTS);
	KTEST_EXPECT_EQ(test, slab_check(cache), SLAB_OK);
	release(cache, OBJECTS);
	KTEST_EXPECT_EQ(test, slab_objects(cache), 0);
out:
	clean_up(cache);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}

/* Of the slabs that become empty, the current one and one spare are kept. */
KTEST(slab, returns_empty_slabs)
{
	struct kmem_cache *cache = kmem_cache_create("test", 200, 0, NULL);
	size_t slabs;

	KTEST_ASSERT(test, cache);
	KTEST_ASSERT_OR(test, allocate(cache, OBJECTS), out);
	slabs = cache->slabs;
	KTEST_EXPECT_GE(test, slabs, OBJECTS * 200 / SLAB_SIZE);
	release(cache, OBJECTS);
	KTEST_EXPECT_EQ(test, slab_check(cache), SLAB_OK);
	KTEST_EXPECT_EQ(test, cache->slabs, MIN(slabs, (size_t)2));
	KTEST_EXPECT_EQ(test, kmem_cache_shrink(cache), MIN(slabs, (size_t)2));
	KTEST_EXPECT_EQ(test, cache->slabs, 0);
	KTEST_EXPECT_EQ(test, slab_check(cache), SLAB_OK);
	KTEST_EXPECT(test, allocate(cache, 1)); /* and starts again */
out:
	clean_up(cache);
}

/* Holes are filled before new slabs are made. */
KTEST(slab, fills_holes_first)
{
	struct kmem_cache *cache = kmem_cache_create("test", 200, 0, NULL);
	size_t slabs;

	KTEST_ASSERT(test, cache);
	KTEST_ASSERT_OR(test, allocate(cache, OBJECTS), out);
	slabs = cache->slabs;
	for (unsigned round = 0; round < 7; round++) {
		for (unsigned i = round; i < OBJECTS; i += 7)
			kmem_cache_free(cache, objects[i]);
		KTEST_EXPECT_EQ(test, slab_check(cache), SLAB_OK);
		for (unsigned i = round; i < OBJECTS; i += 7)
			objects[i] = kmem_cache_alloc(cache);
		KTEST_EXPECT_EQ(test, cache->slabs, slabs);
	}
out:
	clean_up(cache);
}

static void construct(void *object)
{
	memset(object, 0x5c, 24);
}

KTEST(slab, constructs_once)
{
	struct kmem_cache *cache = kmem_cache_create("test", 24, 0, construct);
	const unsigned char *bytes;

	KTEST_ASSERT(test, cache);
	KTEST_ASSERT_OR(test, allocate(cache, 2), out);
	bytes = objects[0];
	KTEST_EXPECT_EQ(test, bytes[0], 0x5c);
	KTEST_EXPECT_EQ(test, bytes[23], 0x5c);
	((unsigned char *)objects[0])[5] = 1; /* left as it is wanted again */
	kmem_cache_free(cache, objects[0]);
	objects[0] = kmem_cache_alloc(cache);
	bytes = objects[0];
	KTEST_ASSERT_OR(test, bytes, out);
	KTEST_EXPECT_EQ(test, bytes[0], 0x5c);
	KTEST_EXPECT_EQ(test, bytes[5], 1);
out:
	clean_up(cache);
}

KTEST(slab, refuses_wrong_frees)
{
	struct kmem_cache *cache = kmem_cache_create("test", 48, 0, NULL);
	struct kmem_cache *other = kmem_cache_create("other", 48, 0, NULL);
	char *object;

	KTEST_ASSERT_OR(test, cache && other, out);
	object = kmem_cache_alloc(cache);
	KTEST_ASSERT_OR(test, object, out);
	KTEST_EXPECT_EQ(test, slab_fault(cache, object), SLAB_OK);
	KTEST_EXPECT_EQ(test, slab_fault(other, object), SLAB_ERR_CACHE);
	KTEST_EXPECT_EQ(test, slab_fault(cache, object + 8), SLAB_ERR_INTERIOR);
	KTEST_EXPECT_EQ(test, slab_fault(cache, object + 1), SLAB_ERR_INTERIOR);
	KTEST_EXPECT_EQ(test, slab_fault(cache, slab_of(object)), SLAB_ERR_INTERIOR);
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(object));
	((struct slot *)(void *)object)->mark = SLOT_FREE; /* looks free, and is not */
	KTEST_EXPECT_EQ(test, slab_fault(cache, object), SLAB_OK);
	kmem_cache_free(cache, object);
	KTEST_EXPECT_EQ(test, slab_fault(cache, object), SLAB_ERR_DOUBLE);
	kmem_cache_free(cache, NULL);
out:
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
	kmem_cache_destroy(NULL);
}

/* slab_check() detects the damage of a write to free memory. */
KTEST(slab, notices_overwritten_free_slots)
{
	struct kmem_cache *cache = kmem_cache_create("test", 48, 0, NULL);
	struct slot *slot;
	struct slot saved;

	KTEST_ASSERT(test, cache);
	slot = kmem_cache_alloc(cache);
	KTEST_ASSERT_OR(test, slot, out);
	kmem_cache_free(cache, slot);
	saved = *slot;
	slot->mark = 0;
	KTEST_EXPECT_EQ(test, slab_check(cache), SLAB_BAD_FREE);
	*slot = saved;
	slot->next = (struct slot *)((char *)slot + 4);
	KTEST_EXPECT_EQ(test, slab_check(cache), SLAB_BAD_FREE);
	*slot = saved;
	slot->next = NULL;
	KTEST_EXPECT_EQ(test, slab_check(cache), SLAB_BAD_COUNT);
	*slot = saved;
	KTEST_EXPECT_EQ(test, slab_check(cache), SLAB_OK);
out:
	kmem_cache_destroy(cache);
}

/* Whether the direct map has a free block of this order. */
static bool has_block(unsigned order)
{
	static struct free_profile profile;
	bool found = false;

	free_profile_read(&profile);
	for (unsigned zone = 0; zone <= ZONE_DIRECT; zone++) {
		for (unsigned at = order; at <= MAX_ORDER; at++)
			found |= profile.blocks[zone][at];
	}
	return found;
}

/* Merge free addresses: a request for all of them reclaims the spare ones, too. */
static void join_addresses(void)
{
	uintptr_t virt = vm_map(1, 1, 0, paging_stats.arena_pages - 1);

	if (virt)
		vm_unmap(virt, 1);
	vm_purge();
}

/* Pages that wait for a flush are reclaimed before a request fails. */
KTEST(slab, takes_what_waits_for_a_flush)
{
	size_t pages = settled_free_pages();
	size_t few = MIN(pages / 4, (size_t)1023); /* wait */
	struct kmem_cache *cache = kmem_cache_create("test", 100, 0, NULL);
	char *most;
	char *waiting;
	void *object;

	KTEST_ASSERT(test, cache);
	if (pages + 2 * VMALLOC_GUARD_PAGES > paging_stats.arena_pages ||
	    few < 4 * (SLAB_SIZE / PAGE_SIZE)) {
		kmem_cache_destroy(cache);
		KTEST_SKIP(test, "there are fewer addresses than pages, or few slabs");
	}
	join_addresses();
	most = vmalloc((free_page_count() - few) * PAGE_SIZE);
	if (!has_block(SLAB_ORDER)) { /* single pages, between holes in the memory map */
		vfree(most);
		kmem_cache_destroy(cache);
		KTEST_SKIP(test, "what is left has no block as large as a slab");
	}
	waiting = vmalloc(few * PAGE_SIZE); /* of the lowest zone */
	KTEST_EXPECT(test, most && waiting);
	vfree(waiting);
	object = kmem_cache_alloc(cache);
	KTEST_EXPECT_NOT_NULL(test, object);
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	vfree(most);
	KTEST_EXPECT_EQ(test, settled_free_pages(), pages);
}

#define LENT (SLAB_SIZE / 32) /* bytes: a slab has few such objects, however large it is */

/* A lent slab is counted when it is returned, whichever cache owns it. */
KTEST(slab, counts_what_it_returns)
{
	struct kmem_cache *lender = kmem_cache_create("lender", LENT, 0, NULL);
	struct kmem_cache *cache = kmem_cache_create("test", LENT / 2, 0, NULL);
	void *lent = NULL;

	KTEST_ASSERT_OR(test, lender && cache, out);
	KTEST_ASSERT_OR(test, allocate(lender, lender->slots + 1), out);
	kmem_cache_free(lender, objects[0]); /* the first slab is partial now */
	objects[0] = NULL;
	cache->lender = lender;
	lent = kmem_cache_alloc(cache);
	KTEST_EXPECT_EQ(test, cache->slabs, 0);
	release(lender, lender->slots + 1);
	kmem_cache_shrink(lender);
	kmem_cache_free(lender, lent);
	KTEST_EXPECT_EQ(test, kmem_cache_shrink(cache), !!lent);
	KTEST_EXPECT_EQ(test, lender->slabs, 0);
out:
	if (lender)
		release(lender, OBJECTS);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(lender);
}

KTEST(slab, makes_no_impossible_caches)
{
	KTEST_EXPECT_NULL(test, kmem_cache_create("test", 0, 0, NULL));
	KTEST_EXPECT_NULL(test, kmem_cache_create("test", 8, 24, NULL));
	KTEST_EXPECT_NULL(test, kmem_cache_create("test", SLAB_SIZE / 2, 0, NULL));
	KTEST_EXPECT_NULL(test, kmem_cache_create("test", (size_t)-1, 0, NULL));
	KTEST_EXPECT_NULL(test, kmem_check());
}

/* Without a header the first word is the caller's, and may be anything. */
KTEST(slab, takes_back_from_kfree_what_looks_free)
{
	struct kmalloc_stats before;
	struct kmalloc_stats after;
	uint32_t *words = kmalloc(64);

	KTEST_ASSERT(test, words);
	kmalloc_stats_read(&before);
	words[0] = SLOT_FREE;
	kfree(words);
	kmalloc_shrink(); /* not into a quarantine alone */
	kmalloc_stats_read(&after);
	KTEST_EXPECT_EQ(test, after.frees, before.frees + 1);
	KTEST_EXPECT_NULL(test, kmalloc_check());
}

/* A large block of a slab's order is not mistaken for a slab, whatever the caller writes there. */
KTEST(slab, is_not_seen_in_what_others_write)
{
	size_t beyond = MAX(KMALLOC_SLAB_LIMIT, KMALLOC_HEAP_LIMIT); /* the slabs, and the heap */
	uint32_t *words = kmalloc(beyond + 8 * sizeof(*words));

	//% if kmalloc.mapping == "direct"
	if (!words && beyond + 256 > PAGE_SIZE << MAX_ORDER)
		KTEST_SKIP(test, "no block is larger than a slab or a chunk");
	//% endif
	KTEST_ASSERT(test, words);
	for (unsigned i = 0; i < 8; i++)
		words[i] = SLAB_MAGIC;
	KTEST_EXPECT_NULL(test, kmalloc_fault(words));
	kfree(words);
}
