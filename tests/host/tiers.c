/*
 * A walk through kmalloc as any description makes it: with or without slabs, heap,
 * headers, watches; large sizes mapped or in the direct map; on the machine of
 * machine.h. Between the allocations lie blocks of pages that others have, full of what
 * a slab or a chunk begins with: kmalloc must believe none of it, and change none of it.
 *
 * Input: one line, RAM_PAGES ARENA_PAGES ROUNDS.
 */
#include <arch/paging.h>
#include <mm/kheap_block.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/tiers.h>
#include <mm/vmalloc.h>

#include "bare.h"
#include "machine.h"

#define LIVE_MAX 500
#define TIDE 300 /* rounds in which more is allocated than freed, or the other way round */

static struct live {
	unsigned char *bytes;
	size_t size;
	unsigned seed;
	bool is_pages; /* somebody else's, of 2^size pages */
} live[LIVE_MAX];

static size_t count;

/* --- contents ------------------------------------------------------------------------ */

static size_t length_of(const struct live *block)
{
	return block->is_pages ? PAGE_SIZE << block->size : block->size;
}

/* Somebody else's pages begin as a slab of kmalloc's does, each of them, or as a chunk. */
static uint32_t word_of(const struct live *block, size_t i)
{
	switch (block->is_pages ? i % (PAGE_SIZE / 4) : 99) {
	case 0:
		return block->seed % 2 ? SLAB_MAGIC : CHUNK_MAGIC;
	case 1:
#ifdef KMALLOC_CLASS_COUNT
		return (uintptr_t)&kmalloc_caches[block->seed % KMALLOC_CLASS_COUNT];
#endif
	default:
		return (uint32_t)(i * 0x9e3779b1u + block->seed);
	}
}

static unsigned char byte_of(const struct live *block, size_t i)
{
	return word_of(block, i / 4) >> i % 4 * 8;
}

static void fill(struct live *block)
{
	block->seed = draw(1u << 20);
	for (size_t i = 0; i < length_of(block); i++)
		block->bytes[i] = byte_of(block, i);
}

static void verify(const struct live *block, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (block->bytes[i] != byte_of(block, i))
			wrong("byte %lu of %lu at %p has changed", (unsigned long)i,
			      (unsigned long)length_of(block), (void *)block->bytes);
	}
}

static void check(const char *after)
{
	const char *fault = kmalloc_check();

	if (fault || pages_check())
		wrong("after %s: %s", after, fault ?: buddy_strerror(pages_check()));
}

/* --- calls ----------------------------------------------------------------------------- */

static size_t some_size(void)
{
	size_t limits[] = { KMALLOC_SLAB_LIMIT, KMALLOC_HEAP_LIMIT, PAGE_SIZE, SLAB_SIZE };
	size_t near = limits[draw(ARRAY_SIZE(limits))];

	switch (draw(4)) {
	case 0:
		return 1 + draw(64);
	case 1:
		return 1 + near + draw(40) - MIN(near, 20ul);
	case 2:
		return 1 + draw(1000);
	default:
		return 1 + draw(draw(4) ? 9000 : 60000);
	}
}

static void admit(unsigned char *bytes, size_t size, size_t align)
{
	struct live *block = &live[count++];

	*block = (struct live){ bytes, size, 0, false };
	if (!IS_ALIGNED((uintptr_t)bytes, MAX(align, (size_t)KMALLOC_ALIGNMENT)))
		wrong("%p is not aligned to %lu", (void *)bytes, (unsigned long)align);
	if (kmalloc_fault(bytes))
		wrong("%lu bytes at %p, just allocated: %s", (unsigned long)size, (void *)bytes,
		      kmalloc_fault(bytes));
	if (ksize(bytes) < size)
		wrong("room for %lu of %lu bytes", (unsigned long)ksize(bytes),
		      (unsigned long)size);
	memset(bytes, 0x77, ksize(bytes));
	fill(block);
}

static void try_alloc(void)
{
	size_t align = draw(2) ? 1u << draw(14) : 1;
	size_t size = some_size();
	unsigned char *bytes = kmalloc_aligned(size, align);

	if (bytes)
		admit(bytes, size, align);
}

static void try_pages(void)
{
	unsigned order = draw(MIN(MAX_ORDER, 3) + 1);
	phys_addr_t block = alloc_pages(ZONE_DIRECT, order);

	if (!block)
		return;
	live[count] = (struct live){ phys_to_virt(block), order, 0, true };
	fill(&live[count++]);
}

static void try_free(size_t index)
{
	struct live block = live[index];

	verify(&block, length_of(&block));
	live[index] = live[--count];
	if (block.is_pages) {
		free_pages(VIRT_TO_PHYS((uintptr_t)block.bytes), block.size);
		return;
	}
	if (kmalloc_fault(block.bytes))
		wrong("%lu bytes at %p: %s", (unsigned long)block.size, (void *)block.bytes,
		      kmalloc_fault(block.bytes));
	kfree(block.bytes);
	if (!kmalloc_fault(block.bytes))
		wrong("%p may be freed twice", (void *)block.bytes);
}

static void try_realloc(size_t index)
{
	struct live block = live[index];
	unsigned char *moved;
	size_t size;

	if (block.is_pages)
		return;
	size = draw(2) ? some_size() : 1 + draw(block.size);
	moved = krealloc(block.bytes, size);
	if (!moved) {
		verify(&block, block.size);
		return;
	}
	live[index] = live[--count];
	block.bytes = moved;
	verify(&block, MIN(size, block.size));
	admit(moved, size, KMALLOC_ALIGNMENT);
}

/* --- the walk ---------------------------------------------------------------------------- */

static void operate(unsigned round)
{
	unsigned share = round / TIDE % 2 ? 5 : 11; /* of allocations, in 16 */
	unsigned what = draw(16);

	if (what < share && count < LIVE_MAX)
		draw(5) ? try_alloc() : try_pages();
	else if (count && draw(3))
		try_free(draw(count));
	else if (count)
		try_realloc(draw(count));
}

static size_t number(char **at)
{
	size_t value = 0;

	for (; **at >= '0' && **at <= '9'; ++*at)
		value = value * 10 + (**at - '0');
	*at += **at == ' ';
	return value;
}

int run(void)
{
	static struct free_profile initial;
	static struct free_profile final;
	struct kmalloc_stats stats;
	char *line = next_line();
	size_t ram = number(&line);
	size_t arena = number(&line);
	size_t rounds = number(&line);

	machine_begin(ram, arena);
	free_profile_read(&initial);
	for (unsigned round = 0; round < rounds; round++) {
		operate(round);
		check("a round");
	}
	while (count)
		try_free(draw(count));
	kmalloc_shrink();
	check("all is freed");
	free_profile_read(&final);
	kmalloc_stats_read(&stats);
	if (memcmp(&initial, &final, sizeof(final)) || stats.live_pages ||
	    stats.allocs != stats.frees)
		wrong("not all came back: %lu pages", (unsigned long)stats.live_pages);
	say("allocs %lu\n", stats.allocs);
	return 0;
}
