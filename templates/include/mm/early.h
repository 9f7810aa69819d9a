/*
 * Memory before the buddy: the shell around memblock, which maps and panics.
 */
#ifndef MM_EARLY_H
#define MM_EARLY_H

#include <kernel/types.h>
#include <mm/memblock.h>

extern struct memblock memblock;

/*
 * Where the machine's memory went, to the byte. Each figure is measured on its own. `kgen
 * boot` predicts each from the map, and verifies the sum:
 *
 *     available = kernel + modules + early + free + all waste
 */
struct memory_stats {
	uint64_t available; /* reported, less what a stricter entry takes back */
	uint32_t kernel; /* pages of the image */
	uint32_t modules; /* pages of modules */
	uint32_t early; /* what memblock handed out: page tables, metadata */
	uint64_t free; /* given to the buddies */
	struct {
		uint64_t above_4g; /* beyond the reach of i386 paging */
		uint64_t above_zones; /* above the end of the last zone */
		uint32_t legacy; /* between 640 KiB and 1 MiB */
		uint64_t rounding; /* parts of pages at the ends of ranges */
		uint32_t top_page; /* the page below 4 GiB */
		uint32_t page0; /* page frame 0 */
		uint32_t dropped; /* ranges for which memblock had no room */
		uint32_t partial; /* parts of pages between early allocations */
	} waste;
};

extern struct memory_stats memory_stats;

/*
 * Fill memblock from the loader's memory map: add what is available, reserve the
 * image and the modules. Returns the end of RAM that zones cover. Refuses to boot if
 * there is no RAM above the image.
 */
phys_addr_t memory_init(void);

/* Complete memory_stats when the buddies have taken over what memblock had left. */
void memory_account(void);

/* End of the RAM that the direct map covers, for RAM that ends at ram_end. */
phys_addr_t lowmem_end(phys_addr_t ram_end);

/*
 * Allocate size bytes for ever: mapped, aligned, not cleared. Extends the boot mapping if
 * necessary. Refuses to boot if there is no memory.
 */
void *early_alloc(size_t size, size_t align);

#endif /* MM_EARLY_H */
