/*
 * How many steps the arena takes: arena.c is compiled with -fsanitize-coverage=trace-pc,
 * which calls a function of ours in each basic block.
 *
 *     arena_steps PAGES      prints the most blocks that one alloc took, and one free
 *
 * The arena is brought into states that are hard for it: empty, full, a comb of single
 * pages, runs of all sizes in random order.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mm/arena.h>

static struct arena arena;
static unsigned long steps;
static unsigned long most_alloc;
static unsigned long most_free;

void __sanitizer_cov_trace_pc(void);

__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void)
{
	steps++;
}

static uintptr_t take(size_t pages)
{
	unsigned long before = steps;
	uintptr_t addr = arena_alloc(&arena, pages, 1, 0);

	most_alloc = MAX(most_alloc, steps - before);
	return addr;
}

static void give(uintptr_t addr, size_t pages)
{
	unsigned long before = steps;

	if (!arena_free(&arena, addr, pages))
		abort();
	most_free = MAX(most_free, steps - before);
}

/* All pages one by one, every second one back, then what fits nowhere and what does. */
static void comb(size_t pages)
{
	uintptr_t base = arena.base;

	while (take(1))
		;
	for (size_t i = 0; i < pages; i += 2)
		give(base + i * PAGE_SIZE, 1);
	take(2);
	give(base + (pages - 1) * PAGE_SIZE, 1);
	take(2);
	for (size_t i = pages / 2; i < pages; i++) {
		if (arena_is_taken(&arena, base + i * PAGE_SIZE))
			give(base + i * PAGE_SIZE, 1);
	}
	take(pages / 2);
}

static void mix(size_t pages)
{
	static struct {
		uintptr_t addr;
		size_t pages;
	} live[512];

	srandom(1);
	for (unsigned i = 0; i < 50000; i++) {
		unsigned slot = random() % ARRAY_SIZE(live);

		if (live[slot].addr) {
			give(live[slot].addr, live[slot].pages);
			live[slot].addr = 0;
			continue;
		}
		live[slot].pages = 1 + random() % ((pages / 2) >> random() % 12 | 1);
		live[slot].addr = take(live[slot].pages);
	}
}

int main(int argc, char **argv)
{
	size_t pages = strtoul(argc > 1 ? argv[1] : "0", NULL, 10);

	arena_init(&arena, ARENA_BASE, pages);
	give(take(pages), pages);
	give(take(pages - 2), pages - 2);
	comb(pages);
	arena_init(&arena, ARENA_BASE, pages);
	mix(pages);
	if (!arena_check(&arena))
		return 1;
	printf("%lu %lu\n", most_alloc, most_free);
	return 0;
}
