/* Tests of kmalloc, on the machine's own memory. */
#include <arch/mmu.h>
#include <arch/paging.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
//% if kmalloc.mapping == "direct"
#include <mm/kheap_block.h>
//% endif
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/large.h>
#include <mm/page.h>
#include <mm/slab.h>

static bool is_filled(const unsigned char *bytes, size_t size, unsigned char value)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != value)
			return false;
	}
	return true;
}

/* Free pages after all kept memory was reclaimed. */
static size_t settled_free_pages(void)
{
	kmalloc_shrink();
	return free_page_count();
}

//% if kmalloc.mapping == "vmap"
#define MAPS_LARGE true
#define LARGEST ((size_t)1 << 20) /* that is asked for here */
//% else
#define MAPS_LARGE false
/* A block's, less a header, or a watch and a red zone. */
#define LARGEST ((PAGE_SIZE << MAX_ORDER) - 2 * MAX(KMALLOC_ALIGNMENT, 64ul) - 16)
//% endif

/* Sizes of each tier, and the first and last of each. */
static const size_t sizes[] = {
	1,
	8,
	9,
	64,
	100,
	KMALLOC_SLAB_LIMIT + !KMALLOC_SLAB_LIMIT,
	KMALLOC_SLAB_LIMIT + 1,
	1000,
	MIN(5000ul, LARGEST),
	KMALLOC_HEAP_LIMIT + !KMALLOC_HEAP_LIMIT,
	MIN(KMALLOC_HEAP_LIMIT + 1ul, LARGEST),
	MIN(70000ul, LARGEST),
};

//% if kmalloc.header or derived.watched
#define HAS_HEADER(size) true
//% else
#define HAS_HEADER(size) ((size) > KMALLOC_SLAB_LIMIT)
//% endif

/* Pages that an allocation may take: a slab of its own, or a block. */
static size_t cost_of(size_t size)
{
	return MAX(2 * size, (size_t)(size <= KMALLOC_SLAB_LIMIT ? SLAB_SIZE : PAGE_SIZE));
}

/* Pages of addresses that an allocation may take, with guards. */
static size_t span_of(size_t size)
{
	return MAPS_LARGE && size > LARGE_ABOVE ? size / PAGE_SIZE + 2 + KMALLOC_GUARD_PAGES : 0;
}

KTEST(kmalloc, gives_distinct_writable_memory)
{
	static unsigned char *blocks[64];
	size_t before = settled_free_pages();
	size_t room = before * PAGE_SIZE - MIN(before * PAGE_SIZE / 4, 2ul * KHEAP_CHUNK);
	size_t addresses = paging_stats.arena_pages;
	unsigned count = 0;

	for (; count < ARRAY_SIZE(blocks); count++) {
		size_t cost = cost_of(MIN(count * 300 + 1, LARGEST));
		size_t span = span_of(MIN(count * 300 + 1, LARGEST));

		if (cost > room || span > addresses)
			break;
		room -= cost;
		addresses -= span;
	}
	for (unsigned i = 0; i < count; i++) {
		size_t size = MIN(i * 300 + 1, LARGEST);

		blocks[i] = kmalloc(size);
		KTEST_ASSERT_OR(test, blocks[i], out);
		KTEST_EXPECT(test, IS_ALIGNED((uintptr_t)blocks[i], KMALLOC_ALIGNMENT));
		memset(blocks[i], i + 1, size);
	}
	for (unsigned i = 0; i < count; i++)
		KTEST_EXPECT(test, is_filled(blocks[i], MIN(i * 300 + 1, LARGEST), i + 1));
	KTEST_EXPECT_NULL(test, kmalloc_check());
out:
	for (unsigned i = 0; i < count; i++) {
		kfree(blocks[i]);
		blocks[i] = NULL;
	}
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
	KTEST_EXPECT_NULL(test, kmalloc_check());
}

/* Random sizes of all tiers, live at once, each full of its own byte. */
KTEST(kmalloc, keeps_its_allocations_apart)
{
	static unsigned char *blocks[200];
	static size_t lengths[ARRAY_SIZE(blocks)];
	size_t before = settled_free_pages();
	uint32_t seed = 1;
	bool intact = true;

	for (unsigned step = 0; step < 3000; step++) {
		unsigned i;

		seed = seed * 1664525 + 1013904223; /* Numerical Recipes' generator */
		i = (seed >> 8) % ARRAY_SIZE(blocks);
		if (blocks[i])
			intact &= is_filled(blocks[i], lengths[i], i);
		kfree(blocks[i]);
		lengths[i] = (seed >> 20) >> (seed >> 5) % 10;
		blocks[i] = kmalloc(lengths[i]);
		if (!lengths[i] || !blocks[i])
			blocks[i] = NULL;
		else
			memset(blocks[i], i, lengths[i]);
	}
	KTEST_ALWAYS(test, intact);
	KTEST_EXPECT_NULL(test, kmalloc_check());
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++) {
		kfree(blocks[i]);
		blocks[i] = NULL;
	}
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}

KTEST(kmalloc, writes_the_header)
{
	size_t most = KMALLOC_SLAB_LIMIT; /* a description may have one class, a large one */

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *pointer = kmalloc(sizes[i]);
		const block_header_t *header = (const block_header_t *)pointer - 1;

		KTEST_ASSERT(test, pointer);
		if (HAS_HEADER(sizes[i])) {
			KTEST_EXPECT_EQ(test, header->size, sizes[i]);
			KTEST_EXPECT_EQ(test, header->magic, kmalloc_magic(pointer, sizes[i]));
		}
		KTEST_EXPECT_GE(test, ksize(pointer), sizes[i]);
		KTEST_EXPECT_LE(test, ksize(pointer), MAX(2 * sizes[i], most) + PAGE_SIZE);
		kfree(pointer);
	}
}

KTEST(kmalloc, checks_the_header)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *pointer = kmalloc(sizes[i]);
		block_header_t *header = (block_header_t *)pointer - 1;

		KTEST_ASSERT(test, pointer);
		KTEST_EXPECT_NULL(test, kmalloc_fault(pointer));
		if (!HAS_HEADER(sizes[i])) {
			kfree(pointer);
			continue;
		}
		header->magic ^= 0x10;
		KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer));
		header->magic ^= 0x10;
		header->size += sizes[i] + 4 * PAGE_SIZE;
		KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer));
		header->size -= sizes[i] + 4 * PAGE_SIZE;
		KTEST_EXPECT_NULL(test, kmalloc_fault(pointer));
		kfree(pointer);
	}
}

KTEST(kmalloc, refuses_wrong_frees)
{
	int local = 0;

	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(&local));
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault((void *)0x1000));
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault((void *)-8));
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *pointer = kzalloc(sizes[i]);

		KTEST_ASSERT(test, pointer);
		KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer + 1));
		if (sizes[i] >= 64)
			KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer + 32));
		kfree(pointer);
		KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer)); /* twice */
	}
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
}

/* A freed header must not be believed when its memory comes back for something else. */
KTEST(kmalloc, forgets_freed_headers)
{
	char *small = kmalloc(64);
	char *pointer = kmalloc(MIN(2ul * PAGE_SIZE, LARGEST));
	char *inner = pointer + PAGE_SIZE;
	bool both = small && pointer;

	kfree(small);
	kfree(pointer);
	KTEST_ASSERT(test, both);
	kmalloc_shrink();
	pointer = kmalloc(MIN(PAGE_SIZE - 64ul, LARGEST));
	KTEST_ASSERT(test, pointer);
	/* Believed only where it is the new allocation's: that may lie where another lay. */
	KTEST_EXPECT_EQ(test, !kmalloc_fault(inner), inner == pointer);
	KTEST_EXPECT_EQ(test, !kmalloc_fault(small), small == pointer);
	kfree(pointer);
}

//% if kmalloc.mapping == "vmap" and not derived.watched
#define LARGE (LARGE_ABOVE + 3 * PAGE_SIZE)

KTEST(kmalloc, unmaps_on_free)
{
	char *pointer = kmalloc(LARGE);

	KTEST_ASSERT(test, pointer);
	KTEST_EXPECT_NE(test, slow_virt_to_phys(pointer + LARGE - 1), PHYS_NONE);
	kfree(pointer);
	for (size_t i = 0; i <= LARGE; i += PAGE_SIZE)
		KTEST_EXPECT_EQ(test, slow_virt_to_phys(pointer + i), PHYS_NONE);
}

KTEST(kmalloc, leaves_a_guard_behind)
{
	size_t pages = LARGE_ABOVE / PAGE_SIZE + 2;
	size_t size = pages * PAGE_SIZE - KMALLOC_ALIGNMENT;
	char *pointer = kmalloc(size);
	char *next = kmalloc(size);

	KTEST_ASSERT_OR(test, pointer && next, out);
	KTEST_EXPECT_NE(test, slow_virt_to_phys(pointer + size - 1), PHYS_NONE);
	for (unsigned i = 0; i < KMALLOC_GUARD_PAGES; i++)
		KTEST_EXPECT_EQ(test, slow_virt_to_phys(pointer + size + i * PAGE_SIZE), PHYS_NONE);
out:
	kfree(pointer);
	kfree(next);
}

//% endif
KTEST(kmalloc, clears_and_multiplies)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned char *pointer = kmalloc(sizes[i]);

		KTEST_ASSERT(test, pointer);
		memset(pointer, 0xff, sizes[i]);
		kfree(pointer);
		pointer = kzalloc(sizes[i]); /* most likely the same memory */
		KTEST_ASSERT(test, pointer);
		KTEST_EXPECT(test, is_filled(pointer, sizes[i], 0));
		kfree(pointer);
		pointer = kcalloc(sizes[i], 3);
		if (!pointer && sizes[i] * 3 > LARGEST)
			continue;
		KTEST_ASSERT(test, pointer);
		KTEST_EXPECT(test, is_filled(pointer, sizes[i] * 3, 0));
		kfree(pointer);
	}
}

KTEST(kmalloc, aligns)
{
	static const size_t lengths[] = { 1, 100, 500, 5000, 20000 };

	for (size_t align = 1; align <= 256 * 1024; align *= 2) {
		for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
			unsigned char *pointer = kmalloc_aligned(lengths[i], align);

			if (!pointer) { /* so far apart, small arenas run out; blocks are too small */
				KTEST_EXPECT(test, align >= 2 * PAGE_SIZE ||
							   lengths[i] + 2 * align > LARGEST);
				continue;
			}
			KTEST_EXPECT(test, IS_ALIGNED((uintptr_t)pointer, align));
			memset(pointer, 0x77, lengths[i]);
			KTEST_EXPECT_NULL(test, kmalloc_fault(pointer));
			kfree(pointer);
		}
	}
	KTEST_EXPECT_NULL(test, kmalloc_aligned(100, 0));
	KTEST_EXPECT_NULL(test, kmalloc_aligned(100, 24));
	KTEST_EXPECT_EQ(test, (uintptr_t)kmalloc_aligned(0, 64), (uintptr_t)ZERO_SIZE_PTR);
	KTEST_EXPECT_NULL(test, kmalloc_check());
}

//% if kmalloc.mapping == "direct"
/* After a header that is not at its start, a block keeps what others wrote there. */
KTEST(kmalloc, forgets_what_its_pages_were)
{
	static const struct {
		unsigned order;
		uint32_t magic;
	} once[] = { { SLAB_ORDER, SLAB_MAGIC }, { KHEAP_ORDER, CHUNK_MAGIC } };

	const size_t front = MAX(512ul, 2 * KMALLOC_ALIGNMENT + 16ul); /* header, watch, red zone */

	if (front >= PAGE_SIZE << MAX(SLAB_ORDER, KHEAP_ORDER))
		KTEST_SKIP(test, "what is in front of an object takes a slab, and a chunk");
	for (unsigned i = 0; i < ARRAY_SIZE(once); i++) {
		size_t size = (PAGE_SIZE << once[i].order) - front;
		phys_addr_t block;
		const char *fault;
		char *pointer;

		if (front >= PAGE_SIZE << once[i].order)
			continue;
		block = alloc_pages(ZONE_DIRECT, once[i].order);
		KTEST_ASSERT(test, block);
		*(uint32_t *)phys_to_virt(block) = once[i].magic;
		free_pages(block, once[i].order);
		pointer = kmalloc_aligned(size, 64); /* the same block, if it has one to itself */
		KTEST_ASSERT(test, pointer);
		fault = kmalloc_fault(pointer);
		KTEST_EXPECT_NULL(test, fault);
		if (fault)
			*(uint32_t *)phys_to_virt(block) = 0; /* else kfree() would panic */
		kfree(pointer);
	}
}

//% endif
/* From each size to each: the content up to the smaller size stays. */
KTEST(kmalloc, reallocates)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(sizes); i++) {
		size_t from = sizes[i / ARRAY_SIZE(sizes)];
		size_t to = sizes[i % ARRAY_SIZE(sizes)];
		unsigned char *before = krealloc(NULL, from);
		unsigned char *pointer;

		KTEST_ASSERT(test, before);
		memset(before, 0x42, from);
		pointer = krealloc(before, to);
		if (!pointer) {
			KTEST_ALWAYS(test, is_filled(before, from, 0x42));
			kfree(before);
		}
		KTEST_ASSERT(test, pointer);
		KTEST_EXPECT(test, is_filled(pointer, MIN(from, to), 0x42));
		if (HAS_HEADER(to))
			KTEST_EXPECT_EQ(test, ((block_header_t *)(void *)pointer - 1)->size, to);
		KTEST_EXPECT_NULL(test, krealloc(pointer, (size_t)-1)); /* stays as it was */
		KTEST_EXPECT(test, is_filled(pointer, MIN(from, to), 0x42));
		memset(pointer, 0x24, to);
		KTEST_EXPECT_EQ(test, (uintptr_t)krealloc(pointer, 0), (uintptr_t)ZERO_SIZE_PTR);
	}
	KTEST_EXPECT_NULL(test, kmalloc_check());
}

/* A size that still fits does not move. */
KTEST(kmalloc, grows_in_place)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *pointer = kmalloc(sizes[i]);
		char *grown;

		KTEST_ASSERT(test, pointer);
		if (ksize(pointer) > sizes[i] && sizes[i] != KMALLOC_HEAP_LIMIT) {
			grown = krealloc(pointer, sizes[i] + 1);
			KTEST_EXPECT_EQ(test, (uintptr_t)grown, (uintptr_t)pointer);
			pointer = grown ? grown : pointer;
		}
		kfree(pointer);
	}
}

KTEST_FINAL(end, kmalloc_is_sound)
{
	KTEST_EXPECT_NULL(test, kmalloc_check());
}
