/*
 * kmalloc on the host: the real kmalloc.c, arena.c, page.c and buddy.c, at the
 * kernel's own virtual addresses.
 *
 * Page frames are the pages of a file in memory; map_page() maps one of them where
 * it is asked to. So memory that was freed is really gone, a frame keeps what was
 * written to it when it is mapped elsewhere, and an access beside an allocation
 * faults on the guard page as it would in the kernel.
 *
 * Input: one line, RAM_PAGES ARENA_PAGES ROUNDS.
 */
#include <arch/paging.h>
#include <generated/layout.h>
#include <kernel/panic.h>
#include <mm/early.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

#include "bare.h"
#include "page_map.h"

#define LIVE_MAX 128
#define RAM_FIRST 256 /* page frame: the first MiB is not ours */

static struct live {
	unsigned char *pointer;
	size_t size; /* bytes asked for */
	unsigned char seed; /* of what is in it */
} live[LIVE_MAX];

static size_t live_count, ram_pages, arena_pages;
static int frames;
static phys_addr_t mapped[ARENA_PAGES];

/* --- what kmalloc stands on ------------------------------------------------- */

struct memblock memblock;
struct paging_stats paging_stats;

static void *landing[5]; /* for __builtin_longjmp() */
static bool panic_expected;

void panic(const char *format, ...)
{
	va_list args;
	char text[256];

	if (panic_expected)
		__builtin_longjmp(landing, 1);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	wrong("panic: %s", text);
}

void kgen_stat(unsigned long long value, const char *key, ...)
{
	say("%s %llu\n", key, value);
}

void *early_alloc(size_t size, size_t align)
{
	void *memory = fresh_pages((size + PAGE_SIZE - 1) / PAGE_SIZE);

	if (!IS_ALIGNED((uintptr_t)memory, align))
		wrong("metadata wants %lu", (unsigned long)align);
	return memset(memory, 0xa5, size);
}

static phys_addr_t *entry_of(uintptr_t virt)
{
	size_t page = (virt - ARENA_BASE) / PAGE_SIZE;

	return virt >= ARENA_BASE && page < arena_pages ? &mapped[page] : NULL;
}

int map_page(uintptr_t virt, phys_addr_t phys, unsigned flags)
{
	phys_addr_t *entry = entry_of(virt);

	if (!entry || !IS_ALIGNED(virt | phys, PAGE_SIZE) || flags != MAP_WRITE)
		wrong("map_page(%p, 0x%x, %u)", (void *)virt, phys, flags);
	if (*entry)
		return -EEXIST;
	map_file(frames, phys / PAGE_SIZE, virt);
	*entry = phys;
	return 0;
}

void unmap_pages(uintptr_t virt, size_t pages, void (*release)(phys_addr_t frame))
{
	for (size_t i = 0; i < pages; i++) {
		phys_addr_t *entry = entry_of(virt + i * PAGE_SIZE);
		phys_addr_t frame = entry ? *entry : PHYS_NONE;

		if (!frame)
			wrong("page %lu of %p is not mapped", (unsigned long)i, (void *)virt);
		unmap(virt + i * PAGE_SIZE);
		*entry = PHYS_NONE;
		release(frame);
	}
}

phys_addr_t virt_to_phys(const volatile void *virt)
{
	phys_addr_t *entry = entry_of((uintptr_t)virt);

	return entry && *entry ? *entry + (uintptr_t)virt % PAGE_SIZE : PHYS_NONE;
}

/* --- looking at it ---------------------------------------------------------- */

static void check(const char *after)
{
	const char *fault = kmalloc_check();

	if (fault)
		wrong("after %s: %s", after, fault);
	if (pages_check())
		wrong("after %s: %s", after, buddy_strerror(pages_check()));
}

static unsigned char content(const struct live *block, size_t i)
{
	return (unsigned char)(block->seed + i + (i >> 8));
}

static void fill(struct live *block)
{
	block->seed = (unsigned char)draw(256);
	for (size_t i = 0; i < block->size; i++)
		block->pointer[i] = content(block, i);
}

static void verify(const struct live *block, const unsigned char *pointer, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (pointer[i] != content(block, i))
			wrong("byte %lu of %lu has changed", (unsigned long)i,
			      (unsigned long)block->size);
	}
}

/* What every result must be; all that ksize() promises is written to. */
static void admit(void *pointer, size_t size, size_t align)
{
	struct live *block = &live[live_count++];
	size_t room = ksize(pointer);

	*block = (struct live){ pointer, size, 0 };
	if (!IS_ALIGNED((uintptr_t)pointer, align))
		wrong("%p is not aligned to %lu", pointer, (unsigned long)align);
	if (room < size)
		wrong("ksize %lu of %lu bytes", (unsigned long)room, (unsigned long)size);
	memset(pointer, 0x77, room);
	if (virt_to_phys(block->pointer + room))
		wrong("no guard page behind %p", pointer);
	fill(block);
}

static void drop(size_t index)
{
	live[index] = live[--live_count];
}

/* --- operations ------------------------------------------------------------- */

static size_t some_size(void)
{
	switch (draw(8)) {
	case 0:
		return PAGE_SIZE - sizeof(block_header_t) - 4 + draw(9);
	case 1:
		return (1 + draw(8)) * PAGE_SIZE - 12 + draw(24);
	case 2:
		return 1 + draw(300000);
	case 3:
		return draw(64) ? 0 : 0xffffffff - draw(8192); /* nothing, or far too much */
	default:
		return 1 + draw(600);
	}
}

/* NULL is right only if frames or addresses are short. */
static void judge_failure(size_t size, size_t align)
{
	size_t pages = size / PAGE_SIZE + 2;

	if (kmalloc_stats.live_pages + 2 * pages + align / PAGE_SIZE < arena_pages / 8 &&
	    pages < free_page_count())
		wrong("no %lu bytes though memory is nearly empty", (unsigned long)size);
}

static void try_alloc(void)
{
	size_t size = some_size();
	size_t align = draw(4) ? KMALLOC_ALIGNMENT : 1u << draw(18);
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
		judge_failure(size, align);
		return;
	}
	for (size_t i = 0; how == 1 && i < size; i++) {
		if (pointer[i])
			wrong("kzalloc: byte %lu is not 0", (unsigned long)i);
	}
	admit(pointer, size, MAX(align, (size_t)KMALLOC_ALIGNMENT));
}

static void try_free(void)
{
	size_t index = draw(live_count);

	verify(&live[index], live[index].pointer, live[index].size);
	kfree(live[index].pointer);
	drop(index);
}

static void try_realloc(void)
{
	size_t index = draw(live_count);
	struct live block = live[index];
	size_t size = some_size();
	unsigned char *moved = krealloc(block.pointer, size);

	if (!moved) {
		judge_failure(size, KMALLOC_ALIGNMENT);
		verify(&block, block.pointer, block.size);
		return;
	}
	drop(index);
	if (!size)
		return;
	verify(&block, moved, MIN(size, block.size));
	admit(moved, size, KMALLOC_ALIGNMENT);
}

static bool panics(void *pointer)
{
	bool panicked = true;

	panic_expected = true;
	if (!__builtin_setjmp(landing)) {
		kfree(pointer);
		panicked = false;
	}
	panic_expected = false;
	return panicked;
}

/* Whatever is not an allocation is refused, and nothing is changed. */
static void try_wrong_frees(void)
{
	struct kmalloc_stats before = kmalloc_stats;
	size_t index = draw(live_count);
	unsigned char *pointer = live[index].pointer;
	block_header_t *header = (block_header_t *)pointer - 1;
	block_header_t saved = *header;
	void *const others[] = {
		pointer + 1,
		pointer + 8,
		pointer + 4,
		pointer + ksize(pointer),
		pointer + ksize(pointer) + 16,
		&before,
		(void *)8,
		(void *)ARENA_BASE,
		(void *)(ARENA_BASE + arena_pages * PAGE_SIZE),
		(void *)(ARENA_BASE + arena_pages * PAGE_SIZE + 64),
		(void *)0xfffffff8,
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!panics(others[i]))
			wrong("kfree(%p) of case %lu is accepted", others[i], (unsigned long)i);
	}
	header->magic ^= 1u << draw(32);
	if (!panics(pointer))
		wrong("kfree accepts a wrong magic");
	*header = saved;
	header->size = saved.size + PAGE_SIZE;
	if (!panics(pointer))
		wrong("kfree accepts a size that is a page too large");
	header->size = saved.size - PAGE_SIZE;
	if (saved.size > PAGE_SIZE && !panics(pointer))
		wrong("kfree accepts a size that is a page too small");
	header->size = 0xffffffff - draw(64);
	if (!panics(pointer))
		wrong("kfree accepts a size that wraps");
	*header = saved;
	verify(&live[index], pointer, live[index].size);
	if (memcmp(&before, &kmalloc_stats, sizeof(before)))
		wrong("a refused kfree has counted");
	kfree(pointer);
	drop(index);
	if (!panics(pointer))
		wrong("a double kfree is accepted");
}

static void operate(unsigned round)
{
	/* Tides: for a while more is allocated than freed, then the other way round. */
	unsigned share = round / 200 % 2 ? 12 : 5;
	unsigned what = draw(16);

	if (what < share && live_count < LIVE_MAX)
		try_alloc();
	else if (live_count && what == 15)
		try_wrong_frees();
	else if (live_count && what == 14)
		try_realloc();
	else if (live_count)
		try_free();
}

/* What needs no state to be tried. */
static void try_corners(void)
{
	unsigned long failures = kmalloc_stats.failures;

	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
	if (kmalloc(0) != ZERO_SIZE_PTR || kzalloc(0) != ZERO_SIZE_PTR ||
	    kcalloc(0, 8) != ZERO_SIZE_PTR || krealloc(NULL, 0) != ZERO_SIZE_PTR)
		wrong("no bytes, but not ZERO_SIZE_PTR");
	if (ksize(NULL) || ksize(ZERO_SIZE_PTR))
		wrong("ksize of nothing");
	if (kcalloc(0x10000, 0x10001) || kcalloc(0xffffffff, 0xffffffff))
		wrong("kcalloc overflows");
	if (kmalloc_aligned(8, 3) || kmalloc_aligned(8, 0) || kmalloc_aligned(8, 24))
		wrong("kmalloc_aligned accepts an alignment that is none");
	if (kmalloc(0xffffffff) || kmalloc(0xfffff000) || kmalloc(0x80000000) ||
	    kmalloc_aligned(64, 0x80000000))
		wrong("kmalloc gives more than there is");
	if (kmalloc_stats.failures != failures + 9)
		wrong("%lu failures counted, not 9", kmalloc_stats.failures - failures);
	check("corners");
}

/* The most that addresses and frames have room for can be had at once. */
static void try_largest(void)
{
	size_t pages = MIN(arena_pages - KMALLOC_GUARD_PAGES, free_page_count());
	size_t size = pages * PAGE_SIZE - ALIGN_UP(sizeof(block_header_t), KMALLOC_ALIGNMENT);
	unsigned char *pointer = kmalloc(size);

	if (!pointer)
		wrong("not %lu bytes at once", (unsigned long)size);
	pointer[0] = pointer[size - 1] = 1;
	if (kmalloc(size))
		wrong("the same twice");
	kfree(pointer);
	check("the largest");
	if (kmalloc(size + PAGE_SIZE))
		wrong("more than there is");
	check("more than the largest");
}

/* --- beginning and end ------------------------------------------------------- */

static size_t number(char **at)
{
	size_t value = 0;

	for (; **at >= '0' && **at <= '9'; ++*at)
		value = value * 10 + (**at - '0');
	*at += **at == ' ';
	return value;
}

static void begin(void)
{
	frames = memory_file(ram_pages);
	paging_stats.arena_pages = arena_pages;
	memblock_init(&memblock);
	memblock_add(&memblock, RAM_FIRST * PAGE_SIZE, ram_pages * PAGE_SIZE);
	zones_reserve(ram_pages * PAGE_SIZE);
	zones_init();
	kmalloc_init();
	if (free_page_count() != ram_pages - RAM_FIRST)
		wrong("%lu pages handed over", (unsigned long)free_page_count());
	check("init");
}

int run(void)
{
	static struct free_profile initial, final;
	char *line = next_line();
	size_t rounds;

	ram_pages = number(&line);
	arena_pages = number(&line);
	rounds = number(&line);
	begin();
	free_profile_read(&initial);
	try_corners();
	try_largest();
	for (unsigned round = 0; round < rounds; round++) {
		operate(round);
		check("a round");
	}
	while (live_count)
		try_free();
	check("all is freed");
	free_profile_read(&final);
	if (memcmp(&initial, &final, sizeof(initial)) || kmalloc_stats.live_pages)
		wrong("not all came back");
	try_largest();
	say("allocs %lu failures %lu peak %lu\n", kmalloc_stats.allocs, kmalloc_stats.failures,
	    (unsigned long)kmalloc_stats.peak_pages);
	return 0;
}
