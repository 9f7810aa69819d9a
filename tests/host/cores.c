/*
 * memmap, memblock, arena and buddy at the end of a pipe: one call a line, one answer a line.
 *
 *     map BASE LENGTH TYPE ...            START END TYPE ... of all ranges
 *     bytes START END BASE LENGTH TYPE ...  of them available, to the byte
 *     has START END BASE LENGTH TYPE ...  whether all of that is available
 *     kept BASE LENGTH TYPE ...           BASE LENGTH TYPE ... of all entries, and dropped
 *     mb.init
 *     mb.add START END, mb.reserve        error code
 *     mb.alloc SIZE ALIGN LIMIT           address
 *     mb.free                             START END ... of the whole free pages
 *     mb.bytes START END                  of RAM there; of all reserved RAM; of all RAM
 *     mb.close
 *     mb.state                            cursor, allocated, the tables, error of the check
 *     arena.init BASE PAGES
 *     arena.alloc PAGES ALIGN SKEW        address
 *     arena.free ADDR PAGES               0 or 1
 *     arena.state                         used, each page as 0 or 1, result of the check
 *     buddy.init BASE PAGES MAX_ORDER
 *     buddy.add START END                 error code
 *     buddy.alloc ORDER                   address
 *     buddy.free ADDR ORDER               error code
 *     buddy.take COUNT                    addresses of frames for the cache
 *     buddy.give ADDR ...
 *     buddy.state                         the map in hex, free blocks by order, error of the check
 *
 * Numbers are decimal. The structs are on the heap, each on its own, so that
 * AddressSanitizer sees what goes beyond their ends.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/arena.h>
#include <mm/buddy.h>
#include <mm/memblock.h>
#include <mm/memmap.h>

static struct memmap *map;
static struct memmap_ranges *ranges;
static struct memblock *mb;
static struct arena *arena;
static buddy_t *buddy;

/* The line's next number; 0 where it ends. */
static uint64_t number(void)
{
	const char *word = strtok(NULL, " \n");

	return word ? strtoull(word, NULL, 10) : 0;
}

static void read_map(void)
{
	const char *word;

	memset(map, 0xa5, sizeof(*map));
	map->count = map->dropped = 0;
	while ((word = strtok(NULL, " \n"))) {
		uint64_t base = strtoull(word, NULL, 10);
		uint64_t length = number();

		memmap_add(map, base, length, number());
	}
}

static void do_map(void)
{
	read_map();
	memset(ranges, 0xa5, sizeof(*ranges));
	memmap_normalise(map, ranges);
	for (unsigned i = 0; i < ranges->count; i++)
		printf("%" PRIu64 " %" PRIu64 " %" PRIu32 " ", ranges->ranges[i].start,
		       ranges->ranges[i].end, ranges->ranges[i].type);
}

static void do_bytes(void)
{
	uint64_t start = number();
	uint64_t end = number();

	read_map();
	memmap_resolve(map, 1, ranges);
	printf("%" PRIu64, memmap_bytes(ranges, MEMORY_AVAILABLE, start, end));
}

static void do_has(void)
{
	uint64_t start = number();
	uint64_t end = number();

	read_map();
	printf("%d", memmap_has(map, start, end));
}

static void do_kept(void)
{
	read_map();
	for (unsigned i = 0; i < map->count; i++)
		printf("%" PRIu64 " %" PRIu64 " %" PRIu32 " ", map->entries[i].base,
		       map->entries[i].length, map->entries[i].type);
	printf("%u", map->dropped);
}

static void mb_init(void)
{
	memset(mb, 0xa5, sizeof(*mb));
	memblock_init(mb);
}

static void mb_add(void)
{
	phys_addr_t start = number();

	printf("%u", memblock_add(mb, start, number()));
}

static void mb_reserve(void)
{
	phys_addr_t start = number();

	printf("%u", memblock_reserve(mb, start, number()));
}

static void mb_alloc(void)
{
	size_t size = number();
	size_t align = number();

	printf("%" PRIu32, memblock_alloc(mb, size, align, number()));
}

static void mb_free(void)
{
	struct memblock_region region;
	phys_addr_t at = 0;

	while (memblock_next_free(mb, &at, &region))
		printf("%" PRIu32 " %" PRIu32 " ", region.start, region.end);
}

static void mb_bytes(void)
{
	phys_addr_t start = number();

	printf("%zu %zu %zu", memblock_memory_in(mb, start, number()), memblock_reserved_bytes(mb),
	       memblock_memory_bytes(mb));
}

static void mb_close(void)
{
	mb->closed = true;
}

static void print_table(const struct memblock_table *table)
{
	printf(" |");
	for (unsigned i = 0; i < table->count; i++)
		printf(" %" PRIu32 " %" PRIu32, table->regions[i].start, table->regions[i].end);
}

static void mb_state(void)
{
	printf("%" PRIu32 " %zu", mb->cursor, mb->allocated);
	print_table(&mb->memory);
	print_table(&mb->reserved);
	printf(" | %u", memblock_check(mb));
}

static void do_arena_init(void)
{
	uintptr_t base = number();

	memset(arena, 0xa5, sizeof(*arena));
	arena_init(arena, base, number());
}

static void do_arena_alloc(void)
{
	size_t pages = number();
	size_t align = number();

	printf("%" PRIuPTR, arena_alloc(arena, pages, align, number()));
}

static void do_arena_free(void)
{
	uintptr_t addr = number();

	printf("%d", arena_free(arena, addr, number()));
}

static void arena_state(void)
{
	printf("%zu ", arena->used);
	for (size_t page = 0; page < arena->pages; page++)
		putchar('0' + arena_is_taken(arena, arena->base + page * PAGE_SIZE));
	printf(" %d", arena_check(arena));
}

static void do_buddy_init(void)
{
	uintptr_t base = number();
	size_t pages = number();
	unsigned max_order = number();
	size_t map_size = ALIGN_UP(pages, (size_t)1 << max_order);
	size_t index_size = buddy_index_size(pages * PAGE_SIZE, max_order);
	static void *map, *index;

	free(map);
	free(index);
	map = memset(malloc(map_size), 0xa5, map_size);
	index = memset(malloc(index_size), 0xa5, index_size);
	memset(buddy, 0xa5, sizeof(*buddy));
	buddy_init(buddy, base, pages * PAGE_SIZE, max_order, map, index);
}

static void do_buddy_add(void)
{
	uintptr_t start = number();

	printf("%u", buddy_add(buddy, start, number()));
}

static void do_buddy_alloc(void)
{
	printf("%" PRIuPTR, buddy_alloc(buddy, number()));
}

static void do_buddy_free(void)
{
	uintptr_t addr = number();

	printf("%u", buddy_free(buddy, addr, number()));
}

static void do_buddy_take(void)
{
	phys_addr_t frames[32];
	size_t count = buddy_take_cached(buddy, frames, number());

	for (size_t i = 0; i < count; i++)
		printf("%" PRIu32 " ", frames[i]);
}

static void do_buddy_give(void)
{
	static phys_addr_t frames[1024];
	const char *word;
	size_t count = 0;

	while ((word = strtok(NULL, " \n")))
		frames[count++] = strtoul(word, NULL, 10);
	buddy_give_cached(buddy, frames, count);
}

static void buddy_state(void)
{
	for (size_t i = 0; i < buddy->map_size; i++)
		printf("%02x", buddy->map[i]);
	for (unsigned order = 0; order <= buddy->max_order; order++)
		printf(" %zu", buddy->free_count[order]);
	printf(" %u", buddy_check(buddy));
}

static const struct {
	const char *name;
	void (*run)(void);
} commands[] = {
	{ "map", do_map },
	{ "bytes", do_bytes },
	{ "has", do_has },
	{ "kept", do_kept },
	{ "mb.init", mb_init },
	{ "mb.add", mb_add },
	{ "mb.reserve", mb_reserve },
	{ "mb.alloc", mb_alloc },
	{ "mb.free", mb_free },
	{ "mb.bytes", mb_bytes },
	{ "mb.close", mb_close },
	{ "mb.state", mb_state },
	{ "arena.init", do_arena_init },
	{ "arena.alloc", do_arena_alloc },
	{ "arena.free", do_arena_free },
	{ "arena.state", arena_state },
	{ "buddy.init", do_buddy_init },
	{ "buddy.add", do_buddy_add },
	{ "buddy.alloc", do_buddy_alloc },
	{ "buddy.free", do_buddy_free },
	{ "buddy.take", do_buddy_take },
	{ "buddy.give", do_buddy_give },
	{ "buddy.state", buddy_state },
};

static void execute(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, word)) {
			commands[i].run();
			putchar('\n');
			return;
		}
	}
	fprintf(stderr, "no command %s\n", word);
	exit(2);
}

int main(void)
{
	static char line[1 << 16];

	map = malloc(sizeof(*map));
	ranges = malloc(sizeof(*ranges));
	mb = malloc(sizeof(*mb));
	arena = malloc(sizeof(*arena));
	buddy = malloc(sizeof(*buddy));
	while (fgets(line, sizeof(line), stdin)) {
		const char *word = strtok(line, " \n");

		if (word)
			execute(word);
		else
			fflush(stdout); /* an empty line: the asker waits */
	}
	return 0;
}
