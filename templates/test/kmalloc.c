/* Tests of kmalloc, on the machine's own memory. */
#include <arch/mmu.h>
#include <arch/paging.h>
#include <arch/tlb.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

static bool is_filled(const unsigned char *bytes, size_t size, unsigned char value)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != value)
			return false;
	}
	return true;
}

KTEST(kmalloc, gives_distinct_writable_memory)
{
	static unsigned char *blocks[32];
	size_t before = free_page_count();

	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++) {
		blocks[i] = kmalloc(i * 300 + 1);
		KTEST_ASSERT(test, blocks[i]);
		KTEST_EXPECT(test, IS_ALIGNED((uintptr_t)blocks[i], KMALLOC_ALIGNMENT));
		memset(blocks[i], i + 1, i * 300 + 1);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		KTEST_EXPECT(test, is_filled(blocks[i], i * 300 + 1, i + 1));
	KTEST_EXPECT_NULL(test, kmalloc_check());
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		kfree(blocks[i]);
	KTEST_EXPECT_EQ(test, free_page_count(), before);
	KTEST_EXPECT_NULL(test, kmalloc_check());
}

KTEST(kmalloc, writes_the_header)
{
	char *pointer = kmalloc(1234);
	const block_header_t *header = (const block_header_t *)pointer - 1;

	KTEST_ASSERT(test, pointer);
	KTEST_EXPECT_EQ(test, header->size, 1234);
	KTEST_EXPECT_EQ(test, header->magic, KMALLOC_MAGIC);
	KTEST_EXPECT_EQ(test, ksize(pointer), PAGE_SIZE - sizeof(*header));
	kfree(pointer);
}

KTEST(kmalloc, checks_the_header)
{
	char *pointer = kmalloc(100);
	block_header_t *header = (block_header_t *)pointer - 1;

	KTEST_ASSERT(test, pointer);
	KTEST_EXPECT_NULL(test, kmalloc_fault(pointer));
	header->magic ^= 0x10;
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer));
	header->magic ^= 0x10;
	header->size += PAGE_SIZE;
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer));
	header->size -= PAGE_SIZE;
	KTEST_EXPECT_NULL(test, kmalloc_fault(pointer));
	kfree(pointer);

	pointer = kmalloc(2 * PAGE_SIZE); /* smaller than its pages are */
	KTEST_ASSERT(test, pointer);
	header = (block_header_t *)pointer - 1;
	header->size = 100;
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer));
	header->size = 2 * PAGE_SIZE;
	kfree(pointer);
}

KTEST(kmalloc, refuses_wrong_frees)
{
	char *pointer = kmalloc(100);
	int local = 0;

	KTEST_ASSERT(test, pointer);
	memset(pointer, 0, 100);
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer + 64));
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer + 1));
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(&local));
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault((void *)0x1000));
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault((void *)-8));
	kfree(pointer);
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(pointer)); /* twice */
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
}

/* A freed header must not be believed when its frame comes back for something else. */
KTEST(kmalloc, forgets_freed_headers)
{
	char *old = kmalloc(100);
	char *pointer;
	phys_addr_t frame;

	KTEST_ASSERT(test, old);
	frame = virt_to_phys(old) & PAGE_MASK;
	kfree(old);
	pointer = kmalloc_aligned(100, 1024); /* its header is elsewhere in the page */
	KTEST_ASSERT(test, pointer);
	KTEST_EXPECT_EQ(test, virt_to_phys(pointer) & PAGE_MASK, frame);
	old = (char *)ALIGN_DOWN((uintptr_t)pointer, PAGE_SIZE) + sizeof(block_header_t);
	KTEST_EXPECT_NOT_NULL(test, kmalloc_fault(old));
	kfree(pointer);
}

KTEST(kmalloc, unmaps_on_free)
{
	char *pointer = kmalloc(3 * PAGE_SIZE);

	KTEST_ASSERT(test, pointer);
	KTEST_EXPECT_NE(test, virt_to_phys(pointer + 2 * PAGE_SIZE), PHYS_NONE);
	kfree(pointer);
	for (unsigned i = 0; i <= 3; i++)
		KTEST_EXPECT_EQ(test, virt_to_phys(pointer + i * PAGE_SIZE), PHYS_NONE);
}

KTEST(kmalloc, leaves_a_guard_behind)
{
	char *first = kmalloc(PAGE_SIZE - 8);
	char *second = kmalloc(PAGE_SIZE - 8);

	KTEST_ASSERT(test, first && second);
	KTEST_EXPECT_NE(test, virt_to_phys(first + PAGE_SIZE - 9), PHYS_NONE);
	KTEST_EXPECT_EQ(test, virt_to_phys(first + PAGE_SIZE - 8), PHYS_NONE);
	KTEST_EXPECT_EQ(test, second - first, PAGE_SIZE * (1 + KMALLOC_GUARD_PAGES));
	kfree(second);
	kfree(first);
}

KTEST(kmalloc, clears_and_multiplies)
{
	unsigned char *pointer = kmalloc(PAGE_SIZE);

	KTEST_ASSERT(test, pointer);
	memset(pointer, 0xff, PAGE_SIZE);
	kfree(pointer);
	pointer = kzalloc(PAGE_SIZE); /* most likely the same frames */
	KTEST_ASSERT(test, pointer);
	KTEST_EXPECT(test, is_filled(pointer, PAGE_SIZE, 0));
	kfree(pointer);
	pointer = kcalloc(100, 10);
	KTEST_ASSERT(test, pointer);
	KTEST_EXPECT(test, is_filled(pointer, 1000, 0));
	kfree(pointer);
}

KTEST(kmalloc, aligns)
{
	for (size_t align = 1; align <= 256 * 1024; align *= 2) {
		unsigned char *pointer = kmalloc_aligned(5000, align);

		if (!pointer) { /* so far apart, small arenas run out */
			KTEST_EXPECT_GE(test, align, 64 * 1024);
			break;
		}
		KTEST_EXPECT(test, IS_ALIGNED((uintptr_t)pointer, align));
		memset(pointer, 0x77, 5000);
		KTEST_EXPECT_NULL(test, kmalloc_fault(pointer));
		kfree(pointer);
	}
	KTEST_EXPECT_NULL(test, kmalloc_aligned(100, 0));
	KTEST_EXPECT_NULL(test, kmalloc_aligned(100, 24));
	KTEST_EXPECT_NULL(test, kmalloc_check());
}

KTEST(kmalloc, reallocates)
{
	unsigned char *pointer = krealloc(NULL, 100);
	unsigned char *grown;

	KTEST_ASSERT(test, pointer);
	memset(pointer, 0x42, 100);
	grown = krealloc(pointer, 200);
	KTEST_EXPECT_EQ(test, (uintptr_t)grown, (uintptr_t)pointer); /* the page has room */
	grown = krealloc(grown, 20000);
	KTEST_ASSERT(test, grown);
	KTEST_EXPECT(test, is_filled(grown, 100, 0x42));
	grown = krealloc(grown, 50);
	KTEST_ASSERT(test, grown);
	KTEST_EXPECT(test, is_filled(grown, 50, 0x42));
	KTEST_EXPECT_NULL(test, krealloc(grown, (size_t)-1)); /* stays as it was */
	KTEST_EXPECT(test, is_filled(grown, 50, 0x42));
	KTEST_EXPECT_EQ(test, (uintptr_t)krealloc(grown, 0), (uintptr_t)ZERO_SIZE_PTR);
}

KTEST(kmalloc, exhaustion_gives_null)
{
	unsigned long failures = kmalloc_stats.failures;
	size_t before = free_page_count();

	KTEST_EXPECT_NULL(test, kmalloc((size_t)-1));
	KTEST_EXPECT_NULL(test, kmalloc((size_t)-PAGE_SIZE));
	KTEST_EXPECT_NULL(test, kmalloc(ARENA_SIZE));
	KTEST_EXPECT_NULL(test, kcalloc(0x10000, 0x10001));
	KTEST_EXPECT_NULL(test, kmalloc((free_page_count() + 1) * PAGE_SIZE));
	KTEST_EXPECT_EQ(test, kmalloc_stats.failures, failures + 5);
	KTEST_EXPECT_EQ(test, (uintptr_t)kmalloc(0), (uintptr_t)ZERO_SIZE_PTR);
	KTEST_EXPECT_EQ(test, free_page_count(), before);
}

/* The largest allocation that arena and memory have room for. */
KTEST(kmalloc, fills_the_arena)
{
	size_t pages = MIN(free_page_count(), paging_stats.arena_pages - KMALLOC_GUARD_PAGES);
	size_t size = pages * PAGE_SIZE - sizeof(block_header_t);
	size_t before = free_page_count();
	char *pointer = kmalloc(size);

	KTEST_ASSERT(test, pointer);
	pointer[0] = 1;
	pointer[size - 1] = 2;
	KTEST_EXPECT_EQ(test, free_page_count(), before - pages);
	KTEST_EXPECT_NULL(test, kmalloc(size + 1));
	kfree(pointer);
	KTEST_EXPECT_EQ(test, free_page_count(), before);
}

/*
 * Until nothing is left, then all back: no page is lost on the way. Memory runs out
 * where there is little of it, addresses elsewhere: 4 MiB apart, few fit.
 */
KTEST(kmalloc, survives_running_out)
{
	static void *blocks[MAX(ARENA_SIZE / TABLE_SPAN, 7)];
	size_t before = free_page_count();
	bool small = before < 8192; /* 32 MiB */
	size_t size = small ? before / 7 * PAGE_SIZE : 1;
	unsigned most = small ? 7 : ARENA_SIZE / TABLE_SPAN;
	unsigned count = 0;

	while (count < most && (blocks[count] = kmalloc_aligned(size, small ? 8 : TABLE_SPAN)))
		count++;
	KTEST_EXPECT_GE(test, count, most - 2);
	KTEST_EXPECT_NULL(test, kmalloc_aligned(size, small ? 8 : TABLE_SPAN));
	for (unsigned i = 0; i < count; i++)
		kfree(blocks[i]);
	KTEST_EXPECT_EQ(test, free_page_count(), before);
	KTEST_EXPECT_NULL(test, kmalloc_check());
}

/* A free flushes once, however many pages it unmaps. */
KTEST(kmalloc, gathers_flushes)
{
	struct tlb_stats stats;
	void *pointer = kmalloc(64 * PAGE_SIZE);

	KTEST_ASSERT(test, pointer);
	stats = tlb_stats;
	kfree(pointer);
	KTEST_EXPECT_EQ(test, tlb_stats.flush_all, stats.flush_all + 1);
	KTEST_EXPECT_EQ(test, tlb_stats.flush_page, stats.flush_page);
}

KTEST_FINAL(end, kmalloc_is_sound)
{
	KTEST_EXPECT_NULL(test, kmalloc_check());
}
