/*
 * Commit accounting: how many pages are promised to programs, and how many may be.
 *
 * Pure: no hardware, no printing; also built on the host.
 */
#ifndef USER_COMMIT_H
#define USER_COMMIT_H

#include <generated/config.h>
#include <kernel/types.h>

/* All spaces together, in pages. */
struct commit {
	uint32_t committed;
	uint32_t limit; /* what there is for programs */
	uint32_t peak; /* the most that were promised */
};

extern struct commit commit;

/* Nothing is promised yet; there are `limit` pages. */
void commit_init(struct commit *account, uint32_t limit);

/* Promise so many pages more; false, and nothing changes, if that may not be. */
bool commit_charge(struct commit *account, uint32_t pages);

/* A promise ends. */
void commit_release(struct commit *account, uint32_t pages);

/* Whether memory that is asked for with MAP_NORESERVE is counted all the same. */
static inline bool commit_counts_unreserved(void)
{
	return USER_OVERCOMMIT == OVERCOMMIT_NEVER;
}

#endif /* USER_COMMIT_H */
