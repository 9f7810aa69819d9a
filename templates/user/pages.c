/*
 * Pages of a space, in its tables: range by range.
 *
 * A table is found by the directory; frame_counts says how many entries of it are in use. So
 * a walk over a range stops in each table when it has seen them all, and what is empty in
 * between is skipped by one instruction (REPE SCASL). A table whose last entry goes is unhooked and
 * kept, as it is zero, for the next.
 *
 *     directory ─▶ table   [ . . . 3 . . . . . 8 9 . . . . . . . . ]   count 3
 *                             ^start  scan ▶    last: next table
 *
 * Flushing: who takes access away flushes before the program goes on, once for the whole range,
 * and only if the space is the one that is loaded: CR3 is loaded for each other before it runs.
 *
 * Invariants: user/space_check.c.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/tlb.h>
#include <kernel/panic.h>
#include <user/space_state.h>

/* --- tables ----------------------------------------------------------------- */

COLD uint32_t *table_make(struct space *space, uint32_t addr)
{
	uint32_t *table = table_alloc();

	if (!table)
		return NULL;
	space->tables++;
	*directory_entry(space->directory, addr) =
		VIRT_TO_PHYS((uintptr_t)table) | PTE_PRESENT | PTE_WRITE | PTE_USER;
	return table + pte_index(addr);
}

static void table_unhook(struct space *space, uint32_t *pde)
{
	table_free(phys_to_virt(*pde & PTE_FRAME));
	space->tables--;
	*pde = 0;
}

void table_settle(struct space *space, uint32_t addr)
{
	uint32_t *pde = directory_entry(space->directory, addr);

	if (*pde && !frame_counts[FRAME_NUMBER(*pde)])
		table_unhook(space, pde);
}

/* Where the part of [addr, end) ends that one table has. */
static inline uint32_t table_end(uint32_t addr, uint32_t end)
{
	uint32_t next = ALIGN_DOWN(addr, TABLE_SPAN) + TABLE_SPAN;

	return MIN(next, end);
}

static inline void flush(const struct space *space, uint32_t start, uint32_t end)
{
	if (space == space_active)
		flush_tlb_range(start, (end - start) / PAGE_SIZE);
}

/* --- dropping --------------------------------------------------------------- */

/* Drop all entries in [entry, end) of one table, which has `left` ones. How many had a frame. */
static uint32_t drop_entries(uint32_t *entry, const uint32_t *end, uint32_t left, uint16_t *count)
{
	uint32_t frames = 0;

	while (left && entry < end) {
		uint32_t value = *entry;

		if (!value) {
			entry = next_entry(entry, end);
			continue;
		}
		*entry++ = 0;
		left--;
		if (value & PTE_OWNED) {
			frames++;
			frame_drop(FRAME_NUMBER(value));
		} else {
			frames += value / PTE_NODE & 1;
		}
	}
	*count = left;
	return frames;
}

void pages_drop(struct space *space, uint32_t start, uint32_t end)
{
	bool any = false;
	uint32_t next;

	for (uint32_t at = start; at < end; at = next) {
		uint32_t *pde = directory_entry(space->directory, at);
		uint32_t *entry;
		uint32_t *last;
		uint16_t *count;

		next = table_end(at, end);
		if (!*pde)
			continue;
		entry = (uint32_t *)phys_to_virt(*pde & PTE_FRAME) + pte_index(at);
		last = entry + (next - at) / PAGE_SIZE;
		entry = next_entry(entry, last);
		if (entry == last)
			continue;
		any = true;
		count = entry_count(entry);
		space->resident -= drop_entries(entry, last, *count, count);
		if (!*count)
			table_unhook(space, pde);
	}
	if (any)
		flush(space, start, end);
}

/* --- protecting ------------------------------------------------------------- */

/* What an entry that is not 0 becomes under a protection; 0: the page can come again. */
static inline uint32_t entry_under(uint32_t entry, uint32_t prot, bool shared)
{
	bool writable = prot & PROT_WRITE;

	if (!(entry & PTE_OWNED)) {
		if (!prot)
			return 0;
		writable = writable && shared && (entry & PTE_NODE);
	} else {
		entry &= ~(uint32_t)PTE_PRESENT;
		entry |= prot ? PTE_PRESENT : 0;
		writable = writable && !shared && frame_counts[FRAME_NUMBER(entry)] == 1;
	}
	return writable ? entry | PTE_WRITE : entry & ~(uint32_t)PTE_WRITE;
}

void pages_protect(struct space *space, uint32_t start, uint32_t end, uint32_t prot, bool shared)
{
	bool changed = false;
	uint32_t next;

	for (uint32_t at = start; at < end; at = next) {
		uint32_t *pde = directory_entry(space->directory, at);
		uint32_t *entry;
		uint32_t *last;

		next = table_end(at, end);
		if (!*pde)
			continue;
		entry = (uint32_t *)phys_to_virt(*pde & PTE_FRAME) + pte_index(at);
		last = entry + (next - at) / PAGE_SIZE;
		for (entry = next_entry(entry, last); entry < last;
		     entry = next_entry(entry + 1, last)) {
			uint32_t value = entry_under(*entry, prot, shared);

			if (value == *entry)
				continue;
			changed = true;
			if (!value) {
				space->resident -= *entry / PTE_NODE & 1;
				--*entry_count(entry);
			}
			*entry = value;
		}
		if (!frame_counts[FRAME_NUMBER(*pde)])
			table_unhook(space, pde);
	}
	if (changed)
		flush(space, start, end);
}

/* --- sharing: fork ------------------------------------------------------------ */

/*
 * Let the entries from `to` on be those in [from, end). An owned frame is counted once more, and
 * nobody may write to it now. How many had a frame.
 */
static uint32_t share_entries(uint32_t *from, const uint32_t *end, uint32_t *to, uint32_t left,
			      uint16_t *count)
{
	uint32_t frames = 0;
	uint32_t seen = 0;

	while (seen < left && from < end) {
		uint32_t value = *from;

		if (!value) {
			uint32_t *next = next_entry(from, end);

			to += next - from;
			from = next;
			continue;
		}
		seen++;
		if (value & PTE_OWNED) {
			frames++;
			frame_counts[FRAME_NUMBER(value)]++;
			value &= ~(uint32_t)PTE_WRITE;
			*from = value;
		} else {
			frames += value / PTE_NODE & 1;
		}
		*to++ = value;
		from++;
	}
	*count += seen;
	return frames;
}

bool pages_share(struct space *from, struct space *to, uint32_t start, uint32_t end)
{
	uint32_t next;

	for (uint32_t at = start; at < end; at = next) {
		uint32_t *pde = directory_entry(from->directory, at);
		uint32_t *source;
		uint32_t *target;

		next = table_end(at, end);
		if (!*pde)
			continue;
		target = entry_make(to, at);
		if (!target)
			return false;
		source = (uint32_t *)phys_to_virt(*pde & PTE_FRAME) + pte_index(at);
		to->resident +=
			share_entries(source, source + (next - at) / PAGE_SIZE, target,
				      frame_counts[FRAME_NUMBER(*pde)], entry_count(target));
		table_settle(to, at);
	}
	return true;
}

/* --- moving: mremap ------------------------------------------------------------ */

bool tables_make(struct space *space, uint32_t start, uint32_t end)
{
	uint32_t next;

	for (uint32_t at = start; at < end; at = next) {
		next = table_end(at, end);
		if (entry_make(space, at))
			continue;
		for (end = next; start < end; start = table_end(start, end))
			table_settle(space, start);
		return false;
	}
	return true;
}

void pages_move(struct space *space, uint32_t from, uint32_t to, uint32_t size)
{
	for (uint32_t at = 0; at < size; at += PAGE_SIZE) {
		uint32_t *source = entry_find(space, from + at);
		uint32_t *target;

		if (!source || !*source)
			continue;
		target = entry_find(space, to + at);
		*target = *source;
		++*entry_count(target);
		*source = 0;
		--*entry_count(source);
		table_settle(space, from + at);
	}
	for (uint32_t at = to; at < to + size; at = table_end(at, to + size))
		table_settle(space, at);
	flush(space, from, from + size);
}
