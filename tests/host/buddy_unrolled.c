/*
 * Both forms of rule 2 for single frames, compared byte by byte.
 *
 *     buddy_unrolled SEED PAGES ROUNDS
 *
 * Each round draws a state (some blocks allocated, some frames cached), keeps a copy of
 * all its bytes, and releases the cached frames in random order: once by
 * buddy_give_unrolled(), once by buddy_release(), which is the plain algorithm. Both
 * must leave the same bytes in the allocator, its map and its index.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/buddy.h>
#include <mm/buddy_index.h>

#define BASE 0x400000

struct image {
	buddy_t buddy;
	uint8_t *map;
	uint8_t *index;
};

static buddy_t buddy;
static size_t pages, map_size, index_size_;
static uint8_t *map, *memory;
static uint64_t state;

static uint32_t draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 32) % below;
}

static struct image empty_image(void)
{
	return (struct image){ .map = malloc(map_size), .index = malloc(index_size_) };
}

static void save(struct image *image)
{
	image->buddy = buddy;
	memcpy(image->map, map, map_size);
	memcpy(image->index, memory, index_size_);
}

static void restore(const struct image *image)
{
	buddy = image->buddy;
	memcpy(map, image->map, map_size);
	memcpy(memory, image->index, index_size_);
}

static bool same(const struct image *a, const struct image *b)
{
	return !memcmp(&a->buddy, &b->buddy, sizeof(a->buddy)) &&
	       !memcmp(a->map, b->map, map_size) && !memcmp(a->index, b->index, index_size_);
}

/* All frames taken one by one; most are free again, in any order, and some cached. */
static size_t scatter(phys_addr_t *frames)
{
	size_t cached = 0;

	buddy_init(&buddy, BASE, pages * PAGE_SIZE, MAX_ORDER, map, memory);
	buddy_add(&buddy, BASE, BASE + pages * PAGE_SIZE);
	while (buddy_alloc(&buddy, 0))
		;
	for (size_t frame = 0; frame < pages; frame++) {
		switch (draw(4)) {
		case 0: /* stays allocated */
			break;
		case 1:
			map[frame] = BUDDY_CACHED;
			frames[cached++] = BASE + frame * PAGE_SIZE;
			break;
		default:
			buddy_free(&buddy, BASE + frame * PAGE_SIZE, 0);
		}
	}
	for (size_t i = cached; i > 1; i--) {
		size_t other = draw(i);
		phys_addr_t frame = frames[i - 1];

		frames[i - 1] = frames[other];
		frames[other] = frame;
	}
	return cached;
}

int main(int argc, char **argv)
{
	struct image before, unrolled, plain;
	size_t released = 0;
	phys_addr_t *frames;

	if (argc != 4)
		return 2;
	state = strtoull(argv[1], NULL, 0) * 2654435761u + 88172645463325252u;
	pages = strtoul(argv[2], NULL, 0);
	map_size = ALIGN_UP(pages, (size_t)1 << MAX_ORDER);
	index_size_ = buddy_index_size(pages * PAGE_SIZE, MAX_ORDER);
	map = malloc(map_size);
	memory = calloc(1, index_size_);
	frames = malloc(pages * sizeof(*frames));
	before = empty_image();
	unrolled = empty_image();
	plain = empty_image();
	for (unsigned long round = strtoul(argv[3], NULL, 0); round; round--) {
		size_t cached = scatter(frames);

		save(&before);
		buddy_give_unrolled(&buddy, frames, cached);
		save(&unrolled);
		restore(&before);
		for (size_t i = 0; i < cached; i++)
			buddy_release(&buddy, (frames[i] - BASE) / PAGE_SIZE, 0);
		save(&plain);
		if (!same(&unrolled, &plain) || buddy_check(&buddy)) {
			printf("the forms differ, with %lu rounds left\n", round);
			return 1;
		}
		released += cached;
	}
	printf("released %zu\n", released);
	return 0;
}
