/*
 * The arena's page tables, seen as one array: an entry for each page of the arena.
 *
 * An entry without PTE_PRESENT means nothing to the CPU (Intel SDM vol. 3, 4.3), and
 * bits 9 to 11 never do. So the entries themselves tell what each page is for:
 *
 *     31         12 11   9          2 1 0
 *     |   frame    | kind |  flags    | 1 |   mapped; kind in the first page only
 *     |   frame    |   0  |         0 1 0 |   unmapped, but maybe in the TLB yet
 *     |     0      |   0  |         1 0 0 |   guard
 *     |    next    |   0  |       1 0 0 0 |   spare: kept for the next mapping of its size
 *     |     0      |   0  |         0 0 0 |   free
 */
#ifndef ARCH_ARENA_TABLE_H
#define ARCH_ARENA_TABLE_H

#include <arch/mmu.h>
#include <kernel/types.h>

#define ENTRY_FREE 0x0
#define ENTRY_STALE 0x2
#define ENTRY_GUARD 0x4
#define ENTRY_SPARE 0x8
#define ENTRY_NEXT_SHIFT 12
#define ENTRY_KIND_SHIFT 9

static inline bool entry_is_mapped(uint32_t entry)
{
	return entry & PTE_PRESENT;
}

/* A page that was mapped and whose translation the TLB may still have. */
static inline bool entry_is_stale(uint32_t entry)
{
	return !entry_is_mapped(entry) && (entry & ENTRY_STALE);
}

/* 0 unless the page is the first of a mapping. */
static inline unsigned entry_kind(uint32_t entry)
{
	return entry_is_mapped(entry) ? entry >> ENTRY_KIND_SHIFT & 7 : 0;
}

#endif /* ARCH_ARENA_TABLE_H */
