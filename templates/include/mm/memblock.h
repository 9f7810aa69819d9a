/*
 * memblock: the bootstrap allocator, for what must exist before the buddy does.
 *
 * Pure: no hardware, no printing; also built and tested on the host.
 */
#ifndef MM_MEMBLOCK_H
#define MM_MEMBLOCK_H

#include <generated/config.h>
#include <kernel/types.h>

/* [start, end), bytes. */
struct memblock_region {
	phys_addr_t start;
	phys_addr_t end;
};

/* Sorted, disjoint, and never touching: neighbours are joined. */
struct memblock_table {
	unsigned count;
	struct memblock_region regions[MEMBLOCK_REGIONS];
};

struct memblock {
	struct memblock_table memory; /* usable RAM */
	struct memblock_table reserved; /* must not be handed out, be it RAM or not */
	phys_addr_t cursor; /* bumped by each allocation */
	size_t allocated; /* bytes handed out */
	bool closed; /* the buddy has taken over */
};

enum memblock_error {
	MEMBLOCK_OK = 0,
	MEMBLOCK_ERR_FULL, /* the table has no room */
	MEMBLOCK_ERR_RANGE, /* empty, or beyond 4 GiB */
	MEMBLOCK_ERR_CLOSED, /* the buddy has taken over */
	MEMBLOCK_ERR_TABLE, /* memblock_check(): order, overlap or touching */
	MEMBLOCK_ERR_PAGE0, /* memblock_check(): page 0 could be handed out */
};

/* Empty tables, with page frame 0 reserved. */
void memblock_init(struct memblock *mb);

/* [start, end) is usable RAM. On failure nothing is changed. */
enum memblock_error memblock_add(struct memblock *mb, phys_addr_t start, phys_addr_t end);

/* [start, end) must not be handed out, be it RAM or not. On failure nothing is changed. */
enum memblock_error memblock_reserve(struct memblock *mb, phys_addr_t start, phys_addr_t end);

/*
 * Allocate size bytes of RAM below `limit` (0: anywhere), aligned to `align`, a power of
 * two. There is no free. The content is undefined. Returns PHYS_NONE if nothing fits,
 * size is 0, or the buddy has taken over.
 */
phys_addr_t memblock_alloc(struct memblock *mb, size_t size, size_t align, phys_addr_t limit);

/*
 * Find the first stretch of whole free pages at or above *at, and advance *at past it.
 * Start with 0 and call until it returns false. This is the hand-over to the buddy.
 */
bool memblock_next_free(const struct memblock *mb, phys_addr_t *at, struct memblock_region *out);

/* Bytes of [start, end) that are RAM. */
size_t memblock_memory_in(const struct memblock *mb, phys_addr_t start, phys_addr_t end);

/* Bytes of RAM that are reserved, and of all RAM. */
size_t memblock_reserved_bytes(const struct memblock *mb);
size_t memblock_memory_bytes(const struct memblock *mb);

/* Verify the invariants stated in memblock.c. */
enum memblock_error memblock_check(const struct memblock *mb);

#endif /* MM_MEMBLOCK_H */
