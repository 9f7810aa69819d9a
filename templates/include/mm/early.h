/*
 * Memory before the buddy: the shell around memblock, which maps and panics.
 */
#ifndef MM_EARLY_H
#define MM_EARLY_H

#include <kernel/types.h>
#include <mm/memblock.h>

extern struct memblock memblock;

/* Bytes of the machine's memory, by fate. */
struct memory_stats {
	uint64_t available; /* reported as available, in whole pages, below 4 GiB */
	uint64_t above_4g; /* likewise above, which i386 paging does not reach */
	uint32_t boot_modules; /* in modules, which stay where they are */
};

extern struct memory_stats memory_stats;

/*
 * Fill memblock from the loader's memory map: add what is available, reserve the
 * image and the modules. Returns the end of RAM below 4 GiB. Refuses to boot
 * where there is no memory to speak of.
 */
phys_addr_t memory_init(void);

/* End of the RAM that the direct map covers, for RAM that ends at ram_end. */
phys_addr_t lowmem_end(phys_addr_t ram_end);

/*
 * size bytes that stay allocated for ever, mapped, aligned, not cleared. Extends
 * the boot mapping if need be. Panics if there is no memory.
 */
void *early_alloc(size_t size, size_t align);

#endif /* MM_EARLY_H */
