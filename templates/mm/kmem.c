/*
 * Caches for everyone: Linux's kmem_cache functions around the core of slab.c.
 *
 * A cache is itself an object of a cache, the cache of caches. All caches are in
 * one list, oldest first, so that someone can look after them: verify them, print
 * their counters, return what they do not need.
 *
 * This is the shell around the core: it panics on what the core refuses.
 */
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/place.h>
//% if debug.fail
#include <kernel/fail.h>
//% endif
#include <mm/kmalloc.h>
#include <mm/kmem.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/tiers.h>

static struct kmem_cache cache_of_caches;
static struct kmem_cache *caches;

unsigned long kmem_failures;

/* --- the list of caches --------------------------------------------------------- */

void kmem_register(struct kmem_cache *cache)
{
	struct kmem_cache **at = &caches;

	while (*at)
		at = &(*at)->next;
	*at = cache;
}

static void unregister(struct kmem_cache *cache)
{
	struct kmem_cache **at = &caches;

	while (*at != cache)
		at = &(*at)->next;
	*at = cache->next;
}

bool kmem_is_cache(const struct kmem_cache *cache)
{
	const struct kmem_cache *at = caches;

	while (at && at != cache)
		at = at->next;
	return at;
}

/* --- caches --------------------------------------------------------------------- */

static void *bad_cache(const char *name, size_t size, size_t align, const char *fault)
{
	printk("kmem_cache_create(%s, %u, %u): %s\n", name, size, align, fault);
	return NULL;
}

/* Out of memory: count it, and log the free memory, but not each time. */
static COLD void *no_memory(const char *name)
{
	if (!is_news(++kmem_failures))
		return NULL;
	printk("cache %s: no memory, failure %lu", name, kmem_failures);
	page_print_free();
	printk("\n");
	return NULL;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align,
				     void (*ctor)(void *object))
{
	/* The object of a cache with a constructor stays intact while it is free. */
	size_t front = ctor || size < sizeof(struct slot) ? sizeof(struct slot) : 0;
	struct kmem_cache *cache;

	if (align & (align - 1))
		return bad_cache(name, size, align, "the alignment is not a power of two");
	if (!size)
		return bad_cache(name, size, align, "an object has no bytes");
	//% if debug.fail
	if (fail_here(FAIL_CACHE))
		return no_memory(name);
	//% endif
	if (!cache_of_caches.slabs && !cache_of_caches.current) {
		slab_cache_init(&cache_of_caches, "kmem_cache", sizeof(*cache), 0, 0, NULL);
		kmem_register(&cache_of_caches);
	}
	cache = slab_alloc(&cache_of_caches);
	if (!cache)
		return no_memory(name);
	if (!slab_cache_init(cache, name, size, align, front, ctor)) {
		slab_free(&cache_of_caches, cache);
		return bad_cache(name, size, align, "two objects do not fit into a slab");
	}
	kmem_register(cache);
	return cache;
}

void *kmem_cache_alloc(struct kmem_cache *cache)
{
	void *object;

	//% if debug.fail
	if (fail_here(FAIL_CACHE))
		return no_memory(cache->name);
	//% endif
	object = slab_alloc(cache);
	return likely(object) ? object : no_memory(cache->name);
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	enum slab_error error;
	char place[PLACE_MAX];

	if (!object)
		return;
	error = kblock_is(object, SLAB_ORDER) ? slab_free(cache, object) : SLAB_ERR_NOT_SLAB;
	if (!error)
		return;
	tier_describe(object, place, sizeof(place));
	panic("kmem_cache_free(%s, %p): %s (%s)", cache->name, object, slab_strerror(error), place);
}

size_t kmem_cache_shrink(struct kmem_cache *cache)
{
	return slab_shrink(cache);
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
	if (!cache)
		return;
	if (slab_objects(cache))
		panic("kmem_cache_destroy(%s): %u objects are still allocated", cache->name,
		      slab_objects(cache));
	slab_shrink(cache);
	unregister(cache);
	kmem_cache_free(&cache_of_caches, cache);
}

size_t kmem_shrink(void)
{
	size_t slabs = 0;

	for (struct kmem_cache *cache = caches; cache; cache = cache->next)
		slabs += slab_shrink(cache);
	return slabs;
}

const struct kmem_cache *kmem_caches(void)
{
	return caches;
}

const char *kmem_check(void)
{
	for (const struct kmem_cache *cache = caches; cache; cache = cache->next) {
		enum slab_error error = slab_check(cache);

		if (error)
			return slab_strerror(error);
	}
	return NULL;
}
