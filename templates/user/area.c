/*
 * Areas in an AVL tree, ordered by address, that knows its holes.
 *
 * Each area answers for the hole in front of it: from the end of the area before it to its own
 * start, less the guard that it wants. A node knows the largest such hole of its subtree. So a
 * search for room goes down where there is some (user/area_holes.c).
 *
 *                          [0x5000, 0x9000)          hole 0x2000, best 0x6000
 *                         /                \
 *         [0x1000, 0x3000)                  [0xf000, 0x10000)     hole 0x6000, best 0x6000
 *         hole 0x1000, best 0x1000
 *
 * Areas are in a list by address as well, which gives neighbours in one step. Putting one in or out
 * changes the hole in front of the next one, too. That is always an ancestor of the place where the
 * tree changes, or what takes its place; so one walk from there up to the root sets heights,
 * rotates, and sums up.
 *
 * Invariants, verified by areas_check(): the list and the tree have the same areas in the same
 * order, without overlap; siblings' heights differ by 1 at most; height and best are those of the
 * children and of the node itself.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/area.h>
#include <user/area_tree.h>

/* --- the tree --------------------------------------------------------------- */

/* Let `fresh`, or nothing, stand where `old` stood. */
static void replace(struct areas *areas, const struct area *old, struct area *fresh)
{
	struct area *parent = old->parent;

	if (!parent)
		areas->root = fresh;
	else if (parent->left == old)
		parent->left = fresh;
	else
		parent->right = fresh;
	if (fresh)
		fresh->parent = parent;
}

/* Let the right child of a node rise above it, or the left one. The one that has risen. */
static struct area *raise_right(struct areas *areas, struct area *area)
{
	struct area *child = area->right;

	replace(areas, area, child);
	area->right = child->left;
	if (area->right)
		area->right->parent = area;
	child->left = area;
	area->parent = child;
	sum_up(area);
	sum_up(child);
	return child;
}

static struct area *raise_left(struct areas *areas, struct area *area)
{
	struct area *child = area->left;

	replace(areas, area, child);
	area->left = child->right;
	if (area->left)
		area->left->parent = area;
	child->right = area;
	area->parent = child;
	sum_up(area);
	sum_up(child);
	return child;
}

/* Sum up a node, or rotate it if one side is higher by 2. What stands there now. */
static inline struct area *settle_one(struct areas *areas, struct area *area)
{
	uint32_t left = height_of(area->left);
	uint32_t right = height_of(area->right);

	if (unlikely(left > right + 1)) {
		if (height_of(area->left->left) < height_of(area->left->right))
			raise_right(areas, area->left);
		return raise_left(areas, area);
	}
	if (unlikely(right > left + 1)) {
		if (height_of(area->right->right) < height_of(area->right->left))
			raise_left(areas, area->right);
		return raise_right(areas, area);
	}
	sum_up(area);
	return area;
}

/*
 * Make everything right from a node upwards. A walk ends where nothing changes any more, but
 * not below `until`, above the node or the node itself: its own hole has changed, too.
 */
static void settle(struct areas *areas, struct area *area, struct area *until)
{
	while (area) {
		uint32_t height = area->height;
		uint32_t best = area->best;

		if (area == until)
			until = NULL;
		area = settle_one(areas, area);
		if (area->height != height || area->best != best)
			area = area->parent;
		else
			area = until;
	}
}

/*
 * The hole in front of an area is another, and no node has moved. A larger one is the best of all
 * above up to one that has a better; a smaller one matters up to where it was not the best.
 */
static HOT_LEAF void measure_again(struct area *area)
{
	uint32_t hole = measure(area);
	bool larger = hole >= area->hole;

	area->hole = hole;
	if (larger) {
		for (; area && area->best < hole; area = area->parent)
			area->best = hole;
		return;
	}
	for (; area; area = area->parent) {
		uint32_t best = best_below(area);

		if (area->best == best)
			break;
		area->best = best;
	}
}

/* Put a new leaf below `parent`. It is in the list already. */
static void hang(struct areas *areas, struct area *area, struct area *parent)
{
	area->left = NULL;
	area->right = NULL;
	area->parent = parent;
	if (!parent)
		areas->root = area;
	else if (area->start < parent->start)
		parent->left = area;
	else
		parent->right = area;
	area->height = 0; /* it counts as changed */
	area->hole = measure(area);
	if (area->next)
		area->next->hole = measure(area->next);
	settle(areas, area, area->next);
}

/* Let `heir` stand where `area` stood, and look like it: whoever is above knows no other. */
static void inherit(struct areas *areas, const struct area *area, struct area *heir)
{
	replace(areas, area, heir);
	if (!heir)
		return;
	heir->height = area->height;
	heir->best = area->best;
}

/*
 * Take a node with two children out: the next area, which has no left child, takes its place.
 * The lowest node that has to be settled.
 */
static struct area *take_inner(struct areas *areas, struct area *area)
{
	struct area *next = area->next;
	struct area *from = next;

	if (next != area->right) {
		from = next->parent;
		replace(areas, next, next->right);
		next->right = area->right;
		next->right->parent = next;
	}
	next->left = area->left;
	next->left->parent = next;
	inherit(areas, area, next);
	return from;
}

/* --- the list ---------------------------------------------------------------- */

static void link_after(struct areas *areas, struct area *area, struct area *previous)
{
	struct area *next = previous ? previous->next : areas->first;

	area->previous = previous;
	area->next = next;
	if (previous)
		previous->next = area;
	else
		areas->first = area;
	if (next)
		next->previous = area;
	else
		areas->last = area;
	areas->count++;
}

static void unlink_area(struct areas *areas, struct area *area)
{
	if (area->previous)
		area->previous->next = area->next;
	else
		areas->first = area->next;
	if (area->next)
		area->next->previous = area->previous;
	else
		areas->last = area->previous;
	areas->count--;
}

/* --- the interface ----------------------------------------------------------- */

HOT_LEAF struct area *area_above(struct areas *areas, uint32_t addr)
{
	struct area *found = areas->recent;
	struct area *at = areas->root;

	if (found && addr < found->end && addr >= hole_start(found))
		return found; /* in the recent one, or in its hole */
	found = NULL;
	while (at) {
		if (at->end <= addr) {
			at = at->right;
			continue;
		}
		found = at;
		if (at->start <= addr)
			break;
		at = at->left;
	}
	if (found)
		areas->recent = found;
	return found;
}

void area_insert(struct areas *areas, struct area *area)
{
	struct area *parent = NULL;
	struct area *previous = NULL;
	struct area *at = areas->root;

	while (at) {
		parent = at;
		if (area->start < at->start) {
			at = at->left;
		} else {
			previous = at;
			at = at->right;
		}
	}
	link_after(areas, area, previous);
	hang(areas, area, parent);
}

void area_append(struct areas *areas, struct area *area)
{
	struct area *last = areas->last;

	link_after(areas, area, last);
	hang(areas, area, last);
}

void area_remove(struct areas *areas, struct area *area)
{
	struct area *child = area->left ? area->left : area->right;
	struct area *from;

	unlink_area(areas, area);
	if (area->next)
		area->next->hole = measure(area->next);
	if (areas->recent == area)
		areas->recent = NULL;
	if (area->left && area->right) {
		from = take_inner(areas, area);
	} else {
		from = child ? child : area->parent;
		inherit(areas, area, child);
	}
	settle(areas, from, area->next);
}

void area_resize(struct area *area, uint32_t start, uint32_t end)
{
	struct area *next = area->next;

	if (end != area->end) {
		area->end = end;
		if (next)
			measure_again(next);
	}
	if (start != area->start) {
		area->use.offset += start / PAGE_SIZE - area->start / PAGE_SIZE; /* modulo 2^32 */
		area->start = start;
		measure_again(area);
	}
}

void area_split(struct areas *areas, struct area *area, uint32_t at, struct area *upper)
{
	upper->start = at;
	upper->end = area->end;
	upper->guard = area->guard;
	upper->use = area->use;
	upper->use.offset += (at - area->start) / PAGE_SIZE;
	area->end = at;
	area_insert(areas, upper);
}

static inline bool same_use(const struct area_use *a, const struct area_use *b)
{
	return a->all == b->all && a->node == b->node && a->shared == b->shared &&
	       a->data_end == b->data_end;
}

/* Whether what one area shows goes on in the next; of no meaning where it shows nothing. */
static inline bool offsets_meet(const struct area_use *lower, uint32_t bytes,
				const struct area_use *upper)
{
	return (!lower->node && !lower->shared) ||
	       lower->offset + bytes / PAGE_SIZE == upper->offset;
}

bool uses_join(const struct area_use *lower, uint32_t bytes, const struct area_use *upper)
{
	return same_use(lower, upper) && offsets_meet(lower, bytes, upper);
}
