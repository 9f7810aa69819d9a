/*
 * Every state that a small buddy allocator can reach, and every call in each.
 *
 *     buddy_states BASE PAGES MAX_ORDER HOLES STALE STEP
 *
 * HOLES is a mask of pages that the allocator is never given; the others are added
 * at most STEP at a time. STALE fills what
 * the allocator says that it never reads: all metadata before buddy_init(), and
 * after each call the nodes of frames at which no block begins.
 *
 * A *key* names a state: for each page, whether an allocated block begins there,
 * or a free one, of which order, and at which place of its list. The search is
 * breadth-first over keys, from the one in which all is free:
 *
 *   1. write_state() puts the key's state into memory as the header comment of
 *      buddy.c draws it: this is a second implementation of the representation;
 *   2. each call is made on it, and its result compared with a model that knows
 *      pages only: a set of allocated blocks, all else free;
 *   3. buddy_check() must be content; the new memory is read as a key, and what
 *      write_state() makes of that key must equal it byte by byte.
 *
 * Prints "states N calls M" and exits with 0, or names the first wrong call.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/buddy.h>

#define PAGES_MAX 16
#define HUGE_ORDER 0xffffffffu

struct key {
	uint8_t page[PAGES_MAX];
};

/* page[]: 0, or what begins there. 16 pages make blocks of order 4 at most. */
#define ALLOCATED(order) (1 + (order))
#define FREE(order, place) (0x80 | (order) << 4 | (place))

static struct {
	uintptr_t base;
	unsigned pages;
	unsigned max_order;
	unsigned managed; /* mask of pages */
	unsigned step;
	uint64_t stale;
} setup;

/* The allocator under test, and copies of its memory. */
static struct memory {
	buddy_t buddy;
	uint8_t *metadata;
} real, blank, before, other;
static size_t metadata_size;

static struct key *queue; /* in the order in which they were found */
static size_t states, room, calls;
static uint32_t *table; /* number of a state + 1, by hash; 2 * room entries */

static struct key now; /* the state in which a call is made */

/* --- complaining ---------------------------------------------------------- */

static void print_key(const struct key *key)
{
	for (unsigned p = 0; p < setup.pages; p++) {
		unsigned what = key->page[p];

		if (what & 0x80)
			printf(" %u:free%u@%u", p, what >> 4 & 7, what & 15);
		else if (what)
			printf(" %u:taken%u", p, what - 1);
	}
	printf("\n");
}

__attribute__((noreturn, format(printf, 1, 2))) static void wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\nin state");
	print_key(&now);
	exit(1);
}

/* --- the model: pages, and nothing that the allocator says about them ------- */

static unsigned block(unsigned first, unsigned order)
{
	return order > 4 ? 0 : ((1u << (1u << order)) - 1) << first;
}

static bool fits(unsigned first, unsigned order)
{
	return order <= setup.max_order && order <= 4 && !(first & ((1u << order) - 1)) &&
	       first + (1u << order) <= setup.pages;
}

static unsigned free_mask(const struct key *key)
{
	unsigned mask = setup.managed;

	for (unsigned p = 0; p < setup.pages; p++) {
		if (key->page[p] && !(key->page[p] & 0x80))
			mask &= ~block(p, key->page[p] - 1);
	}
	return mask;
}

/* Whether a free block of just this order begins there once all is merged. */
static bool is_maximal(unsigned mask, unsigned first, unsigned order)
{
	unsigned parent = first & ~(1u << order);

	if (!fits(first, order) || block(first, order) & ~mask)
		return false;
	return !fits(parent, order + 1) || block(parent, order + 1) & ~mask;
}

/* The order from which rule 1 takes a block; max_order + 1 if none is large enough. */
static unsigned source_order(unsigned mask, unsigned order)
{
	for (; order <= setup.max_order; order++) {
		for (unsigned p = 0; p < setup.pages; p++) {
			if (is_maximal(mask, p, order))
				return order;
		}
	}
	return setup.max_order + 1;
}

static enum buddy_error expected_error(const struct key *key, unsigned page, unsigned order)
{
	if (!(setup.managed >> page & 1))
		return BUDDY_ERR_UNMANAGED;
	if (free_mask(key) >> page & 1)
		return BUDDY_ERR_DOUBLE;
	if (!key->page[page])
		return BUDDY_ERR_INTERIOR;
	return key->page[page] == ALLOCATED(order) ? BUDDY_OK : BUDDY_ERR_ORDER;
}

/* --- memory --------------------------------------------------------------- */

static void copy(struct memory *to, const struct memory *from)
{
	memcpy(&to->buddy, &from->buddy, sizeof(buddy_t));
	memcpy(to->metadata, from->metadata, metadata_size);
}

static bool equal(const struct memory *a, const struct memory *b)
{
	return !memcmp(&a->buddy, &b->buddy, sizeof(buddy_t)) &&
	       !memcmp(a->metadata, b->metadata, metadata_size);
}

static void spoil(struct buddy_node *node, bool allocated)
{
	node->next = (struct buddy_node *)(uintptr_t)setup.stale;
	if (!allocated)
		node->allocated = setup.stale;
}

/* Nodes that mean nothing hold anything. */
static void spoil_nodes(const struct key *key)
{
	for (unsigned p = 0; p < setup.pages; p++) {
		if (!(key->page[p] & 0x80))
			spoil(&real.buddy.nodes[p], key->page[p]);
	}
}

static void write_list(const struct key *key, unsigned order)
{
	buddy_t *b = &real.buddy;
	struct buddy_node **link = &b->free_lists[order];
	unsigned offset = 0; /* of the order's bits in the map */

	for (unsigned below = 0; below < order; below++)
		offset += b->rounded >> (below + 1);
	for (unsigned place = 0;; place++) {
		unsigned p = 0;

		while (p < setup.pages && key->page[p] != FREE(order, place))
			p++;
		if (p == setup.pages)
			break;
		*link = &b->nodes[p];
		b->nodes[p].link = link;
		link = &b->nodes[p].next;
		b->free_count[order]++;
		if (order < setup.max_order) {
			unsigned bit = offset + (p >> (order + 1));

			b->map[bit / 8] ^= 1 << bit % 8;
		}
	}
	*link = NULL;
}

/* The key's state, as the comments in buddy.h and buddy.c say that it looks. */
static void write_state(const struct key *key)
{
	copy(&real, &blank);
	for (unsigned p = 0; p < setup.pages; p++) {
		if (key->page[p])
			real.buddy.heads[p / 32] |= 1u << p % 32;
		if (key->page[p] && !(key->page[p] & 0x80))
			real.buddy.nodes[p].allocated = 2 * (key->page[p] - 1) + 1;
	}
	for (unsigned order = 0; order <= setup.max_order && order <= 4; order++)
		write_list(key, order);
	real.buddy.managed = __builtin_popcount(setup.managed);
	real.buddy.free_pages = __builtin_popcount(free_mask(key));
}

/* The state in memory, of which buddy_check() has found that it can be read. */
static struct key read_state(void)
{
	const buddy_t *b = &real.buddy;
	struct key key = { 0 };

	for (unsigned p = 0; p < setup.pages; p++) {
		if (b->heads[p / 32] >> p % 32 & 1)
			key.page[p] = ALLOCATED(b->nodes[p].allocated / 2);
	}
	for (unsigned order = 0; order <= setup.max_order; order++) {
		unsigned place = 0;

		for (struct buddy_node *node = b->free_lists[order]; node; node = node->next)
			key.page[node - b->nodes] = FREE(order, place++);
	}
	return key;
}

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

/* What memory must hold after a call that left `taken` allocated. */
static void verify(const struct key *taken, const char *call, unsigned page, unsigned order)
{
	enum buddy_error error = buddy_check(&real.buddy);
	struct key after;
	unsigned mask = free_mask(taken);

	if (error)
		wrong("%s(%u, order %u): buddy_check says %s", call, page, order,
		      buddy_strerror(error));
	after = read_state();
	for (unsigned p = 0; p < setup.pages; p++) {
		unsigned what = after.page[p];

		if (what & 0x80 && !is_maximal(mask, p, what >> 4 & 7))
			wrong("%s(%u, order %u): wrong free block at %u", call, page, order, p);
		if (!(what & 0x80) && what != taken->page[p])
			wrong("%s(%u, order %u): wrong allocated block at %u", call, page, order,
			      p);
		for (unsigned k = 0; k <= setup.max_order; k++) {
			if (is_maximal(mask, p, k) && (!(what & 0x80) || (what >> 4 & 7) != k))
				wrong("%s(%u, order %u): no free block at %u", call, page, order,
				      p);
		}
	}
	spoil_nodes(&after);
	copy(&other, &real);
	write_state(&after);
	if (!equal(&other, &real))
		wrong("%s(%u, order %u): memory differs from the documented one", call, page,
		      order);
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
	unsigned mask = free_mask(&now);
	unsigned from = source_order(mask, order);
	uintptr_t addr = buddy_alloc(&real.buddy, order);
	uintptr_t page = (addr - setup.base) / PAGE_SIZE;

	calls++;
	if (!addr != (order > setup.max_order || from > setup.max_order))
		wrong("alloc(order %u) gives %#" PRIxPTR, order, addr);
	if (!addr) {
		if (!equal(&real, &before))
			wrong("alloc(order %u) failed and changed something", order);
		return;
	}
	if (addr < setup.base || page >= setup.pages || addr != setup.base + page * PAGE_SIZE)
		wrong("alloc(order %u) gives %#" PRIxPTR ", not a page of ours", order, addr);
	if (!is_maximal(mask, page, from))
		wrong("alloc(order %u) gives page %u, not from the smallest order %u", order,
		      (unsigned)page, from);
	taken.page[page] = ALLOCATED(order);
	verify(&taken, "alloc", page, order);
	copy(&real, &before);
}

static void try_free(unsigned page, unsigned order)
{
	struct key taken = taken_in(&now);
	enum buddy_error error = buddy_free(&real.buddy, setup.base + page * PAGE_SIZE, order);

	calls++;
	if (error)
		wrong("free(page %u, order %u): %s", page, order, buddy_strerror(error));
	taken.page[page] = 0;
	verify(&taken, "free", page, order);
	copy(&real, &before);
}

static void refuse(uintptr_t addr, unsigned order, enum buddy_error expected)
{
	enum buddy_error error = buddy_free(&real.buddy, addr, order);

	calls++;
	if (error != expected)
		wrong("free(%#" PRIxPTR ", order %u) says \"%s\", not \"%s\"", addr, order,
		      buddy_strerror(error), buddy_strerror(expected));
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

static void expand(void)
{
	write_state(&now);
	copy(&before, &real);
	try_wild_frees();
	for (unsigned i = 0; i <= setup.max_order + 4; i++)
		try_alloc(order_number(i));
	for (unsigned page = 0; page < setup.pages; page++) {
		if (now.page[page] && !(now.page[page] & 0x80))
			try_free(page, now.page[page] - 1);
	}
}

/* --- beginning ------------------------------------------------------------ */

static uint8_t *spoiled_bytes(void)
{
	uint8_t *bytes = malloc(metadata_size ? metadata_size : 1);

	if (!bytes)
		wrong("out of memory");
	memset(bytes, 0xa5, metadata_size);
	return bytes;
}

/* What is no run of pages of the region is not taken, and nothing is changed. */
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

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		if (buddy_add(&real.buddy, runs[i][0], runs[i][1]) != BUDDY_ERR_RANGE)
			wrong("add(%#" PRIxPTR ", %#" PRIxPTR ") is accepted", runs[i][0],
			      runs[i][1]);
	}
	if (!equal(&real, &blank))
		wrong("a refused add changed something");
}

static void begin(void)
{
	size_t size = setup.pages * PAGE_SIZE;
	buddy_t *b = &real.buddy;

	metadata_size = buddy_metadata_size(size, setup.max_order);
	real.metadata = spoiled_bytes();
	blank.metadata = spoiled_bytes();
	before.metadata = spoiled_bytes();
	other.metadata = spoiled_bytes();
	memset(b, 0xa5, sizeof(*b));
	buddy_init(b, setup.base, size, setup.max_order, real.metadata);
	for (unsigned p = 0; p < setup.pages; p++)
		spoil(&b->nodes[p], false);
	copy(&blank, &real);
	try_wrong_adds();

	for (unsigned start = 0, end; start < setup.pages; start = end) {
		bool managed = setup.managed >> start & 1;

		for (end = start; end < setup.pages && end - start < setup.step &&
				  (setup.managed >> end & 1) == managed;)
			end++;
		if (managed &&
		    buddy_add(b, setup.base + start * PAGE_SIZE, setup.base + end * PAGE_SIZE))
			wrong("add(%u, %u) is refused", start, end);
	}
	verify(&(struct key){ 0 }, "add", 0, 0);
}

int main(int argc, char **argv)
{
	if (argc != 7)
		return 2;
	setup.base = strtoull(argv[1], NULL, 0);
	setup.pages = strtoul(argv[2], NULL, 0);
	setup.max_order = strtoul(argv[3], NULL, 0);
	setup.managed = ((1u << setup.pages) - 1) & ~strtoul(argv[4], NULL, 0);
	setup.stale = strtoull(argv[5], NULL, 0);
	setup.step = strtoul(argv[6], NULL, 0);
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
