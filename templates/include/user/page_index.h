/*
 * The pages of a file that is in memory: from a page's number to its frame.
 *
 * Pure: memory for the index comes from kmalloc(), frames are the caller's.
 */
#ifndef USER_PAGE_INDEX_H
#define USER_PAGE_INDEX_H

#include <kernel/types.h>

#define INDEX_NEAR 4 /* pages whose frames are noted in the index itself */
#define INDEX_LEAF 256 /* pages of a leaf: 1 MiB */
#define INDEX_PAGES (1u << 20) /* 4 GiB: a page's number is less */

struct page_index {
	phys_addr_t near[INDEX_NEAR];
	phys_addr_t **leaves; /* by number / INDEX_LEAF; NULL where no page is */
	uint32_t leaf_count; /* of the array */
};

/* Where the frame of a page is noted; NULL if there is no place, and so no frame. */
phys_addr_t *page_index_find(struct page_index *index, uint32_t page);

/* The same, but a place is made; NULL if memory ran out. */
phys_addr_t *page_index_make(struct page_index *index, uint32_t page);

/* Give `release` every frame of pages >= first, and forget them. */
void page_index_cut(struct page_index *index, uint32_t first, void (*release)(phys_addr_t frame));

/* The number of the first page >= `from` with a frame; INDEX_PAGES if there is none. */
uint32_t page_index_next(const struct page_index *index, uint32_t from);

#endif /* USER_PAGE_INDEX_H */
