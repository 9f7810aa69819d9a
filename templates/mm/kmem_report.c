/* The report of the caches that have been used. */
#include <kernel/printk.h>
#include <mm/report.h>
#include <mm/slab.h>

void kmem_report(void)
{
	for (const struct kmem_cache *cache = kmem_caches(); cache; cache = cache->next) {
		if (!cache->allocs)
			continue;
		kgen_stat(cache->allocs, "slab.%s.allocs", cache->name);
		kgen_stat(slab_objects(cache), "slab.%s.objects", cache->name);
		kgen_stat(cache->size, "slab.%s.bytes", cache->name);
		kgen_stat(cache->slots, "slab.%s.slots", cache->name);
		kgen_stat(cache->slabs, "slab.%s.slabs", cache->name);
		kgen_stat(cache->peak, "slab.%s.peak_slabs", cache->name);
	}
	kgen_stat(kmem_failures, "slab.failures");
}

/* Bytes of live objects in a hundred bytes of slabs; 0 without slabs. */
static unsigned percent_filled(const struct kmem_cache *cache)
{
	uint64_t bytes = (uint64_t)slab_objects(cache) * cache->size;

	return cache->slabs ? bytes * 100 / (cache->slabs * SLAB_SIZE) : 0;
}

void kmem_print(void)
{
	printk("%-20s%8s%9s%9s%9s%9s%9s\n", "cache", "bytes", "in slab", "objects", "slabs",
	       "at most", "filled");
	for (const struct kmem_cache *cache = kmem_caches(); cache; cache = cache->next) {
		if (cache->allocs)
			printk("%-20s%8zu%9zu%9zu%9zu%9zu%8u%%\n", cache->name, cache->size,
			       cache->slots, slab_objects(cache), cache->slabs, cache->peak,
			       percent_filled(cache));
	}
}
