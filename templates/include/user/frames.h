/*
 * Frames that programs own, counted: how many spaces map each; and page tables.
 */
#ifndef USER_FRAMES_H
#define USER_FRAMES_H

#include <arch/paging.h>
#include <kernel/types.h>
#include <mm/page.h>

/*
 * Bits of a page-table entry that mean nothing to the CPU (Intel SDM vol. 3, 4.3):
 *
 *     31         12 11    10     9           2 1 0
 *     |   frame    |    node  owned |   ...  U W P |
 *
 *     owned  node  present
 *       1     0       1      a frame of programs, counted: as many spaces have such an entry
 *       1     0       0      the same, where the area lets nobody access it (PROT_NONE)
 *       0     1       1      a frame of a file's or of shared memory, which looks after it
 *       0     0       1      the zero page
 *       0     0       0      nothing: the whole entry is 0
 */
#define PTE_OWNED 0x200
#define PTE_NODE 0x400

#define FRAME_NUMBER(entry) ((entry) >> PAGE_SHIFT)

/*
 * Of an owned frame: entries that have it. Of a page table's: its entries that are not 0.
 * 16 bits are enough: a space maps an owned frame once, and there are at most 32,768 processes.
 */
extern uint16_t *frame_counts;
extern size_t frame_limit; /* one past the last that is counted */

/* A page of zeros, mapped read-only wherever one is read that nobody has written to. */
extern phys_addr_t zero_frame;

struct frame_stats {
	uint32_t owned; /* frames of programs that exist */
	uint32_t shared; /* of them, those of shared memory */
	uint32_t tables; /* directories and page tables in use */
	uint32_t kept; /* and zeroed ones at hand */
	uint32_t reserve; /* frames that are left to the kernel */
};

extern struct frame_stats frame_stats;

/* Frames that may be taken before somebody looks again how many there are. */
extern uint32_t frame_budget;

/* Look again. Whether there are any beyond the kernel's reserve. */
bool frame_budget_renew(void);

/* A frame for a program, from the highest zone that has one; its count is 1. PHYS_NONE: no memory. */
static inline phys_addr_t frame_alloc(void)
{
	phys_addr_t frame;

	if (unlikely(!frame_budget) && !frame_budget_renew())
		return PHYS_NONE;
	frame = alloc_pages(ZONE_ANY, 0);
	if (unlikely(!frame))
		return PHYS_NONE;
	frame_budget--;
	frame_stats.owned++;
	frame_counts[FRAME_NUMBER(frame)] = 1;
	return frame;
}

/* One entry fewer has it; the last one frees it. `frame` is its number. */
static inline void frame_drop(uint32_t frame)
{
	if (!--frame_counts[frame]) {
		frame_stats.owned--;
		free_pages(frame << PAGE_SHIFT, 0);
	}
}

/* A page table without entries; NULL if memory ran out. */
uint32_t *table_alloc(void);

/* Give one back that has none again. */
void table_free(uint32_t *table);

/* A directory that maps the kernel and nothing else; the same. */
uint32_t *directory_alloc(void);
void directory_free(uint32_t *directory);

/* Frames that programs can have, page tables and the kernel's reserve set aside. */
uint32_t frames_for_programs(void);

/* Set up the counts and the zero page; give all back. 0 or -ENOMEM. */
int32_t frames_init(void);
void frames_exit(void);

#endif /* USER_FRAMES_H */
