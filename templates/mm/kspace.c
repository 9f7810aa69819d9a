/*
 * The kernel's address space: what the permanent page directory maps.
 *
 *     entry of           maps                                tables from
 *     user space         nothing yet                         -
 *     the direct map     RAM, and the first MiB but page 0   memblock
 *     the arena          what kmalloc maps                   memblock
 *     the page map       a byte for each page frame          the image
 *     the fixmap         what the slots show                 the image
 *
 * All page tables of the kernel's part exist from the beginning, for as much arena as the
 * RAM can fill. So the kernel's directory entries never change: a process's directory can
 * copy them once. Mapping a page cannot fail for want of a table.
 *
 * Text and read-only data are mapped read-only; a 386 ignores that in ring 0.
 *
 * If the CPU has pages of 4 MiB, the direct map uses them for every 4 MiB that are RAM
 * throughout and contain no part of the image. That saves the page tables. A Pentium Pro
 * keeps global pages in the TLB when CR3 is loaded. The direct map never changes, so its
 * pages are global.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/cpu.h>
#include <arch/gdt.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <arch/paging.h>
#include <arch/sections.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/early.h>
#include <mm/kspace.h>
#include <mm/report.h>

/* Legacy memory that is not RAM but wanted: video memory, BIOS. */
#define FIRST_MIB 0x100000

struct paging_stats paging_stats;

static uint32_t *directory; /* the permanent one */
static phys_addr_t direct_end;
static uint32_t *spare_tables; /* allocated and not yet entered in the directory */

void page_map_reserve(size_t frames)
{
	static uint8_t nothing[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	size_t whole = ALIGN_UP(frames, (size_t)1 << MAX_ORDER);
	size_t pages = (whole + PAGE_SIZE - 1) / PAGE_SIZE;
	phys_addr_t map = VIRT_TO_PHYS((uintptr_t)early_alloc(pages * PAGE_SIZE, PAGE_SIZE));

	memset(nothing, 0xff, sizeof(nothing));
	for (size_t i = 0; i < PAGE_MAP_SIZE / PAGE_SIZE; i++) {
		if (i < pages)
			page_map_table[i] = (map + i * PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
		else
			page_map_table[i] = VIRT_TO_PHYS((uintptr_t)nothing) | PTE_PRESENT;
	}
	memset((void *)PAGE_MAP_BASE, 0xff, pages * PAGE_SIZE);
}

/* --- the permanent directory ------------------------------------------------ */

/* Whether the direct map can map [start, start + 4 MiB) as one large page. */
static bool is_large(phys_addr_t start)
{
	phys_addr_t end = start + TABLE_SPAN;

	if (!cpu.pse || end > direct_end)
		return false;
	if (start < VIRT_TO_PHYS((uintptr_t)_end) && end > KERNEL_LOAD)
		return false; /* parts of the image are read-only */
	for (unsigned i = 0; i < memblock.memory.count; i++) {
		const struct memblock_region *region = &memblock.memory.regions[i];

		if (region->start <= start && end <= region->end)
			return start > 0; /* page frame 0 stays unmapped */
	}
	return false;
}

void paging_reserve(phys_addr_t ram_end)
{
	size_t arena = ALIGN_UP(ram_end / PAGE_SIZE * ARENA_PER_RAM, TABLE_ENTRIES);
	size_t tables;

	direct_end = lowmem_end(ram_end);
	paging_stats.arena_pages = MIN(arena, (size_t)ARENA_PAGES);
	tables = paging_stats.arena_pages / TABLE_ENTRIES;
	for (phys_addr_t phys = 0; phys < direct_end; phys += TABLE_SPAN) {
		if (is_large(phys))
			paging_stats.large_pages++;
		else
			tables++;
	}
	paging_stats.tables = tables + 2; /* the fixmap's and the page map's are in the image */
	directory = early_alloc(PAGE_SIZE, PAGE_SIZE);
	spare_tables = early_alloc(tables * PAGE_SIZE, PAGE_SIZE);
}

static void hang_spare_table(uintptr_t virt)
{
	hang_table(directory, virt, spare_tables);
	spare_tables += TABLE_ENTRIES;
}

/* The directory entry, and the entry in its table, for a page of the direct map. */
static uint32_t *direct_pde(phys_addr_t phys)
{
	return directory_entry(directory, PHYS_TO_VIRT(phys));
}

static uint32_t *direct_pte(phys_addr_t phys)
{
	return page_entry(directory, PHYS_TO_VIRT(phys));
}

static void map_direct(phys_addr_t start, phys_addr_t end)
{
	uint32_t flags = PTE_PRESENT | PTE_WRITE | (cpu.pge ? PTE_GLOBAL : 0);

	end = MIN(end, direct_end);
	for (phys_addr_t phys = start; phys < end; phys += PAGE_SIZE) {
		if (*direct_pde(phys) & PTE_LARGE)
			phys += TABLE_SPAN - PAGE_SIZE;
		else
			*direct_pte(phys) = phys | flags;
	}
}

static void protect(const char *from, const char *to)
{
	for (phys_addr_t phys = VIRT_TO_PHYS((uintptr_t)from); phys < VIRT_TO_PHYS((uintptr_t)to);
	     phys += PAGE_SIZE)
		*direct_pte(phys) &= ~(uint32_t)PTE_WRITE;
}

static void build_direct_map(void)
{
	uint32_t large = PTE_PRESENT | PTE_WRITE | PTE_LARGE | (cpu.pge ? PTE_GLOBAL : 0);

	for (phys_addr_t phys = 0; phys < direct_end; phys += TABLE_SPAN) {
		if (is_large(phys))
			*direct_pde(phys) = phys | large;
		else
			hang_spare_table(PHYS_TO_VIRT(phys));
	}
	map_direct(PAGE_SIZE, FIRST_MIB);
	for (unsigned i = 0; i < memblock.memory.count; i++) {
		const struct memblock_region *region = &memblock.memory.regions[i];

		map_direct(MAX(region->start, PAGE_SIZE), region->end);
	}
	map_direct(KERNEL_LOAD, VIRT_TO_PHYS((uintptr_t)_end)); /* whatever the map says */
	protect(_kernel_start, _etext);
	protect(_rodata, _erodata);
	for (const char *page = fault_stack_guard; page < boot_stack; page += PAGE_SIZE) {
		if (is_stack_guard(page))
			*direct_pte(VIRT_TO_PHYS((uintptr_t)page)) = 0;
	}
}

/* The number of pages that the direct map maps; entries of a table past its end are absent. */
static size_t count_direct_pages(void)
{
	size_t pages = 0;

	for (phys_addr_t phys = 0; phys < direct_end; phys += TABLE_SPAN) {
		const uint32_t *table = direct_pte(phys);

		if (*direct_pde(phys) & PTE_LARGE)
			pages += TABLE_ENTRIES;
		else
			for (size_t i = 0; i < TABLE_ENTRIES; i++)
				pages += table[i] & PTE_PRESENT;
	}
	return pages;
}

void paging_init(void)
{
	memset(directory, 0, PAGE_SIZE);
	build_direct_map();
	for (size_t page = 0; page < paging_stats.arena_pages; page += TABLE_ENTRIES)
		hang_spare_table(ARENA_BASE + page * PAGE_SIZE);
	hang_table(directory, FIXMAP_BASE, fixmap_table);
	directory[PAGE_MAP_PDE] = boot_page_directory[PAGE_MAP_PDE];

	if (cpu.pse)
		cpu_set_cr4(CR4_PSE);
	write_cr3(VIRT_TO_PHYS((uintptr_t)directory));
	if (cpu.pge)
		cpu_set_cr4(CR4_PGE);
	gdt_follow_cr3();
	paging_stats.direct_pages = count_direct_pages();
}

//% if features.user_space
uint32_t *kernel_directory(void)
{
	return directory;
}

//% endif
void paging_report(void)
{
	printk("paging: directory at 0x%x, %u page tables, %u pages mapped directly (%u x 4 MiB), "
	       "%u MiB of arena\n",
	       read_cr3(), paging_stats.tables, paging_stats.direct_pages, paging_stats.large_pages,
	       paging_stats.arena_pages >> 8);
	kgen_stat(paging_stats.direct_pages, "paging.direct_pages");
	kgen_stat(paging_stats.large_pages, "paging.large_pages");
	kgen_stat(paging_stats.tables, "paging.tables");
}

/* --- verifying --------------------------------------------------------------- */

/* Whether entries show the frames from `phys` on, those that are present. */
static bool is_linear(const uint32_t *entries, size_t count, phys_addr_t phys)
{
	for (size_t i = 0; i < count; i++) {
		if ((entries[i] & PTE_PRESENT) && (entries[i] & PTE_FRAME) != phys + i * PAGE_SIZE)
			return false;
	}
	return true;
}

static const char *check_direct(void)
{
	for (phys_addr_t phys = 0; phys < direct_end; phys += TABLE_SPAN) {
		const uint32_t *pde = direct_pde(phys);
		bool large = *pde & PTE_LARGE;

		if (!is_linear(large ? pde : direct_pte(phys), large ? 1 : TABLE_ENTRIES, phys))
			return "the direct map is not linear";
	}
	if (count_direct_pages() != paging_stats.direct_pages)
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
	if (slow_virt_to_phys(phys_to_virt(0)) != PHYS_NONE)
		return "page frame 0 is mapped";
	for (const char *at = _kernel_start; at < _end; at += PAGE_SIZE) {
		bool read_only = at < _etext || (at >= _rodata && at < _erodata);

		if (is_stack_guard(at)) {
			if (slow_virt_to_phys(at) != PHYS_NONE)
				return "a guard below a stack is mapped";
			continue;
		}
		if (slow_virt_to_phys(at) != VIRT_TO_PHYS((uintptr_t)at))
			return "the image is not mapped where it is";
		if (!(*page_entry(directory, (uintptr_t)at) & PTE_WRITE) != read_only)
			return "a page of the image has the wrong protection";
	}
	return check_direct();
}
