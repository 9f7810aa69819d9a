/*
 * Page tables, as a mechanism. mm/kspace.c and mm/vmalloc.c decide what is mapped where.
 *
 * A linear address is looked up in two steps (Intel SDM vol. 3, 4.3): bits 31-22
 * select an entry of the page directory, bits 21-12 one of the page table that it
 * names; bits 11-0 are the offset. A Pentium has pages of 4 MiB: a directory entry that
 * maps memory itself.
 *
 *     CR3 ─▶ directory             page table          page frame
 *            1024 entries ──22──▶  1024 entries ──12──▶ 4096 bytes
 *                         ──────────4 MiB─────────────▶ 1024 frames in one piece
 *
 * A directory is given as an argument, by its address in the direct map. The boot
 * directory, in the image, serves until there is a permanent one (mm/kspace.c).
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/fixmap.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <arch/paging.h>
#include <arch/sections.h>
#include <arch/tlb.h>
#include <kernel/panic.h>
#include <kernel/string.h>

/* --- any directory ----------------------------------------------------------- */

uint32_t *current_directory(void)
{
	return phys_to_virt(read_cr3() & PTE_FRAME);
}

void hang_table(uint32_t *directory, uintptr_t virt, uint32_t *table)
{
	memset(table, 0, PAGE_SIZE);
	directory[pde_index(virt)] = VIRT_TO_PHYS((uintptr_t)table) | PTE_PRESENT | PTE_WRITE;
}

phys_addr_t lookup_page(const uint32_t *directory, uintptr_t virt)
{
	uint32_t pde = directory[pde_index(virt)];
	const uint32_t *pte = page_entry(directory, virt);

	if ((pde & PTE_PRESENT) && (pde & PTE_LARGE))
		return (pde & ~(TABLE_SPAN - 1)) | virt % TABLE_SPAN;
	if (!pte || !(*pte & PTE_PRESENT))
		return PHYS_NONE;
	return (*pte & PTE_FRAME) | virt % PAGE_SIZE;
}

int map_page_in(uint32_t *directory, uintptr_t virt, phys_addr_t phys, unsigned flags)
{
	uint32_t *pte;

	if (!IS_ALIGNED(virt, PAGE_SIZE) || !IS_ALIGNED(phys, PAGE_SIZE))
		return -EINVAL;
	pte = page_entry(directory, virt);
	if (!pte)
		return -EFAULT;
	if (*pte & PTE_PRESENT)
		return -EEXIST;
	*pte = phys | flags | PTE_PRESENT;
	return 0;
}

phys_addr_t unmap_page_in(uint32_t *directory, uintptr_t virt)
{
	phys_addr_t frame = lookup_page(directory, ALIGN_DOWN(virt, PAGE_SIZE));

	if (frame)
		*page_entry(directory, virt) = 0;
	return frame;
}

uint32_t *table_run(const uint32_t *directory, uintptr_t virt, size_t pages)
{
	uint32_t *first = page_entry(directory, virt);

	for (size_t page = 0; page < pages; page += TABLE_ENTRIES) {
		if (page_entry(directory, virt + page * PAGE_SIZE) != first + page)
			return NULL;
	}
	return first;
}

/* --- the one in use ------------------------------------------------------------ */

phys_addr_t slow_virt_to_phys(const volatile void *pointer)
{
	return lookup_page(current_directory(), (uintptr_t)pointer);
}

int map_page(uintptr_t virt, phys_addr_t phys, unsigned flags)
{
	return map_page_in(current_directory(), virt, phys, flags);
}

phys_addr_t unmap_page(uintptr_t virt)
{
	phys_addr_t frame = unmap_page_in(current_directory(), virt);

	if (frame)
		flush_tlb_page(virt);
	return frame;
}

/* --- the boot directory ---------------------------------------------------------- */

bool is_stack_guard(const char *page)
{
	return page >= fault_stack_guard && page < boot_stack && page != fault_stack;
}

phys_addr_t boot_mapped_end(void)
{
	return MIN(VIRT_TO_PHYS((uintptr_t)_boot_mapped_end), (phys_addr_t)DIRECT_MAP_LIMIT);
}

static void fill_linear(uint32_t *entries, size_t count, phys_addr_t phys)
{
	for (size_t i = 0; i < count; i++)
		entries[i] = (phys + i * PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
}

bool boot_is_mapped(phys_addr_t phys)
{
	return boot_page_directory[pde_index(PHYS_TO_VIRT(phys))] & PTE_PRESENT;
}

void boot_map(phys_addr_t phys, phys_addr_t table)
{
	fill_linear(fixmap_map(FIXMAP_READ, table), TABLE_ENTRIES, phys);
	fixmap_unmap(FIXMAP_READ);
	boot_page_directory[pde_index(PHYS_TO_VIRT(phys))] = table | PTE_PRESENT | PTE_WRITE;
}

void boot_drop_identity(void)
{
	memset(boot_page_directory, 0, KERNEL_PDE * sizeof(uint32_t));
	for (const char *page = fault_stack_guard; page < boot_stack; page += PAGE_SIZE) {
		if (is_stack_guard(page))
			*page_entry(boot_page_directory, (uintptr_t)page) = 0;
	}
	flush_tlb_all();
	BUG_ON(slow_virt_to_phys((void *)KERNEL_LOAD) != PHYS_NONE);
}
