/* Page tables: looking addresses up, and mapping single pages, in any page directory. */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include <arch/mmu.h>
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
 * The physical address of any pointer, read from the page tables. VIRT_TO_PHYS()
 * subtracts, which is right in the direct map only. Returns PHYS_NONE if nothing is
 * mapped there.
 */
phys_addr_t slow_virt_to_phys(const volatile void *virt);

/* --- while the boot page directory is in use ------------------------------- */

/* Physical address up to which the image's boot page tables map memory at KERNEL_BASE. */
phys_addr_t boot_mapped_end(void);

/* Whether the boot page directory maps the 4 MiB that begin at phys. */
bool boot_is_mapped(phys_addr_t phys);

/* Map the 4 MiB that begin at phys, with the page at `table`, mapped or not, as page table. */
void boot_map(phys_addr_t phys, phys_addr_t table);

/* Remove the mapping of the image at its physical address. */
void boot_drop_identity(void);

/* Whether a page of the image is a guard below a stack, mapped nowhere. */
bool is_stack_guard(const char *page);

/* --- any page directory, by its address in the direct map ------------------- */

/* The directory that CR3 holds. */
uint32_t *current_directory(void);

static inline unsigned pde_index(uintptr_t virt)
{
	return virt / TABLE_SPAN;
}

static inline unsigned pte_index(uintptr_t virt)
{
	return virt / PAGE_SIZE % TABLE_ENTRIES;
}

/* The directory's entry for virt. */
static inline uint32_t *directory_entry(uint32_t *directory, uintptr_t virt)
{
	return directory + pde_index(virt);
}

/* The page-table entry for virt; NULL if there is no table. */
static inline uint32_t *page_entry(const uint32_t *directory, uintptr_t virt)
{
	uint32_t pde = directory[pde_index(virt)];

	if (!(pde & PTE_PRESENT) || (pde & PTE_LARGE))
		return NULL;
	return (uint32_t *)phys_to_virt(pde & PTE_FRAME) + pte_index(virt);
}

/* Give the directory's entry for virt a page table, with nothing mapped. */
void hang_table(uint32_t *directory, uintptr_t virt, uint32_t *table);

/* The physical address to which virt is mapped; PHYS_NONE if it is not. */
phys_addr_t lookup_page(const uint32_t *directory, uintptr_t virt);

/*
 * The page-table entries of `pages` pages from virt on, as one array. Returns NULL if
 * their tables are not contiguous.
 */
uint32_t *table_run(const uint32_t *directory, uintptr_t virt, size_t pages);

/* As map_page() and unmap_page(), below, but neither flushes. */
int map_page_in(uint32_t *directory, uintptr_t virt, phys_addr_t phys, unsigned flags);
phys_addr_t unmap_page_in(uint32_t *directory, uintptr_t virt);

//% if features.user_space
/* The first entry in [entry, end) that is not 0; `end` if all are. A 386 scans fast. */
static inline uint32_t *next_entry(uint32_t *entry, const uint32_t *end)
{
	size_t left = end - entry;
	bool all_zero;

	if (!left)
		return entry;
	__asm__("repe scasl" : "+D"(entry), "+c"(left), "=@ccz"(all_zero) : "a"(0) : "memory");
	return all_zero ? entry : entry - 1; /* it stops after the one that differs */
}

/* Whole pages, by the 386's string instructions. */
static inline void clear_page(void *page)
{
	size_t words = PAGE_SIZE / 4;

	__asm__ volatile("rep stosl" : "+D"(page), "+c"(words) : "a"(0) : "memory");
}

static inline void copy_page(void *to, const void *from)
{
	size_t words = PAGE_SIZE / 4;

	__asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

//% endif
/* --- the one in use ------------------------------------------------------------ */

/*
 * Map the page frame at phys to virt, both page-aligned, with MAP_* flags. No flush: the
 * page was absent. Returns 0, -EINVAL if unaligned, -EFAULT if there is no page table for
 * virt, -EEXIST if something is mapped there.
 */
int map_page(uintptr_t virt, phys_addr_t phys, unsigned flags);

/* Unmap one page and flush it. Returns the frame that was mapped, or PHYS_NONE. */
phys_addr_t unmap_page(uintptr_t virt);

#endif /* ARCH_PAGING_H */
