/*
 * Every state that a small buddy allocator can reach, and every call in each.
 *
 *     buddy_states BASE PAGES MAX_ORDER HOLES STALE STEP CACHE
 *
 * HOLES is a mask of pages that the allocator is never given; the others are added
 * at most STEP at a time. STALE fills what the allocator says that it never reads:
 * with lists, the nodes of frames at which no free block begins. Map and index hold
 * garbage before buddy_init(). CACHE is 1 if frames are taken for a cache, too.
 *
 * A *key* names a state: for each page, whether an allocated block begins there, a
 * cached frame, or a free block, of which order, and at which place of its list
 * (bitmaps have none: the place is 0). buddy_key.h has all about them. The search is
 * breadth-first over keys, from the one in which all is free:
 *
 *   1. write_state() puts the key's state into memory as the header comments of
 *      buddy.c and buddy_index.h draw it: a second implementation of the
 *      representation;
 *   2. each call is made on it, and its result compared with a model that knows
 *      pages only: a set of allocated blocks, all else free. Of several blocks of
 *      the right order, the one freed last must be taken (lists), or the lowest
 *      (bitmaps);
 *   3. buddy_check() must be content; the new memory is read as a key, and what
 *      write_state() makes of that key must equal it byte by byte.
 *
 * Prints "states N calls M" and exits with 0, or names the first wrong call.
 */
#include "buddy_key.h"

static struct key *queue; /* in the order in which they were found */
static size_t states, room, calls;
static uint32_t *table; /* number of a state + 1, by hash; 2 * room entries */

/* --- the set of states ---------------------------------------------------- */

static size_t slot_of(const struct key *key)
{
	uint64_t words[2], hash;
	size_t slot;

	memcpy(words, key->page, sizeof(words));
	hash = (words[0] ^ (words[1] * 0x9e3779b97f4a7c15 >> 7)) * 0xff51afd7ed558ccd;
	slot = (hash ^ hash >> 32) & (2 * room - 1);
	while (table[slot] && memcmp(&queue[table[slot] - 1], key, sizeof(*key)))
		slot = (slot + 1) & (2 * room - 1);
	return slot;
}

static void grow(void)
{
	room = room ? 2 * room : 1024;
	queue = realloc(queue, room * sizeof(*queue));
	free(table);
	table = calloc(2 * room, sizeof(*table));
	if (!queue || !table)
		wrong("out of memory after %zu states", states);
	for (size_t i = 0; i < states; i++)
		table[slot_of(&queue[i])] = i + 1;
}

static void remember(const struct key *key)
{
	size_t slot;

	if (states == room)
		grow();
	slot = slot_of(key);
	if (table[slot])
		return;
	queue[states++] = *key;
	table[slot] = states;
}

/* --- calls ---------------------------------------------------------------- */

/* Name the call that follows, for complaints. */
static void calling(const char *name, unsigned first, unsigned second)
{
	call.name = name;
	call.args[0] = first;
	call.args[1] = second;
	calls++;
}

/* All that is free is merged, and nothing else is allocated than `taken` says. */
static void verify_blocks(const struct key *taken, const struct key *after)
{
	unsigned mask = free_mask(taken);

	for (unsigned p = 0; p < setup.pages; p++) {
		unsigned what = after->page[p];

		if (what & 0x80 && !is_maximal(mask, p, what >> 4 & 7))
			wrong("wrong free block at %u", p);
		if (!(what & 0x80) && what != taken->page[p])
			wrong("wrong allocated block at %u", p);
		for (unsigned k = 0; k <= setup.max_order; k++) {
			if (is_maximal(mask, p, k) && (!(what & 0x80) || (what >> 4 & 7) != k))
				wrong("no free block at %u", p);
		}
	}
}

/* Last in, first out: what was in a list follows what is new, in its old order. */
static void verify_order(const struct key *after)
{
	for (unsigned p = 0; p < setup.pages; p++) {
		for (unsigned q = 0; q < setup.pages; q++) {
			unsigned one = after->page[p], two = after->page[q];
			bool was = (now.page[p] & 0xf0) == (one & 0xf0); /* in this list */

			if (!(one & 0x80) || (one & 0xf0) != (two & 0xf0) || one >= two)
				continue; /* else p is before q in a list */
			if (was && ((now.page[q] & 0xf0) != (two & 0xf0) ||
				    now.page[p] > now.page[q]))
				wrong("%u is before %u in the list", p, q);
		}
	}
}

/* What memory must hold after the call that left `taken` allocated. */
static void verify(const struct key *taken)
{
	enum buddy_error error = buddy_check(&real.buddy);
	struct key after;

	if (error)
		wrong("buddy_check says %s", buddy_strerror(error));
	if (buddy_free_pages(&real.buddy) != (size_t)__builtin_popcount(free_mask(taken)))
		wrong("%zu pages are free", buddy_free_pages(&real.buddy));
	after = read_state();
	verify_blocks(taken, &after);
	verify_order(&after);
	spoil_nodes(&after);
	copy(&other, &real);
	write_state(&after);
	if (!equal(&other, &real))
		wrong("memory differs from the documented one");
	remember(&after);
}

/* The allocated blocks alone. */
static struct key taken_in(const struct key *key)
{
	struct key taken = *key;

	for (unsigned p = 0; p < setup.pages; p++) {
		if (taken.page[p] & 0x80)
			taken.page[p] = 0;
	}
	return taken;
}

static void try_alloc(unsigned order)
{
	struct key taken = taken_in(&now);
	unsigned from = source_order(free_mask(&now), order);
	uintptr_t addr, page;

	calling("alloc", order, 0);
	addr = buddy_alloc(&real.buddy, order);
	page = (addr - setup.base) / PAGE_SIZE;
	if (!addr != (order > setup.max_order || from > setup.max_order))
		wrong("it gives %#" PRIxPTR, addr);
	if (!addr) {
		if (!equal(&real, &before))
			wrong("it failed and changed something");
		return;
	}
	if (addr < setup.base || page >= setup.pages || addr != setup.base + page * PAGE_SIZE)
		wrong("it gives %#" PRIxPTR ", not a page of ours", addr);
	if (page != expected_page(&now, from))
		wrong("it gives page %u, not the block of order %u at %u", (unsigned)page, from,
		      expected_page(&now, from));
	taken.page[page] = ALLOCATED(order);
	verify(&taken);
	copy(&real, &before);
}

/* A proper free, and what it does once it has looked: the same. */
static void try_free(unsigned page, unsigned order)
{
	struct key taken = taken_in(&now);
	enum buddy_error error;

	taken.page[page] = 0;
	calling("free", page, order);
	error = buddy_free(&real.buddy, setup.base + page * PAGE_SIZE, order);
	if (error)
		wrong("it is refused: %s", buddy_strerror(error));
	verify(&taken);
	copy(&real, &before);

	calling("release", page, order);
	buddy_release(&real.buddy, page, order);
	verify(&taken);
	copy(&real, &before);
}

static void refuse(uintptr_t addr, unsigned order, enum buddy_error expected)
{
	enum buddy_error error;

	calling("free", addr, order);
	error = buddy_free(&real.buddy, addr, order);
	if (error != expected)
		wrong("it says \"%s\", not \"%s\"", buddy_strerror(error),
		      buddy_strerror(expected));
}

/* Every order there is, and some that are not. */
static unsigned order_number(unsigned i)
{
	return i <= setup.max_order + 2 ? i : HUGE_ORDER - (i - setup.max_order - 3);
}

static void try_wild_frees(void)
{
	const uintptr_t end = setup.base + setup.pages * (uintptr_t)PAGE_SIZE;

	for (unsigned i = 0; i <= setup.max_order + 4; i++) {
		unsigned order = order_number(i);

		for (unsigned page = 0; page < setup.pages; page++) {
			enum buddy_error error = expected_error(&now, page, order);

			if (error)
				refuse(setup.base + page * PAGE_SIZE, order, error);
			refuse(setup.base + page * PAGE_SIZE + 1 + 409 * i, order, BUDDY_ERR_RANGE);
		}
		refuse(end, order, BUDDY_ERR_RANGE);
		refuse(end + PAGE_SIZE, order, BUDDY_ERR_RANGE);
		refuse(setup.base - PAGE_SIZE, order, BUDDY_ERR_RANGE);
		refuse(setup.base - (PAGE_SIZE << 4), order, BUDDY_ERR_RANGE);
		refuse(UINTPTR_MAX & ~(uintptr_t)(PAGE_SIZE - 1), order, BUDDY_ERR_RANGE);
	}
	if (!equal(&real, &before))
		wrong("a refused free changed something");
}

/* A frame that a shell has marked stays a block of its own; its shell alone frees it. */
static void try_uncached(unsigned page)
{
	real.map[page] = BUDDY_UNCACHED;
	copy(&other, &real);
	calling("check, uncached", page, 0);
	if (buddy_check(&real.buddy))
		wrong("it says %s", buddy_strerror(buddy_check(&real.buddy)));
	for (unsigned order = 0; order <= BUDDY_UNCACHED; order++) /* the last is its byte */
		refuse(setup.base + page * PAGE_SIZE, order, BUDDY_ERR_ORDER);
	if (!equal(&real, &other))
		wrong("a refused free of an uncached frame changed something");
	copy(&real, &before);
}

/* --- calls of a cache ------------------------------------------------------ */

/* As large a block as `count` allows, or the largest below that there is. */
static void try_take(unsigned count)
{
	struct key taken = taken_in(&now);
	unsigned mask = free_mask(&now);
	unsigned order = MIN(5, setup.max_order), from, page;
	phys_addr_t frames[33];
	size_t got;

	memset(frames, 0xa5, sizeof(frames));
	calling("take_cached", count, 0);
	got = buddy_take_cached(&real.buddy, frames, count);
	while (1u << order > count)
		order--;
	while ((from = source_order(mask, order)) > setup.max_order && order)
		order--;
	if (from > setup.max_order) {
		if (got || !equal(&real, &before))
			wrong("it gives %zu though nothing is free", got);
		return;
	}
	page = expected_page(&now, from);
	if (got != (size_t)1 << order)
		wrong("it gives %zu, not %u", got, 1u << order);
	for (unsigned i = 0; i < got; i++) {
		if (frames[i] != setup.base + (page + got - 1 - i) * PAGE_SIZE)
			wrong("frame %u is 0x%x", i, frames[i]);
		taken.page[page + i] = CACHED;
	}
	if (frames[got] != 0xa5a5a5a5)
		wrong("it writes more than it says");
	verify(&taken);
	copy(&real, &before);
}

/* Give the cached frames of a mask back, in one of several orders. */
static void try_give(unsigned mask, unsigned turn)
{
	static const unsigned strides[] = { 1, 3, 5, 7 };
	struct key taken = taken_in(&now);
	phys_addr_t frames[PAGES_MAX];
	size_t count = 0;

	for (unsigned i = 0; i < setup.pages; i++) {
		unsigned page = setup.pages - 1 - i;

		if (turn < ARRAY_SIZE(strides))
			page = (i * strides[turn] + turn) % setup.pages;
		if (mask >> page & 1 && taken.page[page] == CACHED) {
			frames[count++] = setup.base + page * PAGE_SIZE;
			taken.page[page] = 0;
		}
	}
	calling("give_cached", mask, turn);
	buddy_give_cached(&real.buddy, frames, count);
	verify(&taken);
	copy(&real, &before);
}

static void try_cache(void)
{
	static const unsigned counts[] = { 1, 2, 3, 4, 5, 8, 31, 32 };
	unsigned cached = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++)
		try_take(counts[i]);
	for (unsigned page = 0; page < setup.pages; page++)
		cached |= (unsigned)(now.page[page] == CACHED) << page;
	for (unsigned page = 0; page < setup.pages; page++) {
		if (cached >> page & 1)
			try_give(1u << page, 0);
	}
	for (unsigned turn = 0; cached && turn < 5; turn++) {
		try_give(cached, turn);
		try_give(cached & 0x7777, turn); /* in several runs */
	}
}

static void expand(void)
{
	write_state(&now);
	copy(&before, &real);
	try_wild_frees();
	for (unsigned i = 0; i <= setup.max_order + 4; i++)
		try_alloc(order_number(i));
	for (unsigned page = 0; page < setup.pages; page++) {
		if (is_taken(now.page[page]) && now.page[page] != CACHED)
			try_free(page, now.page[page] - 1);
		if (now.page[page] == ALLOCATED(0))
			try_uncached(page);
	}
	if (setup.cache)
		try_cache();
}

/* --- beginning ------------------------------------------------------------ */

static uint8_t *spoiled_bytes(size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1);

	if (!bytes)
		wrong("out of memory");
	memset(bytes, 0xa5, size);
	return bytes;
}

/* Map and index lie apart, and are just as large as they must be. */
static void fill_memory(struct memory *memory)
{
	memset(&memory->buddy, 0xa5, sizeof(buddy_t));
	memory->map = spoiled_bytes(map_size);
	memory->index = spoiled_bytes(index_size);
}

/* A range that is not a run of pages of the region is refused, and nothing is changed. */
static void try_wrong_adds(void)
{
	const uintptr_t end = setup.base + setup.pages * (uintptr_t)PAGE_SIZE;
	const uintptr_t runs[][2] = {
		{ setup.base - PAGE_SIZE, end },
		{ setup.base, end + PAGE_SIZE },
		{ end, setup.base },
		{ end + PAGE_SIZE, end + 2 * PAGE_SIZE },
		{ setup.base + 1, end },
		{ setup.base, end - 1 },
		{ setup.base + 0x800, end - 0x800 },
	};

	calling("add", 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		if (buddy_add(&real.buddy, runs[i][0], runs[i][1]) != BUDDY_ERR_RANGE)
			wrong("[%#" PRIxPTR ", %#" PRIxPTR ") is accepted", runs[i][0], runs[i][1]);
	}
	if (!equal(&real, &blank))
		wrong("a refused add changed something");
}

static void begin(void)
{
	size_t size = setup.pages * PAGE_SIZE;
	buddy_t *b = &real.buddy;

	map_size = ALIGN_UP(setup.pages, 1u << setup.max_order);
	index_size = buddy_index_size(size, setup.max_order);
	fill_memory(&real);
	fill_memory(&blank);
	fill_memory(&before);
	fill_memory(&other);
	buddy_init(b, setup.base, size, setup.max_order, real.map, real.index);
	spoil_nodes(&now);
	copy(&blank, &real);
	try_wrong_adds();

	for (unsigned start = 0, end; start < setup.pages; start = end) {
		bool managed = setup.managed >> start & 1;

		for (end = start; end < setup.pages && end - start < setup.step &&
				  (setup.managed >> end & 1) == managed;)
			end++;
		if (managed &&
		    buddy_add(b, setup.base + start * PAGE_SIZE, setup.base + end * PAGE_SIZE))
			wrong("[%u, %u) is refused", start, end);
	}
	calling("add", 0, setup.pages);
	verify(&(struct key){ 0 });
}

int main(int argc, char **argv)
{
	if (argc != 8)
		return 2;
	setup.base = strtoull(argv[1], NULL, 0);
	setup.pages = strtoul(argv[2], NULL, 0);
	setup.max_order = strtoul(argv[3], NULL, 0);
	setup.managed = ((1u << setup.pages) - 1) & ~strtoul(argv[4], NULL, 0);
	setup.stale = strtoull(argv[5], NULL, 0);
	setup.step = strtoul(argv[6], NULL, 0);
	setup.cache = strtoul(argv[7], NULL, 0);
	if (!setup.step || setup.pages > PAGES_MAX || setup.max_order > MAX_ORDER)
		return 2;

	begin();
	for (size_t i = 0; i < states; i++) {
		now = queue[i];
		expand();
	}
	printf("states %zu calls %zu\n", states, calls);
	return 0;
}
