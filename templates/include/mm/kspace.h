/* The kernel's address space, and the permanent page directory that maps it. */
#ifndef MM_KSPACE_H
#define MM_KSPACE_H

#include <kernel/types.h>

/*
 * Allocate the page map (mm/page.h) for `frames` frames from memblock and map it at
 * PAGE_MAP_BASE. The rest of it reads as 0xff and must not be written.
 */
void page_map_reserve(size_t frames);

/* Allocate directory and page tables for RAM that ends at ram_end from memblock. */
void paging_reserve(phys_addr_t ram_end);

/* Fill them and load CR3. Afterwards the kernel's directory entries never change. */
void paging_init(void);

//% if features.user_space
/* The permanent directory. */
uint32_t *kernel_directory(void);

//% endif
/* What paging_init() built. */
struct paging_stats {
	size_t direct_pages; /* mapped at KERNEL_BASE */
	size_t large_pages; /* of them, in 4 MiB pages: how many such */
	size_t tables; /* page tables, fixmap included */
	size_t arena_pages; /* of the arena, those that have page tables */
};

extern struct paging_stats paging_stats;

/*
 * Verify the permanent directory: no identity map, null page absent, the direct map maps
 * what it should and nothing else. Returns the error in words, or NULL.
 */
const char *paging_check(void);

#endif /* MM_KSPACE_H */
