/*
 * Where the arena's page tables are: memblock gave them in one piece, so that the
 * tables behind each other are one array, and a page's entry is found by its number
 * instead of by a walk.
 */
#include <arch/arena_table.h>
#include <arch/io.h>
#include <arch/paging.h>
#include <kernel/panic.h>

static uint32_t *table_of(uintptr_t virt)
{
	const uint32_t *directory = phys_to_virt(read_cr3() & PTE_FRAME);

	return phys_to_virt(directory[virt / TABLE_SPAN] & PTE_FRAME);
}

uint32_t *arena_table(void)
{
	uint32_t *first = table_of(ARENA_BASE);

	for (size_t page = 0; page < paging_stats.arena_pages; page += TABLE_ENTRIES)
		BUG_ON(table_of(ARENA_BASE + page * PAGE_SIZE) != first + page);
	return first;
}
