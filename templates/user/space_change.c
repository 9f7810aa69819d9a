/*
 * Changing what is mapped: protection, size and place, advice.
 *
 * A change of a range goes from area to area. The first and the last are cut where the range begins and
 * ends, what lies between is changed, and neighbours that agree again become one:
 *
 *     areas      [ rw          ][ r      ]
 *     protect         [ r ..........]
 *     areas      [ rw ][ r               ]
 *
 * As in Linux, a hole in the range is an error, but what lies before it has been changed.
 *
 * To move a mapping: tables for the new place are made, so that nothing can fail; then entries go there
 * one by one, frames staying where they are.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/space_state.h>

/* The end of a range that begins on a page; 0 if it does not, or wraps. *error says why. */
static uint32_t range_end(uint32_t addr, uint32_t size, int32_t *error)
{
	uint32_t whole = ALIGN_UP(size, PAGE_SIZE);

	*error = -EINVAL;
	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return 0;
	*error = -ENOMEM;
	return whole >= size && addr + whole > addr ? addr + whole : 0;
}

/* --- mprotect ------------------------------------------------------------------- */

/* Charge an area's part that becomes writable, and is not counted yet. */
static int32_t charge_writable(struct space *space, const struct area_use *use, uint32_t prot,
			       uint32_t pages, uint16_t *flags)
{
	struct area_use counted = *use;

	*flags = use->flags;
	if (!(prot & PROT_WRITE) || (use->flags & (AREA_COMMITTED | AREA_SHARED | AREA_NO_RESERVE)))
		return 0;
	counted.flags |= AREA_COMMITTED;
	if (!use_charge(space, &counted, pages))
		return -ENOMEM;
	*flags = counted.flags;
	return 0;
}

/* One area's part of the range. 0, -EACCES or -ENOMEM. */
static int32_t protect_part(struct space *space, struct area *area, uint32_t start, uint32_t end,
			    uint32_t prot)
{
	uint16_t flags;
	int32_t error;

	if ((prot & PROT_WRITE) && (area->use.flags & AREA_NO_WRITE))
		return -EACCES;
	if (area->use.prot == prot)
		return 0;
	error = charge_writable(space, &area->use, prot, (end - start) / PAGE_SIZE, &flags);
	if (error)
		return error;
	if (end < area->end)
		space_cut(space, end);
	if (start > area->start) {
		space_cut(space, start);
		area = area->next;
	}
	area->use.prot = prot;
	area->use.flags = flags;
	pages_protect(space, start, end, prot, flags & AREA_SHARED);
	area_join(space, area);
	return 0;
}

int32_t space_protect(struct space *space, uint32_t addr, uint32_t size, uint32_t prot)
{
	int32_t error;
	uint32_t end = range_end(addr, size, &error);
	uint32_t at = addr;

	if (!size && error != -EINVAL)
		return 0;
	if (!end)
		return error;
	if (area_reserve(2))
		return -ENOMEM;
	if (prot & PROT_GROWSDOWN) {
		const struct area *area = area_find(&space->areas, addr);

		if (!area || !(area->use.flags & AREA_GROWS))
			return area ? -EINVAL : -ENOMEM;
		at = area->start;
	}
	prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
	while (at < end) {
		struct area *area = area_find(&space->areas, at);
		uint32_t to;

		if (!area)
			return -ENOMEM;
		to = MIN(end, area->end);
		error = protect_part(space, area, at, to, prot);
		if (error)
			return error;
		at = to;
	}
	return 0;
}

/* --- mremap --------------------------------------------------------------------- */

/* Move the range's pages to `target`, where nothing is, and enter it there. 0 or -ENOMEM. */
static int32_t move(struct space *space, const struct area *area, uint32_t addr, uint32_t old_size,
		    uint32_t new_size, uint32_t flags, uint32_t target)
{
	struct area_use use = area->use;
	bool stays = flags & MREMAP_DONTUNMAP;
	uint32_t more = (stays ? new_size : new_size - old_size) / PAGE_SIZE;

	use.offset += (addr - area->start) / PAGE_SIZE;
	if (use.data_end != NO_END)
		use.data_end += target - addr;
	if (area_reserve(3) || !use_charge(space, &use, more))
		return -ENOMEM;
	if (!tables_make(space, target, target + old_size)) {
		use_uncharge(space, &use, more);
		return -ENOMEM;
	}
	pages_move(space, addr, target, old_size);
	use_get(&use);
	if (!stays) {
		range_clear(space, addr, addr + old_size);
		use_restore(space, &use, old_size / PAGE_SIZE);
	}
	range_enter(space, target, target + new_size, &use);
	return 0;
}

/* Whether an area can grow by `more` bytes where it is. */
static bool can_grow(struct space *space, const struct area *area, uint32_t more)
{
	return more <= USER_END - area->end && range_is_free(space, area->end, area->end + more);
}

static int32_t grow(struct space *space, struct area *area, uint32_t more)
{
	if (!use_charge(space, &area->use, more / PAGE_SIZE))
		return -ENOMEM;
	area_resize(area, area->start, area->end + more);
	area_join(space, area);
	return 0;
}

/* mremap to an address of the caller's choice. */
static int32_t remap_fixed(struct space *space, uint32_t addr, uint32_t old_size, uint32_t new_size,
			   uint32_t flags, uint32_t target)
{
	const struct area *area;

	if (!IS_ALIGNED(target, PAGE_SIZE) || new_size > USER_END || target > USER_END - new_size)
		return -EINVAL;
	if (target < PAGE_SIZE)
		return -EPERM;
	if (addr + old_size > target && target + new_size > addr)
		return -EINVAL;
	if (area_reserve(3))
		return -ENOMEM;
	range_clear(space, target, target + new_size);
	if (old_size > new_size) {
		range_clear(space, addr + new_size, addr + old_size);
		old_size = new_size;
	}
	area = area_find(&space->areas, addr);
	if (!area || old_size > area->end - addr)
		return -EFAULT;
	return move(space, area, addr, old_size, new_size, flags, target);
}

/* What Linux refuses before it looks at the areas. */
static int32_t refuse_remap(uint32_t addr, uint32_t old_size, uint32_t new_size, uint32_t flags)
{
	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && old_size != new_size)
		return -EINVAL;
	return IS_ALIGNED(addr, PAGE_SIZE) && new_size ? 0 : -EINVAL;
}

int32_t space_remap(struct space *space, uint32_t *addr, uint32_t old_size, uint32_t new_size,
		    uint32_t flags, uint32_t target)
{
	int32_t error;
	struct area *area;

	old_size = ALIGN_UP(old_size, PAGE_SIZE);
	new_size = ALIGN_UP(new_size, PAGE_SIZE);
	error = refuse_remap(*addr, old_size, new_size, flags);
	if (error)
		return error;
	area = area_find(&space->areas, *addr);
	if (!area)
		return -EFAULT;
	if (!old_size && !(area->use.flags & AREA_SHARED))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && (area->use.node || area->use.shared))
		return -EINVAL;
	if (flags & MREMAP_FIXED) {
		error = remap_fixed(space, *addr, old_size, new_size, flags, target);
		*addr = error ? *addr : target;
		return error;
	}
	if (old_size >= new_size && !(flags & MREMAP_DONTUNMAP)) {
		if (old_size == new_size)
			return old_size > area->end - *addr ? -EFAULT : 0;
		return space_unmap(space, *addr + new_size, old_size - new_size);
	}
	if (old_size > area->end - *addr)
		return -EFAULT;
	if (*addr + old_size == area->end && new_size > old_size &&
	    can_grow(space, area, new_size - old_size))
		return grow(space, area, new_size - old_size);
	if (!(flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	target = new_size <= USER_END ? range_find(space, new_size) : 0;
	error = target ? move(space, area, *addr, old_size, new_size, flags, target) : -ENOMEM;
	*addr = error ? *addr : target;
	return error;
}

/* --- madvise -------------------------------------------------------------------- */

/* How advice changes an area's flags: set, clear. Both 0: it does not. */
static uint16_t flag_of(uint32_t advice)
{
	switch (advice) {
	case MADV_DONTFORK:
	case MADV_DOFORK:
		return AREA_NO_FORK;
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
		return AREA_WIPE;
	default:
		return 0;
	}
}

static bool is_known(uint32_t advice)
{
	return advice <= MADV_DONTNEED || advice == MADV_FREE || flag_of(advice) ||
	       advice == MADV_DONTDUMP || advice == MADV_DODUMP ||
	       (advice >= MADV_COLD && advice <= MADV_POPULATE_WRITE);
}

static void set_flag(struct space *space, struct area *area, uint32_t start, uint32_t end,
		     uint16_t flags)
{
	if (area->use.flags == flags)
		return;
	if (end < area->end)
		space_cut(space, end);
	if (start > area->start) {
		space_cut(space, start);
		area = area->next;
	}
	area->use.flags = flags;
	area_join(space, area);
}

/* Advice on one area's part of the range. 0 or -EINVAL, -ENOMEM, -EFAULT. */
static int32_t advise_part(struct space *space, struct area *area, uint32_t start, uint32_t end,
			   uint32_t advice)
{
	bool anonymous = !area->use.node && !area->use.shared;
	uint16_t flag = flag_of(advice);

	switch (advice) {
	case MADV_FREE:
	case MADV_WIPEONFORK:
		if (!anonymous)
			return -EINVAL;
		break;
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return space_populate(space, start, end, advice == MADV_POPULATE_WRITE);
	default:
		break;
	}
	if (advice == MADV_DONTNEED || advice == MADV_FREE)
		pages_drop(space, start, end);
	else if (advice == MADV_DONTFORK || advice == MADV_WIPEONFORK)
		set_flag(space, area, start, end, area->use.flags | flag);
	else if (flag)
		set_flag(space, area, start, end, area->use.flags & ~flag);
	return 0;
}

int32_t space_advise(struct space *space, uint32_t addr, uint32_t size, uint32_t advice)
{
	int32_t error;
	uint32_t end = range_end(addr, size, &error);
	bool holes = false;

	if (!is_known(advice) || (size && !end))
		return -EINVAL;
	if (!size)
		return IS_ALIGNED(addr, PAGE_SIZE) ? 0 : -EINVAL;
	if (area_reserve(2))
		return -ENOMEM;
	for (uint32_t at = addr; at < end;) {
		struct area *area = area_above(&space->areas, at);
		uint32_t to;

		if (!area || area->start >= end)
			return -ENOMEM;
		holes |= area->start > at;
		at = MAX(at, area->start);
		to = MIN(end, area->end);
		error = advise_part(space, area, at, to, advice);
		if (error)
			return error;
		at = to;
	}
	return holes ? -ENOMEM : 0;
}
