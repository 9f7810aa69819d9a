/*
 * The arena: lowest fit, by a tree of free runs over a bitmap of pages.
 *
 * A leaf is a word of the bitmap, 32 pages. A node sums up the free runs of the
 * pages below it: how many are free at its start, how many at its end, how many in
 * the longest run. Two children are enough to tell: the longest run of a node is
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
 *   1. The root knows whether there is a run long enough.
 *   2. Go down: to the left if a run is there, else to where both children meet if
 *      they have one together, else to the right. This finds the lowest.
 *   3. Mark its pages, and sum up again from there to the root.
 *
 * A long run is marked where it is whole: a node whose pages are all free, or all
 * taken, speaks for all below it, whatever they say. Who needs those lets it hand
 * down what it knows, on the way to a leaf (settle()). So each step touches two
 * paths from a leaf to the root and what hangs on them: O(log n), however long the
 * run. The one exception is stated at find_aligned().
 *
 * Guard pages are the caller's: it asks for more than it maps.
 *
 * Invariants, verified by arena_check(): a node that does not speak for all below
 * is the sum of its children; the pages behind the last are taken; `used` counts
 * the bits.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
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

/* The longest run of ones: the runs halve from 16 on, as binary digits of the length. */
static size_t longest_run(uint32_t free)
{
	uint32_t powers[5] = { free }; /* where runs of 2^i begin */
	uint32_t starts = free;
	size_t length;

	for (size_t i = 1; i < ARRAY_SIZE(powers); i++)
		powers[i] = powers[i - 1] & powers[i - 1] >> (1u << (i - 1));
	length = 0;
	starts = UINT32_MAX;
	for (size_t i = ARRAY_SIZE(powers); i-- > 0;) {
		uint32_t longer = starts & powers[i] >> length;

		if (longer) {
			starts = longer;
			length += 1u << i;
		}
	}
	return length;
}

static struct arena_runs runs_of_word(uint32_t taken)
{
	if (!taken)
		return (struct arena_runs){ ARENA_WORD, ARENA_WORD, ARENA_WORD };
	return (struct arena_runs){ __builtin_ctz(taken), __builtin_clz(taken),
				    longest_run(~taken) };
}

/* --- the tree --------------------------------------------------------------- */

static inline size_t leaf_of(const struct arena *arena, size_t page)
{
	return arena->leaves + page / ARENA_WORD;
}

static inline bool is_leaf(const struct arena *arena, size_t node)
{
	return node >= arena->leaves;
}

static inline uint32_t *word_of(struct arena *arena, size_t leaf)
{
	return &arena->bits[leaf - arena->leaves];
}

static inline struct arena_runs runs_of(const struct arena *arena, size_t node)
{
	if (is_leaf(arena, node))
		return runs_of_word(arena->bits[node - arena->leaves]);
	return arena->nodes[node];
}

/* Make a node of `span` pages all free, or all taken; it speaks for all below. */
static inline void fill(struct arena *arena, size_t node, size_t span, bool taken)
{
	size_t free = taken ? 0 : span;

	if (is_leaf(arena, node))
		*word_of(arena, node) = taken ? UINT32_MAX : 0;
	else
		arena->nodes[node] = (struct arena_runs){ free, free, free };
}

/* What two neighbours of `span` pages each are together. */
static inline struct arena_runs join(struct arena_runs left, struct arena_runs right, size_t span)
{
	size_t middle = (size_t)left.tail + right.head;

	return (struct arena_runs){
		left.head == span ? span + right.head : left.head,
		right.tail == span ? span + left.tail : right.tail,
		MAX(middle, MAX(left.best, right.best)),
	};
}

static inline void sum_up(struct arena *arena, size_t node, size_t span)
{
	arena->nodes[node] = join(runs_of(arena, 2 * node), runs_of(arena, 2 * node + 1), span);
}

/* Let all nodes above a leaf hand down what they know, so that the leaf is true. */
static void settle(struct arena *arena, size_t leaf)
{
	size_t span = arena->leaves * ARENA_WORD;

	for (unsigned up = __builtin_ctz(arena->leaves); up; up--) {
		size_t node = leaf >> up;
		size_t best = arena->nodes[node].best;

		span /= 2;
		if (best && best != 2 * span)
			continue;
		fill(arena, 2 * node, span, !best);
		fill(arena, 2 * node + 1, span, !best);
	}
}

/*
 * Whether all pages of [from, to) are taken. Between the leaves at both ends lie
 * those below the siblings that hang on the inside of the two paths to the root.
 * Both leaves are settled.
 */
static bool all_taken(struct arena *arena, size_t from, size_t to)
{
	size_t left = leaf_of(arena, from);
	size_t right = leaf_of(arena, to - 1);
	size_t end = (to - 1) % ARENA_WORD + 1;
	uint32_t first = mask(from % ARENA_WORD, left == right ? end : ARENA_WORD);
	uint32_t last = mask(left == right ? from % ARENA_WORD : 0, end);

	if (~*word_of(arena, left) & first || ~*word_of(arena, right) & last)
		return false;
	for (; (left ^ right) > 1; left /= 2, right /= 2) {
		if (!(left & 1) && runs_of(arena, left + 1).best)
			return false;
		if ((right & 1) && runs_of(arena, right - 1).best)
			return false;
	}
	return true;
}

static void set_bits(uint32_t *word, uint32_t bits, bool taken)
{
	*word = taken ? *word | bits : *word & ~bits;
}

/* Mark [from, to), as above, and sum up the two paths, which become one. */
static void mark(struct arena *arena, size_t from, size_t to, bool taken)
{
	size_t left = leaf_of(arena, from);
	size_t right = leaf_of(arena, to - 1);
	size_t end = (to - 1) % ARENA_WORD + 1;

	if (left == right) {
		set_bits(word_of(arena, left), mask(from % ARENA_WORD, end), taken);
	} else {
		set_bits(word_of(arena, left), mask(from % ARENA_WORD, ARENA_WORD), taken);
		set_bits(word_of(arena, right), mask(0, end), taken);
	}
	for (size_t span = ARENA_WORD; left > 1; span *= 2) {
		if ((left ^ right) > 1) {
			if (!(left & 1))
				fill(arena, left + 1, span, taken);
			if (right & 1)
				fill(arena, right - 1, span, taken);
		}
		left /= 2;
		right /= 2;
		sum_up(arena, left, span);
		if (left != right)
			sum_up(arena, right, span);
	}
}

/* --- searching -------------------------------------------------------------- */

/* First page of the lowest run of `pages` below a node of `span` pages that has one. */
static size_t descend(const struct arena *arena, size_t node, size_t span, size_t pages)
{
	size_t page = node * span - arena->leaves * ARENA_WORD;

	while (!is_leaf(arena, node)) {
		struct arena_runs left;

		if (arena->nodes[node].best == span)
			return page;
		span /= 2;
		node *= 2;
		left = runs_of(arena, node);
		if (left.best >= pages)
			continue;
		if ((size_t)left.tail + runs_of(arena, node + 1).head >= pages)
			return page + span - left.tail;
		node++;
		page += span;
	}
	return page + __builtin_ctz(starts_of(~arena->bits[node - arena->leaves], pages));
}

/* First page of the lowest run of `pages`; NOWHERE if there is none. */
static size_t find(const struct arena *arena, size_t pages)
{
	if (runs_of(arena, 1).best < pages)
		return NOWHERE;
	return descend(arena, 1, arena->leaves * ARENA_WORD, pages);
}

/*
 * The same, from page `from` on: up from its word, with the free run that ends where
 * the next node on the right begins, until that has the run or completes it.
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
		return ALIGN_DOWN(from, ARENA_WORD) + __builtin_ctz(starts);
	run = runs_of_word(taken).tail;
	for (; node > 1; node /= 2, span *= 2) {
		struct arena_runs next;

		if (node & 1)
			continue;
		next = runs_of(arena, node + 1);
		if (run + next.head >= pages)
			return (node + 1) * span - arena->leaves * ARENA_WORD - run;
		if (next.best >= pages)
			return descend(arena, node + 1, span, pages);
		run = next.best == span ? run + span : next.tail;
	}
	return NOWHERE;
}

/* Where a run that may begin at `page` can begin so that its page `skew` is aligned. */
static inline size_t align_page(const struct arena *arena, size_t page, size_t align, size_t skew)
{
	size_t base = arena->base / PAGE_SIZE; /* alignment is that of addresses */

	return ALIGN_UP(base + page + skew, align) - skew - base;
}

/*
 * The lowest aligned run, when no hole is so large that it must have one: looks at
 * the holes one after the other, O(log n) each. Only for align > 1, and only when
 * the arena is nearly full, or in pieces.
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
	settle(arena, leaf_of(arena, 0));
	settle(arena, leaf_of(arena, pages - 1));
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
	settle(arena, leaf_of(arena, page));
	settle(arena, leaf_of(arena, page + pages - 1));
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
	settle(arena, leaf_of(arena, page));
	settle(arena, leaf_of(arena, page + pages - 1));
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

	for (size_t up = __builtin_ctz(arena->leaves); up; up--, span /= 2) {
		size_t best = arena->nodes[leaf >> up].best;

		if (!best || best == span)
			return !best;
	}
	return arena->bits[page / ARENA_WORD] >> page % ARENA_WORD & 1;
}

/* Whether the node is the sum of its children, and so are those, where they matter. */
static bool node_is_sound(const struct arena *arena, size_t node, size_t span)
{
	struct arena_runs sum;

	if (is_leaf(arena, node) || !arena->nodes[node].best || arena->nodes[node].best == span)
		return true;
	sum = join(runs_of(arena, 2 * node), runs_of(arena, 2 * node + 1), span / 2);
	return !memcmp(&sum, &arena->nodes[node], sizeof(sum)) &&
	       node_is_sound(arena, 2 * node, span / 2) &&
	       node_is_sound(arena, 2 * node + 1, span / 2);
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
