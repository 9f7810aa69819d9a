/* Tests of the heap, on the machine's own memory. */
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/kblock.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/large.h>
#include <mm/page.h>

#define SIZE (KHEAP_CHUNK / 16) /* a few such fit into a chunk */

static size_t settled_free_pages(void)
{
	kmalloc_shrink();
	return free_page_count();
}

/* From the heap itself, or NULL: not pages, which take its place if it has no chunk. */
static void *heap_alloc(size_t size)
{
	void *pointer = kheap_alloc(size);

	if (!pointer || kblock_is(pointer, KHEAP_ORDER))
		return pointer;
	large_free(pointer);
	return NULL;
}

static void heap_free(void *pointer)
{
	if (pointer)
		kheap_free(pointer);
}

/* Fill `blocks`; false if one is missing. */
static bool allocate_each(void *blocks[], unsigned count)
{
	bool all = true;

	for (unsigned i = 0; i < count; i++)
		all &= !!(blocks[i] = heap_alloc(SIZE));
	return all;
}

static void free_each(void *blocks[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		heap_free(blocks[i]);
}

/* The next block, if this one has so many bytes. */
static struct kheap_block *block_past(void *pointer, size_t size)
{
	size_t length = ALIGN_UP(size + 12, KHEAP_GRANULE);

	return (struct kheap_block *)((char *)kheap_block_of(pointer) + length);
}

KTEST(kheap, merges_what_is_freed)
{
	static const uint8_t orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 0, 2, 1 }, { 1, 0, 2 } };
	size_t before = settled_free_pages();
	size_t chunks = kheap.chunk_count;

	for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
		void *blocks[3];

		KTEST_EXPECT(test, allocate_each(blocks, 3));
		for (unsigned j = 0; j < 3; j++) {
			heap_free(blocks[orders[i][j]]);
			KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
		}
	}
	kheap_shrink();
	KTEST_EXPECT_EQ(test, kheap.chunk_count, chunks);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}

/* The smallest free block that is large enough serves, wherever it is. */
KTEST(kheap, fits_best)
{
	static const uint16_t sizes[] = { 450, 350, 400 }; /* all fit into one page */
	void *holes[ARRAY_SIZE(sizes)];
	void *walls[ARRAY_SIZE(sizes)];
	void *pointer;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		KTEST_EXPECT(test, holes[i] = heap_alloc(sizes[i]));
		KTEST_EXPECT(test, walls[i] = heap_alloc(300));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		heap_free(holes[i]);
	pointer = heap_alloc(390);
	KTEST_EXPECT_EQ(test, (uintptr_t)pointer, (uintptr_t)holes[2]);
	heap_free(pointer);
	pointer = heap_alloc(345);
	KTEST_EXPECT_EQ(test, (uintptr_t)pointer, (uintptr_t)holes[1]);
	heap_free(pointer);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		heap_free(walls[i]);
	KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
}

/* One chunk is enough for what fills it: its list must be found. */
KTEST(kheap, holds_the_largest)
{
	size_t before = settled_free_pages();
	size_t chunks = kheap.chunk_count;
	void *pointer = heap_alloc(KHEAP_MAX);

	KTEST_ASSERT(test, pointer);
	KTEST_EXPECT_EQ(test, kheap.chunk_count, chunks + 1);
	KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
	heap_free(pointer);
	KTEST_EXPECT_EQ(test, settled_free_pages(), before);
}

KTEST(kheap, keeps_one_empty_chunk)
{
	void *blocks[40];
	size_t chunks;

	kheap_shrink();
	chunks = kheap.chunk_count;
	KTEST_EXPECT(test, allocate_each(blocks, ARRAY_SIZE(blocks)));
	KTEST_EXPECT_GE(test, kheap.chunk_count, chunks + 2);
	free_each(blocks, ARRAY_SIZE(blocks));
	KTEST_EXPECT_LE(test, kheap.chunk_count, chunks + 1);
	kheap_shrink();
	KTEST_EXPECT_EQ(test, kheap.chunk_count, chunks);
}

KTEST(kheap, resizes_in_place)
{
	char *pointer;
	char *wall;

	kheap_shrink();
	pointer = heap_alloc(SIZE);
	KTEST_ASSERT(test, pointer);
	memset(pointer, 0x42, SIZE);
	KTEST_EXPECT(test, kheap_resize(pointer, 2 * SIZE)); /* nothing follows */
	KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
	KTEST_EXPECT(test, kheap_resize(pointer, SIZE / 2));
	KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
	wall = heap_alloc(SIZE / 2);
	KTEST_ASSERT_OR(test, wall, out);
	KTEST_EXPECT(test, !kheap_resize(pointer, KHEAP_MAX));
	KTEST_EXPECT_EQ(test, pointer[SIZE / 2 - 1], 0x42);
	KTEST_EXPECT_EQ(test, kheap_fault(pointer), KHEAP_OK);
out:
	heap_free(wall);
	heap_free(pointer);
}

/* A word written before the next block does not make it free. */
KTEST(kheap, grows_into_what_is_free_alone)
{
	char *pointer = heap_alloc(1000);
	char *wall = heap_alloc(1000);
	struct kheap_block *block;
	struct kheap_block saved;

	KTEST_ASSERT_OR(test, pointer && wall, out);
	block = block_past(pointer, 1000);
	if (block != kheap_block_of(wall))
		goto out;
	saved = *block;
	memset(wall, 0, 1000);
	block->tag = KHEAP_FREE | 2;
	block->next = NULL; /* so that taking it would break nothing else */
	block->link = &block->next;
	KTEST_EXPECT(test, !kheap_resize(pointer, 1000 + 2 * KHEAP_GRANULE));
	*block = saved;
	KTEST_EXPECT_EQ(test, kheap_fault(pointer), KHEAP_OK);
	KTEST_EXPECT_EQ(test, kheap_fault(wall), KHEAP_OK);
out:
	heap_free(wall);
	heap_free(pointer);
	KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
}

KTEST(kheap, aligns)
{
	for (size_t align = 1; align <= KHEAP_CHUNK / 4; align *= 2) {
		void *pointer = kheap_alloc_aligned(1000, align);

		KTEST_ASSERT(test, pointer);
		KTEST_EXPECT(test, IS_ALIGNED((uintptr_t)pointer, align));
		KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
		heap_free(pointer);
		KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
	}
}

/* One word at a time is overwritten, and each is noticed by its own code. */
KTEST(kheap, refuses_what_was_overwritten)
{
	char *first = heap_alloc(1000);
	char *second = heap_alloc(1000);
	char *third = heap_alloc(1000);
	const char *freed;
	uint32_t *tail;
	uint32_t saved;

	KTEST_ASSERT_OR(test, first && second && third, out);
	KTEST_EXPECT_EQ(test, kheap_fault(second), KHEAP_OK);
	KTEST_EXPECT_EQ(test, kheap_fault(second + 8), KHEAP_ERR_NOT_HEAP);
	KTEST_EXPECT_NE(test, kheap_fault(second + 16), KHEAP_OK);
	tail = (uint32_t *)block_past(second, 1000) - 1;
	saved = *tail;
	*(char *)tail = 0; /* one byte too far */
	KTEST_EXPECT_EQ(test, kheap_fault(second), KHEAP_ERR_TAIL);
	*tail = saved;
	kheap_block_of(second)->magic ^= 1;
	KTEST_EXPECT_EQ(test, kheap_fault(second), KHEAP_ERR_MAGIC);
	kheap_block_of(second)->magic ^= 1;
	kheap_block_of(second)->size = 0;
	kheap_block_of(second)->magic = kmalloc_magic(second, 0);
	KTEST_EXPECT_EQ(test, kheap_fault(second), KHEAP_ERR_SIZE);
	kheap_block_of(second)->size = 1000;
	kheap_block_of(second)->magic = kmalloc_magic(second, 1000);
	heap_free(first);
	freed = first;
	first = NULL;
	saved = ((uint32_t *)kheap_block_of(second))[-1];
	((uint32_t *)kheap_block_of(second))[-1] = saved + 1;
	KTEST_EXPECT_EQ(test, kheap_fault(second), KHEAP_ERR_NEIGHBOUR);
	((uint32_t *)kheap_block_of(second))[-1] = saved;
	KTEST_EXPECT_EQ(test, kheap_fault(freed), KHEAP_ERR_DOUBLE);
	heap_free(second);
	freed = second;
	second = NULL;
	KTEST_EXPECT_NE(test, kheap_fault(freed), KHEAP_OK); /* inside the merged one */
out:
	heap_free(first);
	heap_free(second);
	heap_free(third);
	KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
}

/* kheap_check() detects the damage of a write to free memory. */
KTEST(kheap, notices_overwritten_free_blocks)
{
	char *wall = heap_alloc(1000);
	char *pointer = heap_alloc(1000);
	char *other = heap_alloc(1000);
	struct kheap_block *block;
	struct kheap_block saved;

	heap_free(pointer);
	KTEST_ASSERT_OR(test, wall && pointer && other, out);
	block = kheap_block_of(pointer);
	saved = *block;
	block->tag = KHEAP_FREE | 1;
	KTEST_EXPECT_NE(test, kheap_check(), KHEAP_OK);
	*block = saved;
	block->link = (struct kheap_block **)(void *)&saved;
	KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_BAD_LIST);
	*block = saved;
	KTEST_EXPECT_EQ(test, kheap_check(), KHEAP_OK);
out:
	heap_free(other);
	heap_free(wall);
}
