/* The heap's report; free blocks are found in its lists. */
#include <generated/config.h>
#include <kernel/printk.h>
#include <mm/kheap.h>
#include <mm/report.h>

struct heap_use heap_use(void)
{
	struct heap_use use = {
		.chunks = kheap.chunk_count,
		.blocks = kheap.allocs - kheap.frees,
		.bytes = kheap.chunk_count * KHEAP_CHUNK,
	};

	for (unsigned i = 0; i < KHEAP_LISTS; i++) {
		const struct kheap_block *block = kheap.lists[i];

		for (; block; block = block->next) {
			size_t bytes = (block->tag & ~KHEAP_FREE) * KHEAP_GRANULE;

			use.free += bytes;
			use.largest_free = MAX(use.largest_free, bytes);
		}
	}
	return use;
}

void heap_report(void)
{
	struct heap_use use = heap_use();

	kgen_stat(use.chunks, "heap.chunks");
	kgen_stat(kheap.chunk_peak, "heap.peak_chunks");
	kgen_stat(use.blocks, "heap.blocks");
	kgen_stat(use.bytes, "heap.bytes");
	kgen_stat(use.free, "heap.free");
	kgen_stat(use.largest_free, "heap.largest_free");
}

void heap_print(void)
{
	struct heap_use use = heap_use();

	printk("heap: %zu chunks, %zu at most; %zu blocks; %zu bytes free, %zu in one block\n",
	       use.chunks, kheap.chunk_peak, use.blocks, use.free, use.largest_free);
}
