/*
 * The fixmap. Its table is part of the image (fixmap_table in the linker script);
 * boot.S enters it in the boot directory, mm/kspace.c in the permanent one.
 */
#include <arch/fixmap.h>
#include <arch/mmu.h>
#include <arch/sections.h>
#include <arch/tlb.h>
#include <generated/layout.h>
#include <kernel/string.h>

static void set(enum fixmap_slot slot, uint32_t entry)
{
	uint32_t old = fixmap_table[slot];

	fixmap_table[slot] = entry;
	if (old & PTE_PRESENT) /* an absent page is in no TLB */
		flush_tlb_page(FIXMAP_BASE + slot * PAGE_SIZE);
}

void *fixmap_map(enum fixmap_slot slot, phys_addr_t phys)
{
	set(slot, phys | PTE_PRESENT | PTE_WRITE);
	return (void *)(FIXMAP_BASE + slot * PAGE_SIZE);
}

void fixmap_unmap(enum fixmap_slot slot)
{
	set(slot, 0);
}

//% if features.user_space
void fixmap_unmap_with(enum fixmap_slot slot, uintptr_t virt)
{
	fixmap_table[slot] = 0;
	flush_tlb_pair(FIXMAP_BASE + slot * PAGE_SIZE, virt);
}

//% endif
void phys_read(phys_addr_t from, void *to, size_t n)
{
	while (n) {
		size_t offset = from % PAGE_SIZE;
		size_t part = MIN(n, PAGE_SIZE - offset);
		const char *page = fixmap_map(FIXMAP_READ, from - offset);

		memcpy(to, page + offset, part);
		fixmap_unmap(FIXMAP_READ);
		from += part;
		to = (char *)to + part;
		n -= part;
	}
}
