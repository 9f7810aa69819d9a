/*
 * Room between areas: searches in the tree of user/area.c, and its verification.
 *
 * To find the highest hole of a size, from an upper limit down:
 *   1. The hole that the limit lies in is looked at by itself: only a part of it counts.
 *   2. Climb from its area. All that lies to the left is lower; the first subtree on the way
 *      whose best is large enough has the highest hole.
 *   3. Go down in it: to the right if that has one, else this node's own, else to the left.
 * The lowest is the mirror image.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/area.h>
#include <user/area_tree.h>

/* --- searching --------------------------------------------------------------- */

/* The highest area of a subtree whose hole has `size` bytes; it has one. */
static struct area *highest(struct area *at, uint32_t size)
{
	for (;;) {
		if (best_of(at->right) >= size)
			at = at->right;
		else if (at->hole >= size)
			return at;
		else
			at = at->left;
	}
}

static const struct area *lowest(const struct area *at, uint32_t size)
{
	for (;;) {
		if (best_of(at->left) >= size)
			at = at->left;
		else if (at->hole >= size)
			return at;
		else
			at = at->right;
	}
}

/* The next lower area whose hole has `size` bytes; NULL if there is none. */
static struct area *lower(struct area *at, uint32_t size)
{
	if (best_of(at->left) >= size)
		return highest(at->left, size);
	for (; at->parent; at = at->parent) {
		if (at == at->parent->left)
			continue;
		if (at->parent->hole >= size)
			return at->parent;
		if (best_of(at->parent->left) >= size)
			return highest(at->parent->left, size);
	}
	return NULL;
}

/* The next higher one. */
static const struct area *higher(const struct area *at, uint32_t size)
{
	if (best_of(at->right) >= size)
		return lowest(at->right, size);
	for (; at->parent; at = at->parent) {
		if (at == at->parent->right)
			continue;
		if (at->parent->hole >= size)
			return at->parent;
		if (best_of(at->parent->right) >= size)
			return lowest(at->parent->right, size);
	}
	return NULL;
}

/* The address at which `size` bytes fit into [from, to) at its upper or lower end; 0. */
static uint32_t fit_high(uint32_t from, uint32_t to, uint32_t size)
{
	return to > from && to - from >= size ? to - size : 0;
}

static uint32_t fit_low(uint32_t from, uint32_t to, uint32_t size)
{
	return to > from && to - from >= size ? from : 0;
}

uint32_t area_highest_hole(struct areas *areas, uint32_t low, uint32_t high, uint32_t size)
{
	struct area *area = high ? area_above(areas, high - 1) : NULL;
	uint32_t end = areas->last ? areas->last->end : 0;
	uint32_t found;

	if (area) /* the first hole that the limit may cut is in front of it */
		found = fit_high(MAX(low, hole_start(area)), MIN(high, hole_end(area)), size);
	else
		found = fit_high(MAX(low, end), high, size);
	if (found)
		return found;
	if (area)
		area = lower(area, size);
	else if (best_of(areas->root) >= size)
		area = highest(areas->root, size);
	if (!area)
		return 0;
	areas->recent = area; /* whoever enters something there finds it */
	return fit_high(MAX(low, hole_start(area)), hole_end(area), size);
}

uint32_t area_lowest_hole(struct areas *areas, uint32_t low, uint32_t high, uint32_t size)
{
	const struct area *area = area_above(areas, low);
	uint32_t found;

	if (area) {
		found = fit_low(MAX(low, hole_start(area)), MIN(high, hole_end(area)), size);
		if (found)
			return found;
		area = higher(area, size);
	}
	if (area)
		return fit_low(MAX(low, hole_start(area)), MIN(high, hole_end(area)), size);
	return fit_low(MAX(low, areas->last ? areas->last->end : 0), high, size);
}

/* --- verifying --------------------------------------------------------------- */

/* Whether a subtree is sound, and has just the areas from *at on in the list; *at moves on. */
static bool subtree_is_sound(const struct area *area, const struct area *parent,
			     const struct area **at, unsigned depth)
{
	struct area copy;

	if (!area)
		return true;
	if (area->parent != parent || !depth)
		return false;
	if (!subtree_is_sound(area->left, area, at, depth - 1) || *at != area)
		return false;
	*at = area->next;
	if (!subtree_is_sound(area->right, area, at, depth - 1))
		return false;
	copy = *area;
	sum_up(&copy);
	return copy.best == area->best && copy.height == area->height &&
	       area->hole == measure(area) && height_of(area->left) <= height_of(area->right) + 1 &&
	       height_of(area->right) <= height_of(area->left) + 1;
}

bool areas_check(const struct areas *areas)
{
	const struct area *at = areas->first;
	const struct area *previous = NULL;
	uint32_t count = 0;

	for (; at; previous = at, at = at->next, count++) {
		if (count > areas->count || at->previous != previous || at->start >= at->end ||
		    !IS_ALIGNED(at->start | at->end, PAGE_SIZE) ||
		    (previous && previous->end > at->start))
			return false;
	}
	if (count != areas->count || areas->last != previous)
		return false;
	at = areas->first;
	return subtree_is_sound(areas->root, NULL, &at, 64) && !at;
}
