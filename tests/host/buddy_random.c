/*
 * A long random walk through a large buddy allocator.
 *
 *     buddy_random SEED BASE PAGES MAX_ORDER OPERATIONS
 *
 * Pages are given in runs, between them holes. A book with an entry for each page
 * says who owns it; every result is compared with that, and buddy_check() runs
 * after every operation. Batches of frames go to a cache in front and come back in
 * any order. In the end all is freed, and the initial profile must be back. Map and
 * index are as large as buddy.h says that they must be and full of garbage at first,
 * so AddressSanitizer sees each access beside them.
 *
 * Prints the bytes of the index and of a node, or what went wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/buddy.h>

enum { CACHE = -2, HOLE = -1, IDLE = 0 }; /* else: 1 + index of the live block */

struct live {
	size_t page;
	unsigned order;
};

static buddy_t buddy;
static uintptr_t base;
static size_t pages, live_count, idle, cached;
static unsigned max_order;
static int *owner;
static struct live *live;
static phys_addr_t *cache; /* frames in the cache */
static uint64_t state;

static uint32_t draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 32) % below;
}

__attribute__((noreturn)) static void wrong(const char *what, size_t page, unsigned order)
{
	printf("%s: page %zu, order %u, %zu blocks live\n", what, page, order, live_count);
	exit(1);
}

static void paint(struct live block, int from, int to)
{
	for (size_t i = block.page; i < block.page + ((size_t)1 << block.order); i++) {
		if (owner[i] != from)
			wrong("a page changes hands", i, block.order);
		owner[i] = to;
	}
	idle += ((to == IDLE) - (from == IDLE)) * (1 << block.order);
}

/* Whether the pages have a free, aligned block; only asked when none was found. */
static bool block_exists(unsigned order)
{
	for (size_t page = 0; page + ((size_t)1 << order) <= pages; page += (size_t)1 << order) {
		size_t i = 0;

		while (i < (size_t)1 << order && owner[page + i] == IDLE)
			i++;
		if (i == (size_t)1 << order)
			return true;
	}
	return false;
}

static void allocate(void)
{
	unsigned order = draw(2) ? 0 : draw(max_order + 1);
	uintptr_t addr = buddy_alloc(&buddy, order);
	size_t page = (addr - base) / PAGE_SIZE;

	if (!addr) {
		if (block_exists(order))
			wrong("no block found though there is one", 0, order);
		return;
	}
	if (addr < base || page >= pages || page & (((size_t)1 << order) - 1) || addr % PAGE_SIZE)
		wrong("a bad address", page, order);
	live[live_count] = (struct live){ page, order };
	paint(live[live_count], IDLE, (int)live_count + 1);
	live_count++;
}

/* Take a block out of the books; the last one takes its place there. */
static void forget(size_t index)
{
	paint(live[index], (int)index + 1, IDLE);
	if (index != --live_count) {
		paint(live[live_count], (int)live_count + 1, IDLE);
		live[index] = live[live_count];
		paint(live[index], IDLE, (int)index + 1);
	}
}

static void release(size_t index)
{
	struct live block = live[index];

	if (buddy_free(&buddy, base + block.page * PAGE_SIZE, block.order))
		wrong("a proper free is refused", block.page, block.order);
	forget(index);
}

static enum buddy_error expected_error(size_t page, unsigned order)
{
	if (page >= pages)
		return BUDDY_ERR_RANGE;
	if (owner[page] == HOLE)
		return BUDDY_ERR_UNMANAGED;
	if (owner[page] == IDLE || owner[page] == CACHE)
		return BUDDY_ERR_DOUBLE;
	if (live[owner[page] - 1].page != page)
		return BUDDY_ERR_INTERIOR;
	return live[owner[page] - 1].order == order ? BUDDY_OK : BUDDY_ERR_ORDER;
}

static void free_wildly(void)
{
	size_t page = draw(pages + pages / 8 + 1);
	unsigned order = draw(max_order + 2);
	enum buddy_error expected = expected_error(page, order);
	enum buddy_error error = buddy_free(&buddy, base + page * PAGE_SIZE, order);

	if (error != expected)
		wrong(buddy_strerror(error), page, order);
	if (!error)
		forget(owner[page] - 1);
}

/* --- a cache in front ------------------------------------------------------- */

static struct live single(phys_addr_t frame)
{
	return (struct live){ (frame - base) / PAGE_SIZE, 0 };
}

static void fill_cache(void)
{
	size_t count = 1 + draw(40);
	size_t got = buddy_take_cached(&buddy, cache + cached, count);

	if (got > count || !got != !idle || got & (got - 1))
		wrong("as many frames for the cache", got, 0);
	for (size_t i = 0; i < got; i++) {
		if (i && cache[cached] != cache[cached - 1] - PAGE_SIZE)
			wrong("frames do not descend", i, 0);
		paint(single(cache[cached++]), IDLE, CACHE);
	}
}

static int ascending(const void *one, const void *two)
{
	const phys_addr_t *a = one, *b = two;

	return (*a > *b) - (*a < *b);
}

/* Any of the cached frames go back, in any order, or sorted, so that there are runs. */
static void empty_cache(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t other = i + draw(cached - i);
		phys_addr_t frame = cache[other];

		cache[other] = cache[i];
		cache[i] = frame;
		paint(single(frame), CACHE, IDLE);
	}
	if (draw(2))
		qsort(cache, count, sizeof(*cache), ascending);
	buddy_give_cached(&buddy, cache, count);
	cached -= count;
	memmove(cache, cache + count, cached * sizeof(*cache));
}

/* --- the walk --------------------------------------------------------------- */

static void check(void)
{
	enum buddy_error error = buddy_check(&buddy);

	if (error)
		wrong(buddy_strerror(error), 0, 0);
	if (buddy_free_pages(&buddy) != idle)
		wrong("so many pages are free", buddy_free_pages(&buddy), 0);
}

/* Runs of pages between holes, some of them given in two pieces. */
static void add_runs(void)
{
	for (size_t i = 0; i < pages; i++)
		owner[i] = HOLE;
	for (size_t at = draw(3); at < pages;) {
		size_t end = at + 1 + draw(pages / 4 + 1);

		end = MIN(end, pages);
		if (buddy_add(&buddy, base + at * PAGE_SIZE, base + end * PAGE_SIZE))
			wrong("a run is refused", at, 0);
		for (size_t i = at; i < end; i++)
			owner[i] = IDLE;
		idle += end - at;
		check();
		at = end + (draw(3) ? 1 + draw(5) : 0);
	}
}

static void *spoiled(size_t size)
{
	return memset(malloc(size + !size), 0xa5, size);
}

static void begin(void)
{
	size_t index_size = buddy_index_size(pages * PAGE_SIZE, max_order);
	uint8_t *map = spoiled(ALIGN_UP(pages, (size_t)1 << max_order));

	owner = malloc(pages * sizeof(*owner));
	live = malloc(pages * sizeof(*live));
	cache = malloc(pages * sizeof(*cache));
	buddy_init(&buddy, base, pages * PAGE_SIZE, max_order, map, spoiled(index_size));
	add_runs();
#ifdef BUDDY_LEVELS
	printf("index %zu node 0\n", index_size);
#else
	printf("index %zu node %zu\n", index_size, sizeof(struct buddy_node));
#endif
}

static void step(unsigned what, unsigned share)
{
	if (what == 0)
		free_wildly();
	else if (what == 1)
		fill_cache();
	else if (what == 2 && cached)
		empty_cache(draw(cached) + 1);
	else if (what < share)
		allocate();
	else if (live_count)
		release(draw(live_count));
	check();
}

int main(int argc, char **argv)
{
	size_t initial[MAX_ORDER + 1];

	if (argc != 6)
		return 2;
	state = strtoull(argv[1], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
	base = strtoull(argv[2], NULL, 0);
	pages = strtoull(argv[3], NULL, 0);
	max_order = strtoul(argv[4], NULL, 0);
	begin();
	memcpy(initial, buddy.free_count, sizeof(initial));
	/* Tides: for a while more is allocated than freed, then the other way round. */
	for (unsigned long i = strtoul(argv[5], NULL, 0); i; i--)
		step(draw(16), i / 4096 % 2 ? 11 : 6);
	while (live_count)
		release(live_count - 1);
	empty_cache(cached);
	check();
	if (memcmp(initial, buddy.free_count, sizeof(initial)))
		wrong("all is free, but not in the initial blocks", 0, 0);
	return 0;
}
