/*
 * Page faults of programs: a promise is kept.
 *
 * The CPU says which address, and what was tried there: an error code. Then:
 *
 *     area there? ──no──▶ does a stack above it reach down?  ──no──▶ FAULT_UNMAPPED
 *         │yes                        │yes: the area grows
 *     does it allow that? ──no──▶ FAULT_DENIED
 *         │yes
 *     entry   0         anonymous   read   the zero page                    zero_page
 *                                   write  a zeroed frame                   zero
 *                       file        read   the file's own frame             file
 *                                   write  a frame with a copy of it        file
 *                       shared      any    the frame that all have          file
 *             present,  zero page          a zeroed frame                   zero
 *             not to be one owner          may be written again             sole
 *             written   several            a frame with a copy              copy
 *
 * A new frame is entered first and filled through the program's own mapping: the kernel runs in the
 * same address space, so that needs neither a second mapping nor a flush, wherever in memory the frame is.
 * Only a copy has two pages at one address, the old and the new: the new one is shown in a slot of the
 * fixmap until it is filled.
 *
 * Nothing here trusts that a fault must be possible to answer: an access that an area forbids is denied
 * whatever the entry says, and one that the entry allows already was made with what an old TLB knew.
 *
 * Reading a page of a file that nobody may write to maps its neighbours as well, if they are in memory: the
 * next faults are saved.
 *
 * Concurrency: none; one CPU, interrupts off. The space is the one that CR3 holds.
 */
#include <arch/fixmap.h>
#include <arch/tlb.h>
#include <kernel/string.h>
#include <user/process.h>
#include <user/space_state.h>

#define ENTRY_READ (PTE_PRESENT | PTE_USER)
#define ENTRY_WRITE (PTE_PRESENT | PTE_USER | PTE_WRITE)

#define AROUND (16 * PAGE_SIZE) /* bytes that are mapped together; a power of two */

/* --- anonymous memory ------------------------------------------------------------- */

static inline void enter(struct space *space, uint32_t *entry, uint32_t value)
{
	*entry = value;
	++*entry_count(entry);
	count_resident(space);
}

static enum fault_result give_zeroed(struct space *space, uint32_t *entry, uint32_t page)
{
	phys_addr_t frame = frame_alloc();

	if (unlikely(!frame))
		return FAULT_OOM;
	enter(space, entry, frame | PTE_OWNED | ENTRY_WRITE);
	clear_page((void *)page);
	space->faults.zero++;
	return FAULT_RESOLVED;
}

static enum fault_result give_zero_page(struct space *space, uint32_t *entry)
{
	*entry = zero_frame | ENTRY_READ;
	++*entry_count(entry);
	space->faults.zero_page++;
	return FAULT_RESOLVED;
}

/* --- files ---------------------------------------------------------------------- */

static inline uint32_t index_of(const struct area *area, uint32_t page)
{
	return area->use.offset + (page - area->start) / PAGE_SIZE;
}

/* Whether a page is the file's as a whole: nothing in it is zero because a segment ends. */
static inline bool is_whole(const struct area *area, uint32_t page)
{
	return page + PAGE_SIZE - 1 < area->use.data_end;
}

/* Map what the file has beside a page, as far as nobody may write to it. */
static void map_around(struct space *space, const struct area *area, uint32_t *entry, uint32_t page)
{
	uint32_t window = ALIGN_DOWN(page, AROUND);
	uint32_t end = MIN(window + AROUND, area->end);

	for (uint32_t at = MAX(window, area->start); at < end; at += PAGE_SIZE) {
		uint32_t *beside = entry + pte_index(at) - pte_index(page);
		phys_addr_t frame;

		if (*beside || !is_whole(area, at))
			continue;
		frame = node_page(area->use.node, index_of(area, at), false);
		if (!frame)
			continue;
		enter(space, beside, frame | PTE_NODE | ENTRY_READ);
		space->faults.around++;
	}
}

/* A frame of the program's own with what the file has there. */
static enum fault_result give_copy_of_file(struct space *space, const struct area *area,
					   uint32_t *entry, uint32_t page)
{
	phys_addr_t frame = frame_alloc();
	uint32_t most = area->use.data_end > page ? area->use.data_end - page : 0;
	size_t size;

	if (!frame)
		return FAULT_OOM;
	enter(space, entry, frame | PTE_OWNED | ENTRY_WRITE);
	most = MIN(most, PAGE_SIZE);
	size = node_read(area->use.node, index_of(area, page) * PAGE_SIZE, (void *)page, most);
	memset((char *)page + size, 0, PAGE_SIZE - size);
	if (!(area->use.prot & PROT_WRITE)) {
		*entry &= ~(uint32_t)PTE_WRITE;
		flush_tlb_page(page);
	}
	space->faults.file++;
	return FAULT_RESOLVED;
}

static enum fault_result give_file(struct space *space, const struct area *area, uint32_t *entry,
				   uint32_t page, bool write)
{
	bool shared = area->use.flags & AREA_SHARED;
	bool writable = area->use.prot & PROT_WRITE;
	uint32_t index = index_of(area, page);
	phys_addr_t frame = PHYS_NONE;

	if (index >= (node_size(area->use.node) + (uint64_t)PAGE_SIZE - 1) / PAGE_SIZE)
		return FAULT_BUS;
	if (shared || (!write && is_whole(area, page)))
		frame = node_page(area->use.node, index, shared);
	if (!frame)
		return shared && writable ? FAULT_OOM : give_copy_of_file(space, area, entry, page);
	enter(space, entry, frame | PTE_NODE | (shared && writable ? ENTRY_WRITE : ENTRY_READ));
	space->faults.file++;
	if (!writable)
		map_around(space, area, entry, page);
	return FAULT_RESOLVED;
}

/* --- shared memory ---------------------------------------------------------------- */

static enum fault_result give_shared(struct space *space, const struct area *area, uint32_t *entry,
				     uint32_t page)
{
	uint32_t access = area->use.prot & PROT_WRITE ? ENTRY_WRITE : ENTRY_READ;
	uint32_t index = index_of(area, page);
	phys_addr_t *slot;
	phys_addr_t frame;

	if (index >= shared_pages(area->use.shared))
		return FAULT_BUS;
	slot = shared_slot(area->use.shared, index);
	if (!slot)
		return FAULT_OOM;
	space->faults.file++;
	if (*slot) {
		enter(space, entry, *slot | PTE_NODE | access);
		return FAULT_RESOLVED;
	}
	frame = frame_alloc();
	if (!frame)
		return FAULT_OOM;
	*slot = frame;
	frame_stats.shared++;
	enter(space, entry, frame | PTE_NODE | ENTRY_WRITE);
	clear_page((void *)page);
	if (access == ENTRY_READ) {
		*entry &= ~(uint32_t)PTE_WRITE;
		flush_tlb_page(page);
	}
	return FAULT_RESOLVED;
}

/* --- pages that are there, but not to be written ------------------------------------- */

/* The zero page was read before. The program's view of it must be gone before it is cleared. */
static enum fault_result replace_zero_page(struct space *space, uint32_t *entry, uint32_t page)
{
	phys_addr_t frame = frame_alloc();

	if (!frame)
		return FAULT_OOM;
	*entry = frame | PTE_OWNED | ENTRY_WRITE;
	count_resident(space);
	flush_tlb_page(page);
	clear_page((void *)page);
	space->faults.zero++;
	return FAULT_RESOLVED;
}

static enum fault_result replace_by_copy(struct space *space, uint32_t *entry, uint32_t page)
{
	uint32_t old = *entry;
	phys_addr_t frame = frame_alloc();

	if (unlikely(!frame))
		return FAULT_OOM;
	copy_page(fixmap_map(FIXMAP_USER, frame), (const void *)page);
	*entry = frame | PTE_OWNED | ENTRY_WRITE;
	fixmap_unmap_with(FIXMAP_USER, page);
	if (old & PTE_OWNED)
		frame_drop(FRAME_NUMBER(old));
	space->faults.copy++;
	return FAULT_RESOLVED;
}

/* An access to a page that is there; the area allows it. */
static enum fault_result answer_present(struct space *space, const struct area *area,
					uint32_t *entry, uint32_t page, bool write)
{
	uint32_t value = *entry;

	if (!write || (value & PTE_WRITE)) {
		flush_tlb_page(page); /* the CPU went by what it remembered */
		return FAULT_RESOLVED;
	}
	if (value & PTE_OWNED) {
		if (frame_counts[FRAME_NUMBER(value)] > 1)
			return replace_by_copy(space, entry, page);
		space->faults.sole++;
	} else if (!(area->use.flags & AREA_SHARED)) {
		return value & PTE_NODE ? replace_by_copy(space, entry, page) :
					  replace_zero_page(space, entry, page);
	}
	*entry = value | PTE_WRITE;
	flush_tlb_page(page);
	return FAULT_RESOLVED;
}

/* --- the interface ------------------------------------------------------------------ */

/* Let a stack reach down to a page below it, if it may. As in Linux, wherever ESP is. */
static bool grow_stack(struct space *space, struct area *area, uint32_t page)
{
	const struct area *previous = area->previous;

	if (!(area->use.flags & AREA_GROWS) || area->end - page > USER_STACK_LIMIT ||
	    page < PAGE_SIZE)
		return false;
	if (previous && previous->use.prot && !(previous->use.flags & AREA_GROWS) &&
	    page - previous->end < STACK_GUARD)
		return false;
	if (!use_charge(space, &area->use, (area->start - page) / PAGE_SIZE))
		return false;
	area_resize(area, page, area->end);
	space->areas.recent = area;
	return true;
}

/* Whether an area allows what the error code says was tried. */
static inline bool allows(const struct area *area, uint32_t error)
{
	if (error & PF_WRITE)
		return area->use.prot & PROT_WRITE;
	return area->use.prot && !(error & PF_PRESENT); /* an i386 reads what it may write or run */
}

static enum fault_result answer(struct space *space, const struct area *area, uint32_t *entry,
				uint32_t page, bool write)
{
	if (area->use.node)
		return give_file(space, area, entry, page, write);
	if (area->use.shared)
		return give_shared(space, area, entry, page);
	return write ? give_zeroed(space, entry, page) : give_zero_page(space, entry);
}

enum fault_result space_fault(struct space *space, uint32_t addr, uint32_t error,
			      uint32_t esp __attribute__((unused)))
{
	struct area *area = space->areas.recent;
	uint32_t page = addr & PAGE_MASK;
	enum fault_result result;
	uint32_t *entry;

	if (unlikely(!area || addr - area->start >= area->end - area->start)) {
		area = area_above(&space->areas, addr);
		if (!area || (area->start > addr && !grow_stack(space, area, page)))
			return FAULT_UNMAPPED;
	}
	if (unlikely(!allows(area, error)))
		return FAULT_DENIED;
	entry = entry_make(space, page);
	if (unlikely(!entry))
		return FAULT_OOM;
	if (*entry)
		return answer_present(space, area, entry, page, error & PF_WRITE);
	result = answer(space, area, entry, page, error & PF_WRITE);
	if (unlikely(result != FAULT_RESOLVED))
		table_settle(space, page);
	return result;
}

enum fault_result space_make_writable(struct space *space, uint32_t addr, uint32_t esp)
{
	const uint32_t *entry;

	if (addr >= USER_END)
		return FAULT_UNMAPPED;
	entry = entry_find(space, addr);
	if (entry && (*entry & ENTRY_WRITE) == ENTRY_WRITE)
		return FAULT_RESOLVED;
	return space_fault(space, addr, PF_WRITE, esp);
}

bool user_kernel_fault(uint32_t addr, uint32_t error)
{
	enum fault_result result;

	if (addr >= USER_END || !space_active)
		return false;
	result = space_fault(space_active, addr, error, 0);
	if (unlikely(result == FAULT_OOM) && current) /* a test has no process */
		process_out_of_memory(addr);
	return result == FAULT_RESOLVED;
}

int32_t space_populate(struct space *space, uint32_t start, uint32_t end, bool write)
{
	for (uint32_t at = start; at < end; at += PAGE_SIZE) {
		enum fault_result result = space_fault(space, at, write ? PF_WRITE : 0, 0);

		if (result == FAULT_OOM)
			return -ENOMEM;
		if (result != FAULT_RESOLVED)
			return -EFAULT;
	}
	return 0;
}
