/*
 * Verifies spaces: areas against page tables, page tables against counts, counts against accounts.
 *
 *   1. In each space: areas are sound (area.c); each entry lies in an area and gives no more access
 *      than that does; only a frame with one owner is writable in private memory; tables count their
 *      entries; the numbers of the space are those of its entries and areas.
 *   2. Over all spaces: each entry takes one from the count of its frame, and the number of its entries
 *      from that of each table. No count is left then but 1 for each frame of shared memory. After that
 *      everything is added again. So no memory is needed.
 */
#include <mm/kspace.h>
#include <mm/page.h>
#include <kernel/string.h>
#include <user/space_state.h>

struct sums {
	uint32_t resident;
	uint32_t entries; /* of one table */
	uint32_t tables;
};

/* What is wrong with an entry that lies in an area; NULL if nothing is. */
static const char *entry_fault(const struct area *area, uint32_t entry)
{
	bool owned = entry & PTE_OWNED;
	bool shared = area->use.flags & AREA_SHARED;

	if ((entry & PTE_PRESENT) && !(entry & PTE_USER))
		return "a page in an area is not the program's";
	if (!(entry & PTE_PRESENT) != !area->use.prot)
		return "a page is accessible where its area is not, or hidden where it is";
	if (!(entry & PTE_PRESENT) && !owned)
		return "an entry that is not present has no frame";
	if ((entry & PTE_WRITE) && !(area->use.prot & PROT_WRITE))
		return "a page is writable where its area is not";
	if (owned && !frame_counts[FRAME_NUMBER(entry)])
		return "a frame is mapped that nobody owns";
	if (owned && (entry & PTE_WRITE) && frame_counts[FRAME_NUMBER(entry)] != 1)
		return "a frame that is shared until written is writable";
	if (owned && (entry & PTE_NODE))
		return "a frame is both a program's and a file's";
	if (!owned && (entry & PTE_WRITE) && !shared)
		return "what is not the program's own is writable";
	if (!owned && !(entry & PTE_NODE) && (entry & PTE_FRAME) != zero_frame)
		return "a frame is mapped that is nobody's";
	return NULL;
}

static const char *check_table(const struct space *space, unsigned pde, const struct area **area,
			       struct sums *sums)
{
	uint32_t *table = page_entry(space->directory, pde * TABLE_SPAN);

	sums->entries = 0;
	sums->tables++;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint32_t addr = pde * TABLE_SPAN + i * PAGE_SIZE;
		const char *fault;

		if (!table[i])
			continue;
		sums->entries++;
		sums->resident += !!(table[i] & (PTE_OWNED | PTE_NODE));
		while (*area && (*area)->end <= addr)
			*area = (*area)->next;
		if (!*area || (*area)->start > addr)
			return "a page is mapped outside all areas";
		fault = entry_fault(*area, table[i]);
		if (fault)
			return fault;
	}
	if (sums->entries != *entry_count(table))
		return "a table's entries are not as many as its count says";
	return sums->entries ? NULL : "a table without entries was not freed";
}

static const char *check_areas(const struct space *space)
{
	uint32_t committed = 0;

	if (!areas_check(&space->areas))
		return "the areas are not in order";
	for (const struct area *area = space->areas.first; area; area = area->next) {
		if (area->start < PAGE_SIZE || area->end > USER_END)
			return "an area is where none may be";
		if (area->use.flags & AREA_COMMITTED)
			committed += area_pages(area);
		else if ((area->use.prot & PROT_WRITE) &&
			 !(area->use.flags & (AREA_SHARED | AREA_NO_RESERVE)))
			return "private memory is writable and was not promised";
		if (area->next && area_continues(area, area->next->start, &area->next->use))
			return "two areas should be one";
	}
	return committed == space->committed ? NULL : "a space's promises are miscounted";
}

const char *space_check(const struct space *space)
{
	const struct area *area = space->areas.first;
	struct sums sums = { .tables = 1 };
	const char *fault = check_areas(space);

	for (unsigned pde = 0; pde < KERNEL_PDE && !fault; pde++) {
		if (space->directory[pde])
			fault = check_table(space, pde, &area, &sums);
	}
	if (fault)
		return fault;
	if (memcmp(space->directory + KERNEL_PDE, kernel_directory() + KERNEL_PDE,
		   (TABLE_ENTRIES - KERNEL_PDE) * sizeof(uint32_t)))
		return "a directory's part of the kernel is not the kernel's";
	if (sums.resident != space->resident)
		return "a space's resident pages are miscounted";
	return sums.tables == space->tables ? NULL : "a space's tables are miscounted";
}

/* --- counts of all frames -------------------------------------------------------------- */

/* Add `sign` to the count of the frame of each entry, and for each entry to its table's. */
static void count_all(int sign)
{
	for (const struct space *space = spaces; space; space = space->next) {
		for (unsigned pde = 0; pde < KERNEL_PDE; pde++) {
			uint32_t *table = page_entry(space->directory, pde * TABLE_SPAN);

			for (unsigned i = 0; table && i < TABLE_ENTRIES; i++) {
				if (table[i])
					*entry_count(table) += sign;
				if (table[i] & PTE_OWNED)
					frame_counts[FRAME_NUMBER(table[i])] += sign;
			}
		}
	}
}

static const char *check_counts(void)
{
	uint32_t left = 0;

	for (size_t frame = 0; frame < frame_limit; frame++) {
		if (frame_counts[frame] > 1)
			return "a frame's count is not the number of its entries";
		left += frame_counts[frame];
	}
	return left == frame_stats.shared ? NULL : "a frame is owned by nobody";
}

const char *spaces_check(void)
{
	const char *fault = NULL;

	for (const struct space *space = spaces; space && !fault; space = space->next)
		fault = space_check(space);
	if (fault)
		return fault;
	count_all(-1);
	fault = check_counts();
	count_all(1);
	return fault;
}
