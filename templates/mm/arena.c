/*
 * The arena: lowest fit, by a tree of free runs over a bitmap of pages.
 *
 * A leaf is a word of the bitmap, 32 pages. A node sums up the free runs of the
 * pages below it: how many are free at its start, how many at its end, how many in
 * the longest run. A node's summary follows from its two children: its longest run is
 * that of a child, or the left one's end and the right one's start together.
 *
 *     node 1                  head 0    tail 9      best 30
 *                            /                            \
 *     node 2        head 0  tail 21  best 21     node 3   head 9  tail 9  best 30
 *                    /              \                 /              \
 *     bits    1111 1111 1110 ... 0000       0000 0000 0111 ... 1110 0000 0000
 *                         ^ 21 free, and 9 more: a run of 30
 *
 * To allocate:
 *   1. The root tells whether there is a run long enough.
 *   2. Go down: to the left if a run is there, else to where both children meet if
 *      they have one together, else to the right. This finds the lowest.
 *   3. Mark its pages, and sum up again from there to the root.
 *
 * A long run is marked where it is whole (lazy propagation). If a node's pages are all
 * free, or all taken, its children are stale. settle() pushes the node's state down
 * before a leaf is used. So each step touches two paths from a leaf to the root and
 * their neighbours: O(log n), however long the run. The one exception is stated at
 * find_aligned().
 *
 * It needs no memory but its own from the start, so addresses can be allocated when no page
 * is left for a slab: then slabs and heap fall back to mappings.
 *
 * A caller that wants guard pages allocates more pages than it maps.
 *
 * Invariants, verified by arena_check(): a node whose children are not stale
 * is the sum of them; the pages past the last are taken; `used` counts
 * the bits.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/bits.h>
#include <kernel/string.h>
#include <mm/arena.h>

#define NOWHERE ((size_t)-1)

/* --- a word: 32 pages ------------------------------------------------------- */

/* Bits of the pages in [from, to) of a word; from < to <= 32. */
static inline uint32_t mask(size_t from, size_t to)
{
	return UINT32_MAX << from & UINT32_MAX >> (ARENA_WORD - to);
}

/* The pages of a word at which `length` free ones begin; length is 1 to 32. */
static uint32_t starts_of(uint32_t free, size_t length)
{
	for (size_t known = 1; known < length;) {
		size_t step = MIN(known, length - known);

		free &= free >> step;
		known += step;
	}
	return free;
}

/*
 * The longest run of ones, digit by digit of its length, from 16 down: a run of
 * length + 2^i begins where one of `length` does, with one of 2^i after it.
 */
static size_t longest_run(uint32_t free)
{
	uint32_t two = free & free >> 1;
	uint32_t four = two & two >> 2;
	uint32_t eight = four & four >> 4;
	const uint32_t powers[] = { free, two, four, eight, eight & eight >> 8 };
	uint32_t starts = UINT32_MAX;
	size_t length = 0;

	for (size_t i = ARRAY_SIZE(powers); i-- > 0;) {
		uint32_t longer = starts & powers[i] >> length;

		if (longer) {
			starts = longer;
			length += 1u << i;
		}
	}
	return length;
}

static inline struct arena_runs runs_of_word(uint32_t taken)
{
	if (!taken)
		return (struct arena_runs){ ARENA_WORD, ARENA_WORD, ARENA_WORD };
	return (struct arena_runs){ lowest_bit(taken), zeros_above(taken), longest_run(~taken) };
}

/* --- the tree --------------------------------------------------------------- */

static inline size_t leaf_of(const struct arena *arena, size_t page)
{
	return arena->leaves + page / ARENA_WORD;
}

static inline uint32_t *word_of(struct arena *arena, size_t leaf)
{
	return &arena->bits[leaf - arena->leaves];
}

/* First page of a node of `span` pages. */
static inline size_t first_page(const struct arena *arena, size_t node, size_t span)
{
	return node * span - arena->leaves * ARENA_WORD;
}

/* Make a node of `span` pages all free, or all taken; its children are stale then. */
static inline void fill(struct arena *arena, size_t node, size_t span, bool taken)
{
	size_t free = taken ? 0 : span;

	arena->nodes[node] = (struct arena_runs){ free, free, free };
	if (span == ARENA_WORD)
		*word_of(arena, node) = taken ? UINT32_MAX : 0;
}

static inline bool same(struct arena_runs a, struct arena_runs b)
{
	return a.head == b.head && a.tail == b.tail && a.best == b.best;
}

/* Combine the summaries of two neighbours of `span` pages each. */
static inline struct arena_runs sum_of(const struct arena_runs pair[2], size_t span)
{
	size_t head = pair[0].head;
	size_t tail = pair[1].tail;
	size_t best = (size_t)pair[0].tail + pair[1].head;

	if (head == span)
		head += pair[1].head;
	if (tail == span)
		tail += pair[0].tail;
	best = MAX(best, pair[0].best);
	best = MAX(best, pair[1].best);
	return (struct arena_runs){ head, tail, best };
}

/* Recompute a node from its children of `span` pages each. Returns false if nothing changed. */
static inline bool sum_up(struct arena *arena, size_t node, size_t span)
{
	struct arena_runs sum = sum_of(&arena->nodes[2 * node], span);

	if (same(sum, arena->nodes[node]))
		return false;
	arena->nodes[node] = sum;
	return true;
}

/* Push the state of all nodes above a leaf down to it, so that the leaf is valid. */
static void settle(struct arena *arena, size_t leaf)
{
	size_t span = arena->leaves * ARENA_WORD;

	for (unsigned up = lowest_bit(arena->leaves); up; up--) {
		size_t node = leaf >> up;
		size_t best = arena->nodes[node].best;

		span /= 2;
		if (best && best != 2 * span)
			continue;
		fill(arena, 2 * node, span, !best);
		fill(arena, 2 * node + 1, span, !best);
	}
}

/* The same for the first and the last page of a run. */
static void settle_ends(struct arena *arena, size_t page, size_t pages)
{
	size_t left = leaf_of(arena, page);
	size_t right = leaf_of(arena, page + pages - 1);

	settle(arena, left);
	if (left != right)
		settle(arena, right);
}

/* Mark pages of one word. */
static void mark_word(struct arena *arena, size_t leaf, uint32_t pages, bool taken)
{
	uint32_t *word = word_of(arena, leaf);

	*word = taken ? *word | pages : *word & ~pages;
	arena->nodes[leaf] = runs_of_word(*word);
}

/*
 * Mark [from, to), and recompute the nodes on the paths from its first and last leaf
 * upwards until nothing changes. That cannot happen before the paths meet: on the left
 * path the end of each node changes, on the right path the start. The leaves between are
 * below the inner siblings of the two paths, and those are marked as a whole. Both leaves
 * are settled.
 */
static void mark(struct arena *arena, size_t from, size_t to, bool taken)
{
	size_t left = leaf_of(arena, from);
	size_t right = leaf_of(arena, to - 1);
	size_t end = (to - 1) % ARENA_WORD + 1;
	bool changed = true;

	if (left == right) {
		mark_word(arena, left, mask(from % ARENA_WORD, end), taken);
	} else {
		mark_word(arena, left, mask(from % ARENA_WORD, ARENA_WORD), taken);
		mark_word(arena, right, mask(0, end), taken);
	}
	for (size_t span = ARENA_WORD; left > 1 && changed; span *= 2) {
		if ((left ^ right) > 1 && !(left & 1))
			fill(arena, left + 1, span, taken);
		if ((left ^ right) > 1 && (right & 1))
			fill(arena, right - 1, span, taken);
		left /= 2;
		right /= 2;
		changed = sum_up(arena, left, span);
		if (left != right)
			sum_up(arena, right, span);
	}
}

/*
 * Whether all pages of [from, to) are taken: looks at the same inner siblings. Both
 * leaves are settled.
 */
static bool all_taken(struct arena *arena, size_t from, size_t to)
{
	size_t left = leaf_of(arena, from);
	size_t right = leaf_of(arena, to - 1);
	size_t end = (to - 1) % ARENA_WORD + 1;

	if (left == right)
		return !(~*word_of(arena, left) & mask(from % ARENA_WORD, end));
	if (~*word_of(arena, left) & mask(from % ARENA_WORD, ARENA_WORD))
		return false;
	if (~*word_of(arena, right) & mask(0, end))
		return false;
	for (; (left ^ right) > 1; left /= 2, right /= 2) {
		if (!(left & 1) && arena->nodes[left + 1].best)
			return false;
		if ((right & 1) && arena->nodes[right - 1].best)
			return false;
	}
	return true;
}

/* --- searching -------------------------------------------------------------- */

/* First page of the lowest run of `pages` below a node of `span` pages that has one. */
static inline size_t descend(const struct arena *arena, size_t node, size_t span, size_t pages)
{
	const struct arena_runs *nodes = arena->nodes;

	while (span > ARENA_WORD && nodes[node].best != span) {
		span /= 2;
		node *= 2;
		if (nodes[node].best >= pages)
			continue;
		node++;
		if ((size_t)nodes[node - 1].tail + nodes[node].head >= pages)
			return first_page(arena, node, span) - nodes[node - 1].tail;
	}
	if (nodes[node].best == span)
		return first_page(arena, node, span);
	return first_page(arena, node, span) +
	       lowest_bit(starts_of(~arena->bits[node - arena->leaves], pages));
}

/* First page of the lowest run of `pages`; NOWHERE if there is none. */
static inline size_t find(const struct arena *arena, size_t pages)
{
	if (arena->nodes[1].best < pages)
		return NOWHERE;
	return descend(arena, 1, arena->leaves * ARENA_WORD, pages);
}

/*
 * The same, from page `from` on. Go up from the word of `from` and track the free run
 * that ends where the next node on the right begins, until that node contains a run or
 * completes this one.
 */
static size_t find_from(struct arena *arena, size_t from, size_t pages)
{
	size_t node = leaf_of(arena, from);
	size_t span = ARENA_WORD;
	uint32_t taken;
	uint32_t starts;
	size_t run;

	if (from >= arena->pages)
		return NOWHERE;
	settle(arena, node);
	taken = *word_of(arena, node) | ~mask(from % ARENA_WORD, ARENA_WORD);
	starts = pages <= ARENA_WORD ? starts_of(~taken, pages) : 0;
	if (starts)
		return ALIGN_DOWN(from, ARENA_WORD) + lowest_bit(starts);
	run = taken ? zeros_above(taken) : ARENA_WORD;
	for (; node > 1; node /= 2, span *= 2) {
		const struct arena_runs *next = &arena->nodes[node + 1];

		if (node & 1)
			continue;
		if (run + next->head >= pages)
			return first_page(arena, node + 1, span) - run;
		if (next->best >= pages)
			return descend(arena, node + 1, span, pages);
		run = next->best == span ? run + span : next->tail;
	}
	return NOWHERE;
}

/* The first page at or after `page` where a run has its page `skew` aligned. */
static inline size_t align_page(const struct arena *arena, size_t page, size_t align, size_t skew)
{
	size_t base = arena->base / PAGE_SIZE; /* alignment is that of addresses */

	return ALIGN_UP(base + page + skew, align) - skew - base;
}

/*
 * The lowest aligned run, when no hole is large enough to contain one for certain. Looks
 * at one hole after the other, O(log n) each. Needed for align > 1 only, when the arena
 * is nearly full or fragmented.
 */
static size_t find_aligned(struct arena *arena, size_t pages, size_t align, size_t skew)
{
	size_t page = find(arena, pages);

	while (page != NOWHERE) {
		size_t fit = align_page(arena, page, align, skew);

		if (fit == page)
			break;
		page = find_from(arena, fit, pages);
	}
	return page;
}

/* --- the interface ---------------------------------------------------------- */

void arena_init(struct arena *arena, uintptr_t base, size_t pages)
{
	size_t words = (pages + ARENA_WORD - 1) / ARENA_WORD;

	memset(arena, 0, sizeof(*arena));
	arena->base = base;
	arena->pages = pages;
	for (arena->leaves = 1; arena->leaves < words; arena->leaves *= 2)
		;
	fill(arena, 1, arena->leaves * ARENA_WORD, true);
	settle_ends(arena, 0, pages);
	mark(arena, 0, pages, false);
}

uintptr_t arena_alloc(struct arena *arena, size_t pages, size_t align, size_t skew)
{
	size_t page = NOWHERE;

	if (!pages || pages > arena->pages)
		return 0;
	if (align <= arena->pages)
		page = find(arena, pages + align - 1);
	if (page != NOWHERE)
		page = align_page(arena, page, align, skew);
	else if (align > 1)
		page = find_aligned(arena, pages, align, skew);
	if (page == NOWHERE)
		return 0;
	settle_ends(arena, page, pages);
	mark(arena, page, page + pages, true);
	arena->used += pages;
	return arena->base + page * PAGE_SIZE;
}

bool arena_free(struct arena *arena, uintptr_t addr, size_t pages)
{
	size_t page = (addr - arena->base) / PAGE_SIZE;

	if (addr < arena->base || !IS_ALIGNED(addr, PAGE_SIZE) || !pages || page >= arena->pages ||
	    pages > arena->pages - page)
		return false;
	settle_ends(arena, page, pages);
	if (!all_taken(arena, page, page + pages))
		return false;
	mark(arena, page, page + pages, false);
	arena->used -= pages;
	return true;
}

bool arena_is_taken(const struct arena *arena, uintptr_t addr)
{
	size_t page = (addr - arena->base) / PAGE_SIZE;
	size_t leaf = leaf_of(arena, page);
	size_t span = arena->leaves * ARENA_WORD;

	for (size_t up = lowest_bit(arena->leaves); up; up--, span /= 2) {
		size_t best = arena->nodes[leaf >> up].best;

		if (!best || best == span)
			return !best;
	}
	return arena->bits[page / ARENA_WORD] >> page % ARENA_WORD & 1;
}

/* Whether the node is the sum of its children, recursively, except where children are stale. */
static bool node_is_sound(const struct arena *arena, size_t node, size_t span)
{
	const struct arena_runs *runs = &arena->nodes[node];

	if (span == ARENA_WORD)
		return same(*runs, runs_of_word(arena->bits[node - arena->leaves]));
	if (!runs->best || runs->best == span)
		return same(*runs, (struct arena_runs){ runs->best, runs->best, runs->best });
	span /= 2;
	return same(*runs, sum_of(&arena->nodes[2 * node], span)) &&
	       node_is_sound(arena, 2 * node, span) && node_is_sound(arena, 2 * node + 1, span);
}

bool arena_check(const struct arena *arena)
{
	size_t used = 0;
	size_t page = 0;

	if (!node_is_sound(arena, 1, arena->leaves * ARENA_WORD))
		return false;
	for (; page < arena->pages; page++)
		used += arena_is_taken(arena, arena->base + page * PAGE_SIZE);
	for (; page < arena->leaves * ARENA_WORD; page++) {
		if (!arena_is_taken(arena, arena->base + page * PAGE_SIZE))
			return false;
	}
	return used == arena->used;
}
