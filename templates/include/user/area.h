/*
 * Areas: the stretches of an address space that are promised, ordered by address.
 *
 * Pure: no hardware, no printing, errors as codes; also built on the host. Nodes come from
 * the caller, so nothing in here runs out of memory.
 */
#ifndef USER_AREA_H
#define USER_AREA_H

#include <kernel/types.h>

struct node;
struct shared;

/* What an area is for. Neighbours that agree in it, and in what follows whom, are one area. */
struct area_use {
	union {
		struct {
			uint8_t kind; /* enum area_kind */
			uint8_t prot; /* PROT_* */
			uint16_t flags; /* AREA_* */
		};
		uint32_t all; /* the three, to be compared */
	};
	struct node *node; /* whose content it shows; NULL for anonymous memory */
	struct shared *shared; /* anonymous memory that several spaces share; or NULL */
	uint32_t offset; /* of its first page in node or shared, in pages */
	uint32_t data_end; /* address from which on it is zero whatever the node has; or NO_END */
};

#define NO_END UINT32_MAX

#define AREA_SHARED 0x01 /* MAP_SHARED: writes are seen by all who map it */
#define AREA_GROWS 0x02 /* down, when the page below is touched */
#define AREA_COMMITTED 0x04 /* its pages are counted as promised */
#define AREA_NO_WRITE 0x08 /* it may not become writable */
#define AREA_NO_FORK 0x10 /* a child does not get it */
#define AREA_WIPE 0x20 /* a child gets it empty */
#define AREA_NO_RESERVE 0x40 /* its pages are not to be counted as promised */

struct area {
	uint32_t start, end; /* [start, end), in whole pages */
	uint32_t guard; /* bytes below it that a search leaves free */

	struct area *left, *right, *parent; /* the tree */
	struct area *next, *previous; /* by address */
	uint32_t hole; /* bytes that are free in front of it, the guard not counted */
	uint32_t best; /* the largest hole in its subtree */
	uint32_t height; /* of its subtree; 1 for a leaf */

	struct area_use use;
};

struct areas {
	struct area *root;
	struct area *first, *last;
	struct area *recent; /* the one that was found last */
	uint32_t count;
};

/* The lowest area that ends above addr: it has addr, or lies above it; or NULL. */
struct area *area_above(struct areas *areas, uint32_t addr);

/* The area that has addr; or NULL. */
static inline struct area *area_find(struct areas *areas, uint32_t addr)
{
	struct area *area = areas->recent;

	if (likely(area && addr - area->start < area->end - area->start))
		return area;
	area = area_above(areas, addr);
	return area && area->start <= addr ? area : NULL;
}

/* Put an area in, with start, end, guard and use set. It overlaps no other. */
void area_insert(struct areas *areas, struct area *area);

/* The same for one that lies above all others: without a search. */
void area_append(struct areas *areas, struct area *area);

/* Take an area out. It is the caller's again. */
void area_remove(struct areas *areas, struct area *area);

/* Move an area's ends, not past those of its neighbours; its offset follows its start. */
void area_resize(struct area *area, uint32_t start, uint32_t end);

/* Cut an area in two at `at`, which lies inside it; `upper` becomes the upper part. */
void area_split(struct areas *areas, struct area *area, uint32_t at, struct area *upper);

/* Whether neighbours with these uses are one area; the lower one has so many bytes. */
bool uses_join(const struct area_use *lower, uint32_t bytes, const struct area_use *upper);

/* Whether what begins at `start` would be one with the area that ends there. */
static inline bool area_continues(const struct area *area, uint32_t start,
				  const struct area_use *use)
{
	return area->end == start && uses_join(&area->use, start - area->start, use);
}

/* Whether [start, end) would be one with the area that begins at its end. */
static inline bool area_follows(const struct area *area, uint32_t start, uint32_t end,
				const struct area_use *use)
{
	return area->start == end && uses_join(use, end - start, &area->use);
}

/*
 * The highest, or the lowest, address in [low, high) at which `size` bytes are free up to
 * high; 0 if there is none. `low` is not 0.
 */
uint32_t area_highest_hole(struct areas *areas, uint32_t low, uint32_t high, uint32_t size);
uint32_t area_lowest_hole(struct areas *areas, uint32_t low, uint32_t high, uint32_t size);

/* Verify the invariants stated in area.c. */
bool areas_check(const struct areas *areas);

#endif /* USER_AREA_H */
