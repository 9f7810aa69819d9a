/*
 * Address spaces: their beginning and their end.
 *
 * A space is a tree of areas, which say what is promised, and a page directory, which says what is
 * there. The directory's upper part is the kernel's, the same in all: it is copied once and never
 * changes (mm/kspace.c). So nothing is mapped or flushed when the kernel is entered.
 *
 *     struct space ──▶ areas       [code][data]   [heap]        [mapping] [stack]
 *                  ──▶ directory   | user's tables ... | kernel's tables |
 *
 * fork shares instead of copying. For each area:
 *   1. The promise is counted once more, and the area noted in the child.
 *   2. Each entry of its tables goes to the child's, read-only in both; frames that are owned are
 *      counted.
 * Whoever writes first gets a copy (user/fault.c). If memory runs out on the way, the child is
 * destroyed like any other space. The parent's pages that were made read-only have one owner then, who
 * gets them back when it writes.
 *
 * An operation that needs areas has them put aside before it changes anything (area_reserve()),
 * so that none ends half-done.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/io.h>
#include <arch/tlb.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kspace.h>
#include <user/space_state.h>

struct space *spaces;
struct space *space_active;

static struct kmem_cache *space_cache;
static struct kmem_cache *area_cache;

static struct space_use ended; /* of spaces that are no more: faults, the highest peak */

/* --- areas ------------------------------------------------------------------ */

#define AREAS_KEPT 8

uint32_t areas_kept; /* at hand */
static struct area *kept[AREAS_KEPT];

COLD int32_t area_fetch(uint32_t count)
{
	while (areas_kept < count) {
		struct area *area = kmem_cache_alloc(area_cache);

		if (!area)
			return -ENOMEM;
		kept[areas_kept++] = area;
	}
	return 0;
}

struct area *area_take(void)
{
	return kept[--areas_kept];
}

static void area_give(struct area *area)
{
	if (areas_kept < AREAS_KEPT)
		kept[areas_kept++] = area;
	else
		kmem_cache_free(area_cache, area);
}

void use_restore(struct space *space, const struct area_use *use, uint32_t pages)
{
	if (!(use->flags & AREA_COMMITTED))
		return;
	if (!use->shared)
		commit.committed += pages;
	space->committed += pages;
}

void area_drop(struct space *space, struct area *area)
{
	area_remove(&space->areas, area);
	use_put(&area->use);
	area_give(area);
}

void space_cut(struct space *space, uint32_t addr)
{
	struct area *area = area_find(&space->areas, addr);
	struct area *upper;

	if (!area || area->start == addr)
		return;
	upper = area_take();
	area_split(&space->areas, area, addr, upper);
	use_get(&upper->use);
}

struct area *area_join(struct space *space, struct area *area)
{
	struct area *next = area->next;
	struct area *previous = area->previous;
	uint32_t end;

	if (next && area_continues(area, next->start, &next->use)) {
		end = next->end;
		area_drop(space, next);
		area_resize(area, area->start, end);
	}
	if (!previous || !area_continues(previous, area->start, &area->use))
		return area;
	end = area->end;
	area_drop(space, area);
	area_resize(previous, previous->start, end);
	return previous;
}

/* --- spaces ----------------------------------------------------------------- */

struct space *space_create(void)
{
	struct space *space = kmem_cache_alloc(space_cache);

	if (!space)
		return NULL;
	memset(space, 0, sizeof(*space));
	space->directory = directory_alloc();
	if (!space->directory) {
		kmem_cache_free(space_cache, space);
		return NULL;
	}
	space->users = 1;
	space->tables = 1;
	space->next = spaces;
	if (spaces)
		spaces->previous = space;
	spaces = space;
	return space;
}

/* One area for a child. False: no memory, or no promise. */
static bool clone_area(struct space *from, struct space *to, const struct area *area)
{
	struct area *copy;

	if (area_reserve(1) || !use_charge(to, &area->use, area_pages(area)))
		return false;
	copy = area_take();
	copy->start = area->start;
	copy->end = area->end;
	copy->guard = area->guard;
	copy->use = area->use;
	use_get(&copy->use);
	area_append(&to->areas, copy);
	if (area->use.flags & AREA_WIPE)
		return true;
	return pages_share(from, to, area->start, area->end);
}

struct space *space_clone(struct space *from)
{
	struct space *space = space_create();

	if (!space)
		return NULL;
	space->brk_start = from->brk_start;
	space->brk = from->brk;
	for (const struct area *area = from->areas.first; area; area = area->next) {
		if ((area->use.flags & AREA_NO_FORK) || clone_area(from, space, area))
			continue;
		space_put(space);
		space = NULL;
		break;
	}
	if (space)
		space->peak = space->resident;
	if (from == space_active)
		flush_tlb_all(); /* its pages became read-only */
	return space;
}

void space_get(struct space *space)
{
	space->users++;
}

static void add_faults(struct space_faults *sum, const struct space_faults *faults)
{
	sum->zero += faults->zero;
	sum->zero_page += faults->zero_page;
	sum->copy += faults->copy;
	sum->sole += faults->sole;
	sum->file += faults->file;
	sum->around += faults->around;
}

static void unlink_space(struct space *space)
{
	if (space->previous)
		space->previous->next = space->next;
	else
		spaces = space->next;
	if (space->next)
		space->next->previous = space->previous;
}

void space_put(struct space *space)
{
	struct area *next;

	if (--space->users)
		return;
	if (space == space_active)
		space_switch(NULL);
	for (struct area *area = space->areas.first; area; area = next) {
		next = area->next;
		pages_drop(space, area->start, area->end);
		use_uncharge(space, &area->use, area_pages(area));
		use_put(&area->use);
		area_give(area);
	}
	BUG_ON(space->tables != 1 || space->resident || space->committed);
	add_faults(&ended.faults, &space->faults);
	ended.peak = MAX(ended.peak, space->peak);
	directory_free(space->directory);
	unlink_space(space);
	kmem_cache_free(space_cache, space);
}

void space_switch(struct space *space)
{
	if (space == space_active)
		return;
	space_active = space;
	write_cr3(VIRT_TO_PHYS((uintptr_t)(space ? space->directory : kernel_directory())));
}

/* --- all of them ------------------------------------------------------------- */

void spaces_use(struct space_use *use)
{
	*use = ended;
	for (const struct space *space = spaces; space; space = space->next) {
		use->resident += space->resident;
		use->committed += space->committed;
		use->tables += space->tables;
		use->peak = MAX(use->peak, space->peak);
		add_faults(&use->faults, &space->faults);
	}
}

int32_t spaces_init(void)
{
	if (frames_init())
		return -ENOMEM;
	memset(&ended, 0, sizeof(ended));
	commit_init(&commit, frames_for_programs());
	space_cache = kmem_cache_create("space", sizeof(struct space), 0, NULL);
	area_cache = kmem_cache_create("area", sizeof(struct area), 0, NULL);
	if (space_cache && area_cache)
		return 0;
	spaces_exit();
	return -ENOMEM;
}

void spaces_exit(void)
{
	BUG_ON(spaces);
	while (areas_kept)
		kmem_cache_free(area_cache, kept[--areas_kept]);
	kmem_cache_destroy(area_cache);
	kmem_cache_destroy(space_cache);
	area_cache = NULL;
	space_cache = NULL;
	frames_exit();
}
