/* What the files of areas share: how a node sums up its subtree. Others use user/area.h. */
#ifndef USER_AREA_TREE_H
#define USER_AREA_TREE_H

#include <user/area.h>

static inline uint32_t height_of(const struct area *area)
{
	return area ? area->height : 0;
}

static inline uint32_t best_of(const struct area *area)
{
	return area ? area->best : 0;
}

static inline uint32_t hole_start(const struct area *area)
{
	return area->previous ? area->previous->end : 0;
}

static inline uint32_t hole_end(const struct area *area)
{
	return area->start > area->guard ? area->start - area->guard : 0;
}

/* Bytes of the hole in front of an area. */
static inline uint32_t measure(const struct area *area)
{
	uint32_t room = area->start - hole_start(area);

	return room > area->guard ? room - area->guard : 0;
}

/* What a node's best is by its children and its own hole. */
static inline uint32_t best_below(const struct area *area)
{
	uint32_t best = area->hole;

	if (area->left)
		best = MAX(best, area->left->best);
	if (area->right)
		best = MAX(best, area->right->best);
	return best;
}

static inline void sum_up(struct area *area)
{
	uint32_t left = height_of(area->left);
	uint32_t right = height_of(area->right);

	area->height = MAX(left, right) + 1;
	area->best = best_below(area);
}

#endif /* USER_AREA_TREE_H */
