/*
 * Page tables.
 *
 * A linear address is looked up in two steps (Intel SDM vol. 3, 4.3): bits 31-22
 * select an entry of the page directory, bits 21-12 one of the page table that it
 * names; bits 11-0 are the offset. The permanent directory, one for all:
 *
 *     entry of           maps                                tables from
 *     user space         nothing yet                         -
 *     the direct map     RAM, and the first MiB but page 0   memblock
 *     the arena          what kmalloc maps                   memblock
 *     the fixmap         what the slots show                 the image
 *
 * All tables of the kernel's part exist from the beginning, for as much arena as
 * the RAM could ever fill. So its directory entries never change, and a process's
 * directory can copy them once and never miss a later one; and mapping a page
 * cannot fail for want of a table.
 *
 * Text and read-only data are mapped read-only; a 386 ignores that in ring 0.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/gdt.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <arch/paging.h>
#include <arch/sections.h>
#include <arch/tlb.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <mm/early.h>

/* Legacy memory that is not RAM but wanted: video memory, BIOS. */
#define FIRST_MIB 0x100000

struct paging_stats paging_stats;

static uint32_t *directory; /* the permanent one */
static uint32_t *direct_tables; /* contiguous: entry i maps page frame i */
static uint32_t *arena_tables; /* contiguous: entry i maps page i of the arena */
static phys_addr_t direct_end;
static unsigned boot_tables; /* of the boot directory, once asked for */

static inline unsigned pde_index(uintptr_t virt)
{
	return virt / TABLE_SPAN;
}

static inline unsigned pte_index(uintptr_t virt)
{
	return virt / PAGE_SIZE % TABLE_ENTRIES;
}

/* The directory that the CPU uses at this moment, and the entry for virt, or NULL. */
static uint32_t *walk(uintptr_t virt)
{
	uint32_t *current = phys_to_virt(read_cr3() & PTE_FRAME);
	uint32_t pde = current[pde_index(virt)];

	if (!(pde & PTE_PRESENT))
		return NULL;
	return (uint32_t *)phys_to_virt(pde & PTE_FRAME) + pte_index(virt);
}

phys_addr_t virt_to_phys(const volatile void *pointer)
{
	uintptr_t virt = (uintptr_t)pointer;
	const uint32_t *pte = walk(virt);

	if (!pte || !(*pte & PTE_PRESENT))
		return PHYS_NONE;
	return (*pte & PTE_FRAME) | virt % PAGE_SIZE;
}

/* --- boot ------------------------------------------------------------------ */

phys_addr_t boot_mapped_end(void)
{
	if (!boot_tables)
		boot_tables = ((uintptr_t)_boot_mapped_end - KERNEL_BASE) / TABLE_SPAN;
	return MIN(boot_tables * (phys_addr_t)TABLE_SPAN, (phys_addr_t)DIRECT_MAP_LIMIT);
}

static void fill_linear(uint32_t *entries, size_t count, phys_addr_t phys)
{
	for (size_t i = 0; i < count; i++)
		entries[i] = (phys + i * PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
}

void boot_map_more(phys_addr_t table)
{
	fill_linear(phys_to_virt(table), TABLE_ENTRIES, boot_tables * TABLE_SPAN);
	boot_page_directory[KERNEL_PDE + boot_tables] = table | PTE_PRESENT | PTE_WRITE;
	boot_tables++;
}

void boot_drop_identity(void)
{
	memset(boot_page_directory, 0, KERNEL_PDE * sizeof(uint32_t));
	flush_tlb_all();
	BUG_ON(virt_to_phys((void *)KERNEL_LOAD) != PHYS_NONE);
}

/* --- the permanent directory ------------------------------------------------ */

void paging_reserve(phys_addr_t ram_end)
{
	size_t direct;
	size_t arena = ALIGN_UP(ram_end / PAGE_SIZE * ARENA_PER_RAM, TABLE_ENTRIES);

	direct_end = lowmem_end(ram_end);
	direct = ALIGN_UP(direct_end / PAGE_SIZE, TABLE_ENTRIES);
	arena = MIN(arena, (size_t)ARENA_PAGES);
	directory = early_alloc(PAGE_SIZE, PAGE_SIZE);
	direct_tables = early_alloc(direct * sizeof(uint32_t), PAGE_SIZE);
	arena_tables = early_alloc(arena * sizeof(uint32_t), PAGE_SIZE);
	paging_stats.arena_pages = arena;
	paging_stats.tables = (direct + arena) / TABLE_ENTRIES + 1;
}

/* Hang page tables that lie one behind the other into the directory. */
static void hang(uintptr_t virt, const uint32_t *tables, size_t pages)
{
	phys_addr_t phys = VIRT_TO_PHYS((uintptr_t)tables);

	for (size_t i = 0; i * TABLE_ENTRIES < pages; i++)
		directory[pde_index(virt) + i] = (phys + i * PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
}

static void protect(const char *from, const char *to)
{
	size_t first = VIRT_TO_PHYS((uintptr_t)from) / PAGE_SIZE;
	size_t last = (VIRT_TO_PHYS((uintptr_t)to) + PAGE_SIZE - 1) / PAGE_SIZE;

	for (size_t i = first; i < last; i++)
		direct_tables[i] &= ~(uint32_t)PTE_WRITE;
}

static void map_direct(phys_addr_t start, phys_addr_t end)
{
	end = MIN(end, direct_end);
	if (start >= end)
		return;
	fill_linear(direct_tables + start / PAGE_SIZE, (end - start) / PAGE_SIZE, start);
}

void paging_init(void)
{
	size_t direct = ALIGN_UP(direct_end / PAGE_SIZE, TABLE_ENTRIES);

	memset(directory, 0, PAGE_SIZE);
	memset(direct_tables, 0, direct * sizeof(uint32_t));
	memset(arena_tables, 0, paging_stats.arena_pages * sizeof(uint32_t));

	map_direct(PAGE_SIZE, FIRST_MIB);
	for (unsigned i = 0; i < memblock.memory.count; i++) {
		const struct memblock_region *region = &memblock.memory.regions[i];

		map_direct(MAX(region->start, PAGE_SIZE), region->end);
	}
	map_direct(KERNEL_LOAD, VIRT_TO_PHYS((uintptr_t)_end)); /* whatever the map says */
	protect(_kernel_start, _etext);
	protect(_rodata, _erodata);
	direct_tables[VIRT_TO_PHYS((uintptr_t)boot_stack_guard) / PAGE_SIZE] = 0;

	hang(KERNEL_BASE, direct_tables, direct);
	hang(ARENA_BASE, arena_tables, paging_stats.arena_pages);
	hang(FIXMAP_BASE, fixmap_table, TABLE_ENTRIES);
	write_cr3(VIRT_TO_PHYS((uintptr_t)directory));
	gdt_follow_cr3();

	for (size_t i = 0; i < direct; i++)
		paging_stats.direct_pages += direct_tables[i] & PTE_PRESENT;
}

/* --- single pages ------------------------------------------------------------ */

int map_page(uintptr_t virt, phys_addr_t phys, unsigned flags)
{
	uint32_t *pte;

	if (!IS_ALIGNED(virt, PAGE_SIZE) || !IS_ALIGNED(phys, PAGE_SIZE))
		return -EINVAL;
	pte = walk(virt);
	if (!pte)
		return -EFAULT;
	if (*pte & PTE_PRESENT)
		return -EEXIST;
	*pte = phys | flags | PTE_PRESENT;
	return 0;
}

phys_addr_t unmap_page(uintptr_t virt)
{
	phys_addr_t frame = virt_to_phys((void *)ALIGN_DOWN(virt, PAGE_SIZE));

	if (frame) {
		*walk(virt) = 0;
		flush_tlb_page(virt);
	}
	return frame;
}

void unmap_pages(uintptr_t virt, size_t pages, void (*release)(phys_addr_t frame))
{
	/* An entry that is not present may hold anything: the frame stays in it. */
	for (size_t i = 0; i < pages; i++) {
		uint32_t *pte = walk(virt + i * PAGE_SIZE);

		if (pte)
			*pte = *pte & PTE_PRESENT ? *pte & PTE_FRAME : 0;
	}
	flush_tlb_range(virt, pages);
	for (size_t i = 0; i < pages; i++) {
		uint32_t *pte = walk(virt + i * PAGE_SIZE);
		phys_addr_t frame = pte ? *pte : PHYS_NONE;

		if (!frame)
			continue;
		*pte = 0;
		release(frame);
	}
}

/* --- verifying --------------------------------------------------------------- */

static const char *check_direct(void)
{
	size_t pages = 0;

	for (phys_addr_t phys = 0; phys < direct_end; phys += PAGE_SIZE) {
		uint32_t pte = direct_tables[phys / PAGE_SIZE];

		if (!(pte & PTE_PRESENT))
			continue;
		if ((pte & PTE_FRAME) != phys)
			return "the direct map is not linear";
		pages++;
	}
	if (pages != paging_stats.direct_pages)
		return "the direct map has grown or shrunk";
	return NULL;
}

const char *paging_check(void)
{
	if ((read_cr3() & PTE_FRAME) != VIRT_TO_PHYS((uintptr_t)directory))
		return "CR3 does not hold the permanent directory";
	for (unsigned i = 0; i < KERNEL_PDE; i++) {
		if (directory[i])
			return "something is mapped in user space";
	}
	if (virt_to_phys(phys_to_virt(0)) != PHYS_NONE)
		return "page frame 0 is mapped";
	if (virt_to_phys(boot_stack_guard) != PHYS_NONE)
		return "the guard below the stack is mapped";
	for (const char *at = _kernel_start; at < _end; at += PAGE_SIZE) {
		bool read_only = at < _etext || (at >= _rodata && at < _erodata);

		if (at == boot_stack_guard)
			continue;
		if (virt_to_phys(at) != VIRT_TO_PHYS((uintptr_t)at))
			return "the image is not mapped where it is";
		if (!(*walk((uintptr_t)at) & PTE_WRITE) != read_only)
			return "a page of the image has the wrong protection";
	}
	return check_direct();
}
