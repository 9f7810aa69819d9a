/*
 * States of a small buddy allocator: as keys, as sets of pages, and as memory.
 *
 * Part of buddy_states.c, which says what they are for.
 */
#ifndef BUDDY_KEY_H
#define BUDDY_KEY_H

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
#define CACHED 0x40
#define FREE(order, place) (0x80 | (order) << 4 | (place))

static struct {
	uintptr_t base;
	unsigned pages;
	unsigned max_order;
	unsigned managed; /* mask of pages */
	unsigned step;
	uint64_t stale;
	bool cache;
} setup;

/* The allocator under test, and copies of its memory. */
static struct memory {
	buddy_t buddy;
	uint8_t *map;
	uint8_t *index;
} real, blank, before, other;
static size_t map_size, index_size;

static struct key now; /* the state in which a call is made */
static struct {
	const char *name;
	unsigned args[2];
} call;

/* --- complaining ---------------------------------------------------------- */

static void print_key(const struct key *key)
{
	for (unsigned p = 0; p < setup.pages; p++) {
		unsigned what = key->page[p];

		if (what & 0x80)
			printf(" %u:free%u@%u", p, what >> 4 & 7, what & 15);
		else if (what == CACHED)
			printf(" %u:cached", p);
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
	printf("\nafter %s(%u, %u) in state", call.name, call.args[0], call.args[1]);
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

static bool is_taken(unsigned what)
{
	return what && !(what & 0x80);
}

static unsigned free_mask(const struct key *key)
{
	unsigned mask = setup.managed;

	for (unsigned p = 0; p < setup.pages; p++) {
		unsigned what = key->page[p];

		if (is_taken(what))
			mask &= ~block(p, what == CACHED ? 0 : what - 1);
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
	if (free_mask(key) >> page & 1 || key->page[page] == CACHED)
		return BUDDY_ERR_DOUBLE;
	if (!key->page[page])
		return BUDDY_ERR_INTERIOR;
	return key->page[page] == ALLOCATED(order) ? BUDDY_OK : BUDDY_ERR_ORDER;
}

/* Of the free blocks of an order, the one to be taken: the lists' first, or the lowest. */
static unsigned expected_page(const struct key *key, unsigned order)
{
	unsigned p = 0;

	while (p < setup.pages && key->page[p] != FREE(order, 0))
		p++;
	return p;
}

/* --- memory --------------------------------------------------------------- */

static void copy(struct memory *to, const struct memory *from)
{
	memcpy(&to->buddy, &from->buddy, sizeof(buddy_t));
	memcpy(to->map, from->map, map_size);
	memcpy(to->index, from->index, index_size);
}

static bool equal(const struct memory *a, const struct memory *b)
{
	return !memcmp(&a->buddy, &b->buddy, sizeof(buddy_t)) &&
	       !memcmp(a->map, b->map, map_size) && !memcmp(a->index, b->index, index_size);
}

#ifdef BUDDY_LEVELS
/* Every bit of the bitmaps means something. */
static void spoil_nodes(const struct key *key)
{
	(void)key;
}

/* A bit for each pair that has a free block, or for each block of the largest order. */
static void write_index(const struct key *key, unsigned order)
{
	for (unsigned p = 0; p < setup.pages; p++) {
		unsigned bit = p >> order;

		if (key->page[p] != FREE(order, 0))
			continue;
		if (order < setup.max_order)
			bit /= 2;
		for (unsigned level = 0; level < BUDDY_LEVELS; level++, bit /= 32)
			real.buddy.bits[order][level][bit / 32] |= 1u << bit % 32;
	}
}

static unsigned place_of(unsigned page)
{
	(void)page;
	return 0;
}
#else
/* Nodes that mean nothing hold anything. */
static void spoil_nodes(const struct key *key)
{
	for (unsigned p = 0; p < setup.pages; p++) {
		struct buddy_node *node = &real.buddy.nodes[p];

		if (key->page[p] & 0x80)
			continue;
		node->next = (struct buddy_node *)(uintptr_t)setup.stale;
		node->link = (struct buddy_node **)(uintptr_t)setup.stale;
	}
}

static void write_index(const struct key *key, unsigned order)
{
	buddy_t *b = &real.buddy;
	struct buddy_node **link = &b->free_lists[order];

	for (unsigned place = 0;; place++) {
		unsigned p = 0;

		while (p < setup.pages && key->page[p] != FREE(order, place))
			p++;
		if (p == setup.pages)
			break;
		*link = &b->nodes[p];
		b->nodes[p].link = link;
		link = &b->nodes[p].next;
	}
	*link = NULL;
}

/* How many nodes are before the page's in its list; garbage if it is in none. */
static unsigned place_of(unsigned page)
{
	unsigned order = real.map[page] & BUDDY_ORDER_MASK;
	const struct buddy_node *node = real.buddy.free_lists[order];
	unsigned place = 0;

	for (; node && node != &real.buddy.nodes[page]; node = node->next)
		place++;
	return place;
}
#endif

/* The byte of the map for what a key says of a page. */
static uint8_t byte_of(unsigned what)
{
	if (!what)
		return BUDDY_NOTHING;
	if (what & 0x80)
		return BUDDY_FREE | (what >> 4 & 7);
	return what == CACHED ? BUDDY_CACHED : BUDDY_ALLOCATED | (what - 1);
}

/* The key's state, as the comments in buddy.h and buddy.c say that it looks. */
static void write_state(const struct key *key)
{
	copy(&real, &blank);
	for (unsigned p = 0; p < setup.pages; p++) {
		real.map[p] = byte_of(key->page[p]);
		if (key->page[p] & 0x80)
			real.buddy.free_count[key->page[p] >> 4 & 7]++;
	}
	for (unsigned order = 0; order <= setup.max_order && order <= 4; order++)
		write_index(key, order);
	real.buddy.managed = __builtin_popcount(setup.managed);
}

/* The state in memory, of which buddy_check() has found that it can be read. */
static struct key read_state(void)
{
	struct key key = { 0 };

	for (unsigned p = 0; p < setup.pages; p++) {
		unsigned order = real.map[p] & BUDDY_ORDER_MASK;

		if (real.map[p] == BUDDY_CACHED)
			key.page[p] = CACHED;
		else if (real.map[p] == (BUDDY_ALLOCATED | order))
			key.page[p] = ALLOCATED(order);
		else if (real.map[p] == (BUDDY_FREE | order))
			key.page[p] = FREE(order, place_of(p));
	}
	return key;
}

#endif /* BUDDY_KEY_H */
