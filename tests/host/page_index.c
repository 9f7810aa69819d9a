/*
 * A file's index of pages against an array, in random steps; memory fails at times.
 *
 *     page_index SEED STEPS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/kmalloc.h>
#include <user/page_index.h>

#define PAGES 3000 /* of the model; and one far away */
#define FAR (INDEX_PAGES - 1)

static struct page_index index_;
static phys_addr_t model[PAGES + 1];
static unsigned allocations;
static unsigned released;
static phys_addr_t next_frame = 0x1000;
static int scarce;

static int fails(void)
{
	return scarce && rand() % 3 == 0;
}

void *krealloc(void *pointer, size_t size)
{
	void *fresh;

	if (fails())
		return NULL;
	/* Always elsewhere, and the old one is gone: who still uses it is seen. */
	fresh = malloc(size);
	memset(fresh, 0xa5, size);
	if (pointer) {
		memcpy(fresh, pointer, index_.leaf_count * sizeof(index_.leaves[0]));
		free(pointer);
	} else {
		allocations++;
	}
	return fresh;
}

void *kcalloc(size_t n, size_t size)
{
	if (fails())
		return NULL;
	allocations++;
	return calloc(n, size);
}

void kfree(void *pointer)
{
	allocations -= !!pointer;
	free(pointer);
}

static void complain(const char *what, uint32_t page)
{
	printf("%s, page %u\n", what, page);
	exit(1);
}

static uint32_t slot_of(uint32_t page)
{
	return page == FAR ? PAGES : page;
}

static uint32_t any_page(void)
{
	static const uint32_t corners[] = { 0, 3, 4, 255, 256, 511, 512, 1023, 1024, PAGES - 1, FAR };

	return rand() % 3 ? (uint32_t)rand() % PAGES :
			    corners[(size_t)rand() % (sizeof(corners) / sizeof(corners[0]))];
}

/* Frames that are cut off must be those that the model has there, each once. */
static void release(phys_addr_t frame)
{
	for (uint32_t slot = 0; slot <= PAGES; slot++) {
		if (model[slot] == frame) {
			model[slot] = PHYS_NONE;
			released++;
			return;
		}
	}
	complain("a frame released that is not there", frame);
}

static void write_page(uint32_t page)
{
	phys_addr_t *place = page_index_make(&index_, page);

	if (!place && !scarce)
		complain("no place with memory", page);
	if (!place)
		return;
	if (*place != model[slot_of(page)])
		complain("a place is not what it was", page);
	if (!*place) {
		*place = next_frame;
		model[slot_of(page)] = next_frame;
		next_frame += 0x1000;
	}
}

static void read_page(uint32_t page)
{
	const phys_addr_t *place = page_index_find(&index_, page);
	phys_addr_t frame = place ? *place : PHYS_NONE;

	if (frame != model[slot_of(page)])
		complain("another frame", page);
}

static void cut(uint32_t first)
{
	unsigned before = released;
	unsigned there = 0;

	for (uint32_t slot = 0; slot <= PAGES; slot++)
		there += model[slot] && (slot == PAGES ? FAR : slot) >= first;
	page_index_cut(&index_, first, release);
	if (released - before != there)
		complain("not as many released as were there", first);
	for (uint32_t slot = 0; slot <= PAGES; slot++) {
		if (model[slot] && (slot == PAGES ? FAR : slot) >= first)
			complain("still there after a cut", slot);
	}
}

static void walk(uint32_t from)
{
	uint32_t found = page_index_next(&index_, from);
	uint32_t slot = slot_of(from);

	while (slot <= PAGES && !model[slot])
		slot++;
	if (found != (slot > PAGES ? INDEX_PAGES : slot == PAGES ? FAR : slot))
		complain("another page is next", from);
}

int main(int argc, char **argv)
{
	int steps;

	if (argc < 3)
		return 2;
	srand((unsigned)atoi(argv[1]));
	steps = atoi(argv[2]);
	for (int i = 0; i < steps; i++) {
		scarce = rand() % 2;
		switch (rand() % 40) {
		case 0:
			cut(rand() % 4 ? any_page() : 0);
			break;
		case 1:
			walk(any_page());
			break;
		default:
			write_page(any_page());
			read_page(any_page());
		}
	}
	cut(0);
	if (allocations)
		complain("memory of the index is left, pieces", allocations);
	return 0;
}
