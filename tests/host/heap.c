/*
 * A walk through kmalloc, vmalloc and caches, all of them real, on the machine of
 * machine.h: random calls, and what came of them compared with what was promised.
 *
 * Input: one line, RAM_PAGES ARENA_PAGES ROUNDS.
 */
#include <mm/kmalloc.h>
#include <mm/large.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

#include "bare.h"
#include "heap_model.h"
#include "heap_tries.h"
#include "machine.h"

#define TIDE 400 /* rounds in which more is allocated than freed, or the other way round */

#define USUAL 300 /* bytes: sizes near this are asked for always */

static size_t favourite; /* the same for the sizes of a tide */

/* --- sizes and failures -------------------------------------------------------- */

static size_t some_size(void)
{
	switch (draw(10)) {
	case 0:
		return KMALLOC_SLAB_LIMIT - 4 + draw(9);
	case 1:
		return draw(8) ? 1 + draw(4000) : KMALLOC_HEAP_LIMIT - 4 + draw(9);
	case 2:
		return (1 + draw(8)) * PAGE_SIZE - 12 + draw(24);
	case 3:
		if (!draw(3))
			return 4080 + draw(128); /* where the heap's lists begin to share */
		return 1 + draw(draw(8) ? 20000 : 300000);
	case 4:
		return draw(24) ? 1 + draw(600) :
		       draw(2)	? 0 :
				  0xffffffff - draw(8192); /* nothing, or far too much */
	default:
		return draw(4) ? USUAL - draw(4) : favourite + draw(favourite / 16 + 8);
	}
}

/* NULL is right only if frames or addresses are short. */
static void judge_failure(size_t size, size_t align)
{
	size_t pages = size / PAGE_SIZE + 2;

	if (vmalloc_stats.live_pages + 2 * pages + align / PAGE_SIZE < model.arena_pages / 8 &&
	    pages < free_page_count())
		wrong("no %lu bytes though memory is nearly empty", (unsigned long)size);
}

/* kmalloc() gives up only when nobody can return a page any more, or that is of no use. */
static void judge_kmalloc_failure(size_t size, size_t align)
{
	size_t kept = kmalloc_shrink();

	if (kept && size / PAGE_SIZE < model.arena_pages)
		wrong("no %lu bytes though %lu pages were not in use", (unsigned long)size,
		      (unsigned long)kept);
	judge_failure(size, align);
}

/* --- operations ------------------------------------------------------------------ */

static void try_alloc(void)
{
	size_t size = some_size();
	size_t align = draw(3) ? KMALLOC_ALIGNMENT : 1u << draw(18);
	unsigned how = draw(3);
	unsigned char *pointer;

	if (how == 0) {
		pointer = kmalloc_aligned(size, align);
	} else {
		align = KMALLOC_ALIGNMENT;
		pointer = how == 1 ? kzalloc(size) : kmalloc(size);
	}
	if (pointer == ZERO_SIZE_PTR) {
		if (size)
			wrong("nothing for %lu bytes", (unsigned long)size);
		return;
	}
	if (!pointer) {
		judge_kmalloc_failure(size, align);
		return;
	}
	for (size_t i = 0; how == 1 && i < size; i++) {
		if (pointer[i])
			wrong("kzalloc: byte %lu is not 0", (unsigned long)i);
	}
	if (large_owns(pointer) && size < KMALLOC_HEAP_LIMIT - PAGE_SIZE && align < PAGE_SIZE &&
	    zones[0].buddy.free_count[MAX_ORDER])
		wrong("pages of their own for %lu bytes", (unsigned long)size);
	admit(OWNER_KMALLOC, pointer, size, MAX(align, (size_t)KMALLOC_ALIGNMENT));
}

static void try_alloc_other(void)
{
	unsigned which = draw(CACHES + 2);
	size_t size = which < CACHES ? cache_sizes[which].size : 1 + draw(40000);
	unsigned char *pointer =
		which < CACHES ? kmem_cache_alloc(model.caches[which]) : vmalloc(size);

	if (!pointer)
		judge_failure(size, 1);
	else if (which < CACHES)
		admit(OWNER_CACHE + which, pointer, size, cache_sizes[which].align);
	else
		admit(OWNER_VMALLOC, pointer, size, PAGE_SIZE);
}

static void try_free(void)
{
	size_t index = draw(model.count);
	struct live *block = &model.live[index];

	verify(block, block->pointer, block->size);
	give_back_to_owner(block);
	drop(index);
}

static void try_realloc(void)
{
	size_t index = draw(model.count);
	struct live block = model.live[index];
	size_t size = draw(2) ? some_size() : block.size + draw(200) - MIN(block.size, 100ul);
	unsigned char *moved;

	if (block.owner != OWNER_KMALLOC)
		return;
	moved = krealloc(block.pointer, size);
	if (!moved) {
		judge_kmalloc_failure(size, KMALLOC_ALIGNMENT);
		verify(&block, block.pointer, block.size);
		return;
	}
	drop(index);
	if (!size)
		return;
	verify(&block, moved, MIN(size, block.size));
	admit(OWNER_KMALLOC, moved, size, KMALLOC_ALIGNMENT);
}

/* --- the walk ------------------------------------------------------------------------ */

static void operate(unsigned round)
{
	/* Few, so that slabs and lists fill, empty, and fill again. */
	static const uint16_t favourites[] = { 10, 90, 5000 };
	static const uint8_t shares[] = { 12, 0, 12, 8 }; /* of allocations, in 16 */
	unsigned share = shares[round / TIDE % ARRAY_SIZE(shares)];
	unsigned what = draw(16);

	if (round % TIDE == 0) {
		favourite = favourites[draw(ARRAY_SIZE(favourites))];
		verify_all();
	}
	if (what < share && model.count < LIVE_MAX)
		draw(8) ? try_alloc() : try_alloc_other();
	else if (model.count && what == 15)
		try_wrong_frees();
	else if (model.count && what >= 13)
		try_realloc();
	else if (model.count)
		try_free();
}

static size_t number(char **at)
{
	size_t value = 0;

	for (; **at >= '0' && **at <= '9'; ++*at)
		value = value * 10 + (**at - '0');
	*at += **at == ' ';
	return value;
}

/* Everything is free, and was given back. */
static void expect_nothing_left(const struct free_profile *initial)
{
	struct free_profile final;
	struct kmalloc_stats stats;

	destroy_caches();
	kmalloc_shrink();
	check("all is freed");
	free_profile_read(&final);
	kmalloc_stats_read(&stats);
	if (memcmp(initial, &final, sizeof(final)) || stats.live_pages ||
	    vmalloc_stats.live_pages || stats.allocs != stats.frees)
		wrong("not all came back: %lu pages, %lu mapped", (unsigned long)stats.live_pages,
		      (unsigned long)vmalloc_stats.live_pages);
}

int run(void)
{
	static struct free_profile initial;
	struct kmalloc_stats stats;
	char *line = next_line();
	size_t rounds;

	model.ram_pages = number(&line);
	model.arena_pages = number(&line);
	rounds = number(&line);
	machine_begin(model.ram_pages, model.arena_pages);
	check("init");
	free_profile_read(&initial);
	try_corners();
	try_device();
	try_largest();
	try_lazy();
	try_flush_of_few();
	try_spare_without_frames();
	try_refill();
	create_caches();
	try_forged_slab();
	for (unsigned round = 0; round < rounds; round++) {
		operate(round);
		check("a round");
	}
	while (model.count)
		try_free();
	expect_nothing_left(&initial);
	try_largest();
	kmalloc_stats_read(&stats);
	say("allocs %lu failures %lu peak %lu\n", stats.allocs, stats.failures,
	    (unsigned long)stats.peak_pages);
	return 0;
}
