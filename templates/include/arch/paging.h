/*
 * Page tables: the permanent page directory, and mapping single pages.
 */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include <generated/layout.h>
#include <kernel/types.h>

/* The direct map: physical 0 to DIRECT_MAP_LIMIT at KERNEL_BASE, where there is RAM. */
#define VIRT_TO_PHYS(addr) ((addr) - KERNEL_BASE)
#define PHYS_TO_VIRT(addr) ((addr) + KERNEL_BASE)

/* For map_page(); the values are the hardware's (arch/mmu.h). */
#define MAP_READ 0x000
#define MAP_WRITE 0x002
#define MAP_UNCACHED 0x010

/* A pointer into the direct map; phys must be RAM below DIRECT_MAP_LIMIT. */
static inline void *phys_to_virt(phys_addr_t phys)
{
	return (void *)PHYS_TO_VIRT(phys);
}

/*
 * The physical address behind a pointer, read from the page tables, wherever it
 * points; PHYS_NONE if nothing is mapped there.
 */
phys_addr_t virt_to_phys(const volatile void *virt);

/* --- while the boot page directory is in use ------------------------------- */

/* Physical address up to which the image's boot page tables map memory at KERNEL_BASE. */
phys_addr_t boot_mapped_end(void);

/* Whether the boot page directory maps the 4 MiB that begin at phys. */
bool boot_is_mapped(phys_addr_t phys);

/* Map the 4 MiB that begin at phys, with the page at `table`, mapped or not, as page table. */
void boot_map(phys_addr_t phys, phys_addr_t table);

/* Remove the mapping of the image at its physical address. */
void boot_drop_identity(void);

/*
 * Carve the page map (mm/page.h) for so many frames out of memblock and map it at
 * PAGE_MAP_BASE; whatever is behind reads as 0xff, and is not to be written.
 */
void page_map_reserve(size_t frames);

/* --- the permanent page directory ------------------------------------------ */

/* Allocate directory and page tables for RAM that ends at ram_end from memblock. */
void paging_reserve(phys_addr_t ram_end);

/* Fill them and load CR3. Afterwards the kernel's directory entries never change. */
void paging_init(void);

/* What paging_init() built. */
struct paging_stats {
	size_t direct_pages; /* mapped at KERNEL_BASE */
	size_t large_pages; /* of them, in 4 MiB pages: how many such */
	size_t tables; /* page tables, fixmap included */
	size_t arena_pages; /* of the arena, those that have page tables */
};

extern struct paging_stats paging_stats;

/*
 * Map the page frame at phys to virt, both page-aligned, with MAP_* flags. No
 * flush: the page was absent. 0; -EINVAL if unaligned, -EFAULT if there is no
 * page table for virt, -EEXIST if something is mapped there.
 */
int map_page(uintptr_t virt, phys_addr_t phys, unsigned flags);

/* Unmap one page and flush it; the frame that was there, or PHYS_NONE. */
phys_addr_t unmap_page(uintptr_t virt);

/*
 * Verify the permanent directory: no identity map, null page absent, the direct
 * map maps what it should and nothing else. NULL, or what is wrong.
 */
const char *paging_check(void);

#endif /* ARCH_PAGING_H */
