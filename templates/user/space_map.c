/*
 * Mapping and unmapping: ranges of a space, and the areas that they are.
 *
 * A new range, in this order, so that a failure leaves everything as it was:
 *   1. An address is chosen: the one that is wanted, or the highest hole below the stack.
 *   2. The promise is charged, two areas are put aside, shared memory is made.
 *   3. The areas that were there before go (MAP_FIXED).
 *   4. The range becomes an area, or a neighbour that agrees with it grows.
 *
 * To unmap a range, its pages go first, with one flush; then each area that it touches shrinks at one
 * end, goes, or is cut in two:
 *
 *     areas     [  a  ] [   b   ][    c    ]
 *     unmap         [................]
 *     areas     [ a ]                [  c  ]
 *
 * The heap is an area that grows at its end (brk). It may not reach the next one: a page stays free.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/space_state.h>

/* --- ranges ------------------------------------------------------------------- */

bool range_is_free(struct space *space, uint32_t start, uint32_t end)
{
	const struct area *next = area_above(&space->areas, start);

	return !next || (next->start >= end && next->start - end >= next->guard);
}

uint32_t range_find(struct space *space, uint32_t size)
{
	uint32_t found = area_highest_hole(&space->areas, PAGE_SIZE, MAPPINGS_END, size);

	return found ? found : area_lowest_hole(&space->areas, MAPPINGS_END, USER_END, size);
}

/* Take [start, end) out of one area that it touches. */
static void clear_area(struct space *space, struct area *area, uint32_t start, uint32_t end)
{
	start = MAX(start, area->start);
	end = MIN(end, area->end);
	use_uncharge(space, &area->use, (end - start) / PAGE_SIZE);
	if (start > area->start && end < area->end) {
		space_cut(space, end);
		area_resize(area, area->start, start);
	} else if (start > area->start) {
		area_resize(area, area->start, start);
	} else if (end < area->end) {
		area_resize(area, end, area->end);
	} else {
		area_drop(space, area);
	}
}

void range_clear(struct space *space, uint32_t start, uint32_t end)
{
	struct area *area = area_above(&space->areas, start);
	struct area *next;

	if (start >= end || !area || area->start >= end)
		return;
	pages_drop(space, start, end);
	for (; area && area->start < end; area = next) {
		next = area->next;
		clear_area(space, area, start, end);
	}
}

void range_enter(struct space *space, uint32_t start, uint32_t end, const struct area_use *use)
{
	struct area *next = area_above(&space->areas, start);
	struct area *previous = next ? next->previous : space->areas.last;
	struct area *area;

	if (previous && area_continues(previous, start, use)) {
		use_put(use);
		space->areas.recent = previous; /* it is touched next */
		area_resize(previous, previous->start, end);
		if (next && next->start == end)
			area_join(space, previous);
		return;
	}
	if (next && area_follows(next, start, end, use)) {
		use_put(use);
		space->areas.recent = next;
		area_resize(next, start, next->end);
		return;
	}
	area = area_take();
	area->start = start;
	area->end = end;
	area->guard = use->flags & AREA_GROWS ? STACK_GUARD : 0;
	area->use = *use;
	space->areas.recent = area;
	area_insert(&space->areas, area);
}

/* --- mmap --------------------------------------------------------------------- */

/* Whether there is room where a program would like it; *addr is a page then. */
static bool hint_is_free(struct space *space, uint32_t *addr, uint32_t size)
{
	*addr = MAX(ALIGN_DOWN(*addr, PAGE_SIZE), PAGE_SIZE);
	return *addr <= USER_END - size && range_is_free(space, *addr, *addr + size);
}

/* Where a mapping of `size` bytes is to be: in *addr. 0 or an error. */
static int32_t choose(struct space *space, uint32_t *addr, uint32_t size, uint32_t flags)
{
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		if (!*addr || !hint_is_free(space, addr, size))
			*addr = range_find(space, size);
		return *addr ? 0 : -ENOMEM;
	}
	if (!IS_ALIGNED(*addr, PAGE_SIZE))
		return -EINVAL;
	if (*addr > USER_END - size)
		return -ENOMEM;
	if (*addr < PAGE_SIZE)
		return -EPERM;
	if (flags & MAP_FIXED_NOREPLACE) {
		const struct area *next = area_above(&space->areas, *addr);

		if (next && next->start < *addr + size)
			return -EEXIST;
	}
	return 0;
}

static uint32_t area_flags(uint32_t prot, uint32_t flags, enum area_kind kind, struct node *node)
{
	bool shared = flags & MAP_SHARED;
	bool reserve = !(flags & MAP_NORESERVE) || commit_counts_unreserved();
	uint32_t result = shared ? AREA_SHARED : 0;

	if (kind == AREA_STACK || (flags & MAP_GROWSDOWN))
		result |= AREA_GROWS;
	if (flags & MAP_NO_WRITE)
		result |= AREA_NO_WRITE;
	if (!reserve)
		result |= AREA_NO_RESERVE;
	if (shared ? !node : (prot & PROT_WRITE) && reserve)
		result |= AREA_COMMITTED;
	return result;
}

int32_t space_map(struct space *space, uint32_t *addr, uint32_t size, uint32_t prot, uint32_t flags,
		  enum area_kind kind, struct node *node, uint32_t offset)
{
	uint32_t whole = ALIGN_UP(size, PAGE_SIZE);
	struct area_use use = {
		.kind = kind,
		.prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
		.flags = area_flags(prot, flags, kind, node),
		.node = node,
		.offset = offset,
		.data_end = NO_END,
	};
	int32_t error;

	if (!size)
		return -EINVAL;
	if (!whole || whole > USER_END)
		return -ENOMEM;
	error = choose(space, addr, whole, flags);
	if (error)
		return error;
	if (node && (kind == AREA_CODE || kind == AREA_DATA) && whole != size)
		use.data_end = *addr + size;
	if (area_reserve(2))
		return -ENOMEM;
	if ((flags & MAP_SHARED) && !node) {
		use.shared = shared_create(whole / PAGE_SIZE);
		if (!use.shared)
			return -ENOMEM;
	}
	if (!use_charge(space, &use, whole / PAGE_SIZE)) {
		if (use.shared)
			shared_put(use.shared);
		return -ENOMEM;
	}
	if (node)
		node_get(node);
	if (flags & MAP_FIXED)
		range_clear(space, *addr, *addr + whole);
	range_enter(space, *addr, *addr + whole, &use);
	return 0;
}

int32_t space_unmap(struct space *space, uint32_t addr, uint32_t size)
{
	uint32_t whole = ALIGN_UP(size, PAGE_SIZE);

	if (!IS_ALIGNED(addr, PAGE_SIZE) || addr > USER_END || size > USER_END - addr || !whole)
		return -EINVAL;
	if (area_reserve(1))
		return -ENOMEM;
	range_clear(space, addr, addr + whole);
	return 0;
}

/* --- brk ---------------------------------------------------------------------- */

void space_set_brk(struct space *space, uint32_t start)
{
	space->brk_start = start;
	space->brk = start;
}

/* Let the heap grow from `old` to `end`, both whole pages. False if that can't be. */
static bool grow_heap(struct space *space, uint32_t old, uint32_t end)
{
	struct area_use use = {
		.kind = AREA_HEAP,
		.prot = PROT_READ | PROT_WRITE,
		.flags = AREA_COMMITTED,
		.data_end = NO_END,
	};

	if (!range_is_free(space, old, end + PAGE_SIZE) || area_reserve(1) ||
	    !use_charge(space, &use, (end - old) / PAGE_SIZE))
		return false;
	range_enter(space, old, end, &use);
	return true;
}

uint32_t space_brk(struct space *space, uint32_t end)
{
	uint32_t old = ALIGN_UP(space->brk, PAGE_SIZE);
	uint32_t page;

	if (end < space->brk_start || end > USER_END - PAGE_SIZE)
		return space->brk;
	page = ALIGN_UP(end, PAGE_SIZE);
	if (page > old && !grow_heap(space, old, page))
		return space->brk;
	if (page < old && space_unmap(space, page, old - page))
		return space->brk;
	space->brk = end;
	return end;
}
