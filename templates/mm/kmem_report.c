/* The report of the caches that have been used. */
#include <kernel/printk.h>
#include <mm/report.h>
#include <mm/slab.h>

struct kmem_use kmem_use(const struct kmem_cache *cache)
{
	struct kmem_use use = {
		.objects = slab_objects(cache),
		.bytes = cache->slabs * SLAB_SIZE,
	};

	if (use.bytes)
		use.percent = (uint64_t)use.objects * cache->size * 100 / use.bytes;
	return use;
}

void kmem_report(void)
{
	for (const struct kmem_cache *cache = kmem_caches(); cache; cache = cache->next) {
		if (!cache->allocs)
			continue;
		kgen_stat(cache->allocs, "slab.%s.allocs", cache->name);
		kgen_stat(kmem_use(cache).objects, "slab.%s.objects", cache->name);
		kgen_stat(cache->size, "slab.%s.bytes", cache->name);
		kgen_stat(cache->slots, "slab.%s.slots", cache->name);
		kgen_stat(cache->slabs, "slab.%s.slabs", cache->name);
		kgen_stat(cache->peak, "slab.%s.peak_slabs", cache->name);
	}
	kgen_stat(kmem_failures, "slab.failures");
}

void kmem_print(void)
{
	printk("%-20s%8s%9s%9s%9s%9s%9s\n", "cache", "bytes", "in slab", "objects", "slabs",
	       "at most", "filled");
	for (const struct kmem_cache *cache = kmem_caches(); cache; cache = cache->next) {
		struct kmem_use use = kmem_use(cache);

		if (cache->allocs)
			printk("%-20s%8zu%9zu%9zu%9zu%9zu%8u%%\n", cache->name, cache->size,
			       cache->slots, use.objects, cache->slabs, cache->peak, use.percent);
	}
}
