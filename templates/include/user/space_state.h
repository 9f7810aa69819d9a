/* What the files of address spaces share; others use user/space.h. */
#ifndef USER_SPACE_STATE_H
#define USER_SPACE_STATE_H

#include <arch/paging.h>
#include <mm/slab.h>
#include <user/area.h>
#include <user/frames.h>
#include <user/space.h>

/* Bytes below a stack that stay free, so that a jump over its end hits nothing: as in Linux. */
#define STACK_GUARD (256 * PAGE_SIZE)

/* Where mappings are sought: from here downwards. */
#define MAPPINGS_END (USER_END - USER_STACK_LIMIT - STACK_GUARD)

struct space {
	struct areas areas;
	uint32_t *directory; /* in the direct map */
	uint32_t users;
	uint32_t brk_start, brk;
	uint32_t committed; /* pages */
	uint32_t resident, peak; /* entries with a frame, the zero page's not counted */
	uint32_t tables; /* the directory included */
	struct space_faults faults;
	struct space *next, *previous; /* all spaces */
};

extern struct space *spaces; /* all of them */
extern struct space *space_active; /* whose directory CR3 holds; NULL: the kernel's own */

/* --- shared anonymous memory: user/shared.c ------------------------------------------ */

/* Memory of so many pages, with one user; NULL: no memory, or too much is promised. */
struct shared *shared_create(uint32_t pages);
void shared_get(struct shared *shared);
void shared_put(struct shared *shared);

/* Where the frame of a page is noted, PHYS_NONE if it was never touched; NULL: no memory. */
phys_addr_t *shared_slot(struct shared *shared, uint32_t index);
uint32_t shared_pages(const struct shared *shared);

/* --- areas: user/space.c ------------------------------------------------------------ */

extern uint32_t areas_kept;
int32_t area_fetch(uint32_t count);

/* Have so many areas at hand that the next so many area_take() succeed. 0 or -ENOMEM. */
static inline int32_t area_reserve(uint32_t count)
{
	return likely(areas_kept >= count) ? 0 : area_fetch(count);
}

struct area *area_take(void);

/* One more area shows the same. */
static inline void use_get(const struct area_use *use)
{
	if (use->node)
		node_get(use->node);
	if (use->shared)
		shared_get(use->shared);
}

/* One fewer: what an area that is gone showed. */
static inline void use_put(const struct area_use *use)
{
	if (use->node)
		node_put(use->node);
	if (use->shared)
		shared_put(use->shared);
}

/*
 * Count pages as promised where the use says so. False: that may not be. Shared memory was
 * charged once, when it was made.
 */
static inline bool use_charge(struct space *space, const struct area_use *use, uint32_t pages)
{
	if (!(use->flags & AREA_COMMITTED))
		return true;
	if (!use->shared && !commit_charge(&commit, pages))
		return false;
	space->committed += pages;
	return true;
}

/* And no longer. */
static inline void use_uncharge(struct space *space, const struct area_use *use, uint32_t pages)
{
	if (!(use->flags & AREA_COMMITTED))
		return;
	if (!use->shared)
		commit_release(&commit, pages);
	space->committed -= pages;
}

/* Count pages again that were uncounted a moment ago: that can't be refused. */
void use_restore(struct space *space, const struct area_use *use, uint32_t pages);

/* Take an area out of a space, and what it showed; its pages are gone already. */
void area_drop(struct space *space, struct area *area);

/* Cut the area that addr is in, so that one begins there. Takes an area. */
void space_cut(struct space *space, uint32_t addr);

/* Make an area one with its neighbours where it can be. The area that has its start now. */
struct area *area_join(struct space *space, struct area *area);

static inline uint32_t area_pages(const struct area *area)
{
	return (area->end - area->start) / PAGE_SIZE;
}

/* --- ranges: user/space_map.c -------------------------------------------------------- */

/* Whether nothing is in [start, end), nor wants it as its guard. */
bool range_is_free(struct space *space, uint32_t start, uint32_t end);

/* Where `size` bytes are free; 0 if nowhere. */
uint32_t range_find(struct space *space, uint32_t size);

/* Take everything out of a range. Takes an area. */
void range_clear(struct space *space, uint32_t start, uint32_t end);

/* Put an area in, or make a neighbour larger. `use` is counted and charged; takes an area. */
void range_enter(struct space *space, uint32_t start, uint32_t end, const struct area_use *use);

/* --- pages in the tables: user/pages.c ----------------------------------------------- */

/* Make the table for an address. The entry there; NULL: no memory. */
uint32_t *table_make(struct space *space, uint32_t addr);

/* The entry for an address, in a table that is made if it is not there; NULL: no memory. */
static inline uint32_t *entry_make(struct space *space, uint32_t addr)
{
	uint32_t pde = space->directory[pde_index(addr)];

	if (unlikely(!pde))
		return table_make(space, addr);
	return (uint32_t *)phys_to_virt(pde & PTE_FRAME) + pte_index(addr);
}

/* The entry for an address, NULL if there is no table. */
static inline uint32_t *entry_find(const struct space *space, uint32_t addr)
{
	return page_entry(space->directory, addr);
}

/* The number of entries that are not 0 in the table of this one. */
static inline uint16_t *entry_count(const uint32_t *entry)
{
	return &frame_counts[FRAME_NUMBER(VIRT_TO_PHYS((uintptr_t)entry))];
}

/* Free the table of an address if it has no entries. */
void table_settle(struct space *space, uint32_t addr);

/* Drop all pages of a range, and flush. */
void pages_drop(struct space *space, uint32_t start, uint32_t end);

/* Give the pages of a range the access that an area with this protection allows, and flush. */
void pages_protect(struct space *space, uint32_t start, uint32_t end, uint32_t prot, bool shared);

/* Let `to`, whose directory has nothing there, share the pages of a range. False: no memory. */
bool pages_share(struct space *from, struct space *to, uint32_t start, uint32_t end);

/* Make all tables for a range, or none; then move pages there. False: no memory. */
bool tables_make(struct space *space, uint32_t start, uint32_t end);
void pages_move(struct space *space, uint32_t from, uint32_t to, uint32_t size);

/* A page with a frame is there now. */
static inline void count_resident(struct space *space)
{
	if (++space->resident > space->peak)
		space->peak = space->resident;
}

/* --- reports: user/space_report.c ------------------------------------------------------ */

/* As mincore(2): 1 for each page that is in memory. False if some of them lie in no area. */
bool space_resident(struct space *space, uint32_t addr, uint32_t pages, uint8_t *resident);

/* --- faults: user/fault.c ------------------------------------------------------------ */

/* Touch each page of a range, as a program would. 0, -ENOMEM or -EFAULT. */
int32_t space_populate(struct space *space, uint32_t start, uint32_t end, bool write);

#endif /* USER_SPACE_STATE_H */
