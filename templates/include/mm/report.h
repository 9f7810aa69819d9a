/*
 * Reports of the subsystems. NAME_report() prints a subsystem's counters as `# kgen:stat`
 * lines, NAME_print() its part of the table for people. NAME_use() computes figures by
 * walking the subsystem's data. Two of that kind have another name and are in their own
 * headers: free_profile_read() of the zones, kmalloc_stats_read(). kernel/meminfo.c composes
 * them.
 *
 * Each is defined beside its subject: in mm/NAME_report.c, or in its only file.
 */
#ifndef MM_REPORT_H
#define MM_REPORT_H

#include <kernel/types.h>
#include <mm/page.h>
#include <mm/slab.h>

/* --- the boot ------------------------------------------------------------------- */

/* What the loader passed: memory map, command line, modules. */
void boot_info_report(void);

/* What memblock made of it: regions, available and reserved. */
void memblock_regions_report(void);

/* The allocations of memblock; call it when the last one is made. */
void memblock_report(void);

/* Where the machine's memory went: memory_stats. */
void memory_report(void);

/* The zones as they begin. */
void zones_report(void);

/* What the permanent page directory maps. */
void paging_report(void);

/* --- pages ------------------------------------------------------------------------ */

/*
 * The part of a zone's free pages that is in blocks smaller than `order`, in thousandths:
 * Linux's unusable free space index. 1000 if nothing is free.
 */
unsigned unusable_index(const size_t blocks[MAX_ORDER + 1], unsigned order);

/* The zones by order, at the beginning and now; and requests for pages. */
void pages_report(const struct free_profile *initial, const struct free_profile *now);
void pages_print(const struct free_profile *now);

/* --- slabs ------------------------------------------------------------------------ */

/* What a cache has. */
struct kmem_use {
	size_t objects; /* live */
	size_t bytes; /* of its slabs */
	unsigned percent; /* of them are live objects' */
};

struct kmem_use kmem_use(const struct kmem_cache *cache);
void kmem_report(void);
void kmem_print(void);

/* --- the heap --------------------------------------------------------------------- */

/* What the heap has; all in bytes but the first two. */
struct heap_use {
	size_t chunks;
	size_t blocks; /* live ones */
	size_t bytes; /* of all chunks */
	size_t free;
	size_t largest_free; /* in one block, its header and tag included */
};

struct heap_use heap_use(void);
void heap_report(void);
void heap_print(void);

/* --- the arena, and mappings in it ------------------------------------------------- */

/* Use of the arena's pages; the first five sum up to the whole arena. */
struct arena_use {
	size_t mapped;
	size_t guard;
	size_t waiting; /* unmapped, but the TLB was not flushed yet */
	size_t spare; /* addresses kept for the next mapping of their size */
	size_t free;
	size_t largest_free; /* in one run */
};

struct arena_use arena_use(void);
void arena_report(void);
void arena_print(void);
void vmalloc_report(void);

/* --- kmalloc ---------------------------------------------------------------------- */

void kmalloc_report(void);
void kmalloc_print(void);

#endif /* MM_REPORT_H */
