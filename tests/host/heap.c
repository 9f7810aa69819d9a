/*
 * A walk through kmalloc, vmalloc and caches, all of them real, on the machine of
 * machine.h: random calls, and what came of them compared with what was promised.
 *
 * Input: one line, RAM_PAGES ARENA_PAGES ROUNDS.
 */
#include <arch/mmu.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
#include <mm/large.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/tiers.h>
#include <mm/vmalloc.h>

#include "bare.h"
#include "heap_model.h"
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

/* kmalloc() gives up only when nobody can return a page any more. */
static void judge_kmalloc_failure(size_t size, size_t align)
{
	size_t kept = kmalloc_shrink();

	if (kept)
		wrong("no %lu bytes though %lu blocks were not in use", (unsigned long)size,
		      (unsigned long)kept);
	judge_failure(size, align);
}

/* --- operations ------------------------------------------------------------------ */

static void try_alloc(void)
{
	size_t size = some_size();
	size_t align = draw(6) ? KMALLOC_ALIGNMENT : 1u << draw(18);
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

/* --- wrong frees ------------------------------------------------------------------- */

static void expect_refusal(void *pointer, const char *what)
{
	if (!kmalloc_fault(pointer))
		wrong("kmalloc_fault(%p) finds nothing: %s", pointer, what);
	if (!machine_stops(kfree, pointer))
		wrong("kfree(%p) is accepted: %s", pointer, what);
}

/* What is no start of an allocation. */
static void try_wrong_pointers(unsigned char *pointer, size_t room)
{
	void *const others[] = {
		pointer + 1,
		pointer + 4,
		pointer + 8,
		pointer + room / 2,
		pointer + ALIGN_UP(room, 8),
		&pointer,
		(void *)8,
		(void *)ARENA_BASE,
		(void *)(ARENA_BASE + model.arena_pages * PAGE_SIZE),
		(void *)(ARENA_BASE + model.arena_pages * PAGE_SIZE + 64),
		(void *)0xfffffff8,
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (tier_of(pointer) == TIER_SLAB && i == 4)
			continue; /* the next slot's header: part of an allocation, too */
		expect_refusal(others[i], "not the start of an allocation");
	}
}

/* Headers that were overwritten. */
static void try_wrong_headers(unsigned char *pointer, size_t room)
{
	block_header_t *header = header_of(pointer);
	block_header_t saved = *header;

	header->magic ^= 1u << draw(32);
	expect_refusal(pointer, "magic");
	*header = saved;
	header->size = 0xffffffff - draw(64);
	expect_refusal(pointer, "a size that wraps");
	header->size = MAX(saved.size + PAGE_SIZE, KMALLOC_SLAB_LIMIT + 1ul);
	expect_refusal(pointer, "a size that is a page too large");
	header->size = saved.size - PAGE_SIZE;
	if (saved.size > PAGE_SIZE + KMALLOC_SLAB_LIMIT)
		expect_refusal(pointer, "a size that is a page too small");
	header->size = room + 1;
	if (!kmalloc_fault(pointer))
		wrong("a size of %lu with room for %lu", (unsigned long)room + 1,
		      (unsigned long)room);
	*header = saved;
	if (tier_of(pointer) == TIER_HEAP) {
		uint32_t *tail = (uint32_t *)(pointer + room);

		*tail ^= 1u << draw(32);
		expect_refusal(pointer, "written past the end");
		if (!kmalloc_check())
			wrong("kmalloc_check() does not see what was written past the end");
		*tail ^= *tail ^ (KHEAP_LIVE | (room + 12) / KHEAP_GRANULE);
	}
}

/* A header that is right but for its place: inside an allocation. */
static void try_forged_header(unsigned char *pointer)
{
	block_header_t *header = header_of(pointer);
	block_header_t *forged = header_of(pointer + PAGE_SIZE);
	block_header_t saved;

	if (header->size < 2 * PAGE_SIZE)
		return;
	saved = *forged;
	*forged = *header;
	expect_refusal(pointer + PAGE_SIZE, "inside an allocation");
	*forged = saved;
}

static void free_to_first(void *object)
{
	kmem_cache_free(model.caches[0], object);
}

static void try_wrong_objects(const struct live *block)
{
	if (!machine_stops(free_to_first, block->pointer + (block->owner == OWNER_CACHE)))
		wrong("kmem_cache_free(%p) takes what is not one of its own", block->pointer);
	expect_refusal(block->pointer, "somebody else's");
}

static void try_wrong_allocation(unsigned char *pointer)
{
	void *page = (void *)ALIGN_DOWN((uintptr_t)pointer - sizeof(block_header_t), PAGE_SIZE);

	try_wrong_pointers(pointer, ksize(pointer));
	try_wrong_headers(pointer, ksize(pointer));
	try_forged_header(pointer);
	if (!machine_stops(vfree, page) || !machine_stops(free_to_first, pointer))
		wrong("%p is kmalloc's, but others free it", pointer);
}

/* Whatever is not an allocation is refused, and nothing is changed. */
static void try_wrong_frees(void)
{
	size_t index = draw(model.count);
	struct live *block = &model.live[index];
	unsigned char *pointer = block->pointer;
	struct kmalloc_stats before;
	struct kmalloc_stats after;

	kmalloc_stats_read(&before);
	if (block->owner == OWNER_KMALLOC)
		try_wrong_allocation(pointer);
	else
		try_wrong_objects(block);
	verify(block, pointer, block->size);
	kmalloc_stats_read(&after);
	if (memcmp(&before, &after, sizeof(before)))
		wrong("a refused kfree has counted");
	check("wrong frees");
	give_back_to_owner(block);
	if (!machine_stops(free_again, block))
		wrong("%p is freed twice", pointer);
	drop(index);
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

/* What needs no state to be tried. */
static void try_corners(void)
{
	struct kmalloc_stats before;
	struct kmalloc_stats after;

	kmalloc_stats_read(&before);
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
	vfree(NULL);
	if (kmalloc(0) != ZERO_SIZE_PTR || kzalloc(0) != ZERO_SIZE_PTR ||
	    kcalloc(0, 8) != ZERO_SIZE_PTR || krealloc(NULL, 0) != ZERO_SIZE_PTR)
		wrong("no bytes, but not ZERO_SIZE_PTR");
	if (ksize(NULL) || ksize(ZERO_SIZE_PTR) || vmalloc(0) || vmalloc(0xffffffff))
		wrong("something for nothing");
	if (kcalloc(0x10000, 0x10001) || kcalloc(0xffffffff, 0xffffffff))
		wrong("kcalloc overflows");
	if (kmalloc_aligned(8, 3) || kmalloc_aligned(8, 0) || kmalloc_aligned(8, 24))
		wrong("kmalloc_aligned accepts an alignment that is none");
	if (kmalloc(0xffffffff) || kmalloc(0xfffff000) || kmalloc(0x80000000) ||
	    kmalloc_aligned(64, 0x80000000))
		wrong("kmalloc gives more than there is");
	kmalloc_stats_read(&after);
	if (after.failures != before.failures + 9)
		wrong("%lu failures counted, not 9", after.failures - before.failures);
	check("corners");
}

/* A view of a device, right behind RAM. */
static void try_device(void)
{
	phys_addr_t phys = model.ram_pages * PAGE_SIZE + 0x123;
	char *view = ioremap(phys, 2 * PAGE_SIZE);

	if (!view || (uintptr_t)view % PAGE_SIZE != 0x123)
		wrong("ioremap: %p", (void *)view);
	for (size_t i = 0; i < 3; i++) {
		uint32_t want = ALIGN_DOWN(phys, PAGE_SIZE) + i * PAGE_SIZE;
		uint32_t entry = machine_entry(view + i * PAGE_SIZE);

		if ((entry & PTE_FRAME) != want || !(entry & PTE_CACHE_DISABLE))
			wrong("ioremap: entry %lu is 0x%x", (unsigned long)i, entry);
	}
	if (ioremap(phys - PAGE_SIZE, 8) || ioremap(phys, 0) || ioremap(0xffffff00, 0x200))
		wrong("ioremap takes RAM, nothing, or more than there is");
	check("ioremap");
	iounmap(view);
	if (!machine_stops(iounmap, view))
		wrong("iounmap takes the same twice");
	check("iounmap");
}

/* One flush for many mappings that end, but not for all there will ever be. */
static void try_lazy(void)
{
	unsigned long before = vmalloc_stats.flushes;
	unsigned long flushes;

	for (unsigned i = 0; i < 3 * VMALLOC_LAZY; i++) {
		vfree(vmalloc(1));
		check("a mapping for a moment");
	}
	flushes = vmalloc_stats.flushes - before;
	if (flushes < 2 || flushes > 3)
		wrong("%lu flushes for %u mappings", flushes, 3 * VMALLOC_LAZY);
}

/* The address of a mapping leads to its new frame, once its old one is someone else's. */
static void try_flush_of_few(void)
{
	volatile char *first = vmalloc(1);
	volatile char *again;
	volatile char *other;
	phys_addr_t frame;

	*first = 0;
	vfree((void *)first);
	vm_purge();
	frame = alloc_pages(ZONE_ANY, 0); /* the mapping's */
	again = vmalloc(1); /* at its address */
	free_pages(frame, 0);
	other = vmalloc(1);
	*again = 1;
	*other = 2;
	if (again != first || *again != 1)
		wrong("%p shows the frame that it had before, or is not %p", again, first);
	vfree((void *)again);
	vfree((void *)other);
	vm_purge();
}

/* What looks like a slab, but lies in pages that are none. */
static void try_forged_slab(void)
{
	char *object = kmem_cache_alloc(model.caches[0]);
	char *forged = kmalloc_aligned(SLAB_SIZE, SLAB_SIZE);

	memcpy(forged, slab_of(object), SLAB_SIZE);
	if (!machine_stops(free_to_first, forged + (object - (char *)slab_of(object))))
		wrong("an object of a forged slab is accepted");
	kfree(forged);
	kmem_cache_free(model.caches[0], object);
	check("a forged slab");
}

/* Slabs fill, empty, and fill again. */
static void try_refill(void)
{
	static void *objects[64];

	for (unsigned i = 0; i < 4 * ARRAY_SIZE(objects); i++) {
		void **object = &objects[i % ARRAY_SIZE(objects)];

		if (i / ARRAY_SIZE(objects) % 2)
			kfree(*object);
		else
			*object = kmalloc(KMALLOC_SLAB_LIMIT);
		check("a refill");
	}
}

/* The most that addresses and frames have room for can be had at once. */
static void try_largest(void)
{
	size_t pages = MIN(model.arena_pages - KMALLOC_GUARD_PAGES, free_page_count());
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
