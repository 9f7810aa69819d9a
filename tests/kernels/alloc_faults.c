/*
 * One misuse of one allocator: `do=WHAT on=TIER` on the command line chooses.
 *
 * A tier is a pair of functions, so each misuse is written once for all of them. What
 * kmalloc() takes from where is the description's choice: sizes as by default.
 */
/* The last call of a function is a call, too: call sites are return addresses. */
#pragma GCC optimize("no-optimize-sibling-calls")

#include <arch/paging.h>
#include <kernel/boot_info.h>
#include <kernel/main.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

/* --- tiers ------------------------------------------------------------------------ */

struct tier {
	const char *name;
	size_t size;
	void *(*get)(void);
	void (*give)(void *pointer);
};

static NOINLINE void *get_small(void)
{
	return kmalloc(100);
}

static NOINLINE void *get_middle(void)
{
	return kmalloc(5000);
}

static NOINLINE void *get_large(void)
{
	return kmalloc(50000);
}

static NOINLINE void give(void *pointer)
{
	kfree(pointer);
}

static struct kmem_cache *pairs;

static void *get_object(void)
{
	return kmem_cache_alloc(pairs);
}

static void give_object(void *pointer)
{
	kmem_cache_free(pairs, pointer);
}

static void *get_mapping(void)
{
	return vmalloc(50000);
}

/* Page frames have no address: the direct map's stands for them here. */
static void *get_frames(void)
{
	return phys_to_virt(alloc_pages(ZONE_DIRECT, 2));
}

static void give_frames(void *pointer)
{
	free_pages(pointer ? VIRT_TO_PHYS((uintptr_t)pointer) : 0, 2);
}

static const struct tier tiers[] = {
	{ "slab", 100, get_small, give },	  { "heap", 5000, get_middle, give },
	{ "pages", 50000, get_large, give },	  { "cache", 48, get_object, give_object },
	{ "vmalloc", 50000, get_mapping, vfree }, { "frames", 16384, get_frames, give_frames },
};

/* --- invalid pointers --------------------------------------------------------- */

static void null(const struct tier *tier)
{
	tier->give(NULL);
}

static void twice(const struct tier *tier)
{
	void *pointer = tier->get();

	tier->give(pointer);
	tier->give(pointer);
}

static void middle(const struct tier *tier)
{
	char *pointer = tier->get();

	memset(pointer, 0, tier->size);
	tier->give(pointer + 32);
}

/* A page further: the start of one, too. */
static void page(const struct tier *tier)
{
	char *pointer = tier->get();

	memset(pointer, 0, tier->size);
	tier->give(pointer + PAGE_SIZE);
}

static void stack(const struct tier *tier)
{
	uint64_t local[4] = { 0 };

	tier->give(local + 2);
}

static void text(const struct tier *tier)
{
	tier->give((void *)ALIGN_UP((uintptr_t)kernel_main, 16));
}

/* --- corruption ----------------------------------------------------------------------- */

/* The eight bytes before. */
static void before(const struct tier *tier)
{
	char *pointer = tier->get();

	memset(pointer - 8, 0x41, 8);
	tier->give(pointer);
}

/* One byte past the end. */
static void past(const struct tier *tier)
{
	char *pointer = tier->get();

	pointer[tier->size] = 1;
	tier->give(pointer);
}

/* So many that whatever is next is hit: it may be free, or somebody else's. */
static void far_behind(const struct tier *tier)
{
	char *pointer = tier->get();
	char *next = tier->get();

	memset(MIN(pointer, next) + tier->size, 0x41, 24);
	tier->give(MAX(pointer, next));
	tier->give(MIN(pointer, next));
}

static void write_stale(const struct tier *tier, unsigned where)
{
	volatile char *pointer = tier->get();

	tier->give((void *)pointer);
	pointer[where] = 1;
	for (unsigned i = 0; i < 400; i++) /* until it is used again, or let go */
		tier->give(tier->get());
	for (unsigned i = 0; i < 200; i++)
		tier->get();
}

static void stale(const struct tier *tier)
{
	write_stale(tier, 40);
}

/* A free slot or block may have its links there. */
static void stale_first(const struct tier *tier)
{
	write_stale(tier, 0);
}

static void stale_second(const struct tier *tier)
{
	write_stale(tier, 4);
}

/* A live header, inside another allocation. */
static void copied(const struct tier *tier)
{
	char *first = tier->get();
	char *second = tier->get();

	memset(first, 0, tier->size);
	memcpy(first + 24, second - 8, 8);
	tier->give(first + 32);
}

/* --- of somebody else --------------------------------------------------------------------- */

static const struct tier *source(void)
{
	char name[16] = "";

	boot_option("from", name, sizeof(name));
	for (unsigned i = 0; i < ARRAY_SIZE(tiers); i++) {
		if (!strcmp(tiers[i].name, name))
			return &tiers[i];
	}
	return NULL;
}

static void foreign(const struct tier *tier)
{
	void *pointer;

	if (source()) {
		pointer = source()->get();
	} else {
		pointer = kmem_cache_alloc(kmem_cache_create("other", 64, 0, NULL));
	}
	tier->give(pointer);
}

static const struct {
	const char *name;
	void (*run)(const struct tier *tier);
} misuses[] = {
	{ "null", null },
	{ "twice", twice },
	{ "middle", middle },
	{ "page", page },
	{ "stack", stack },
	{ "text", text },
	{ "before", before },
	{ "past", past },
	{ "far_behind", far_behind },
	{ "stale", stale },
	{ "copied", copied },
	{ "foreign", foreign },
	{ "stale_first", stale_first },
	{ "stale_second", stale_second },
};

/* --- sizes and alignments: nothing to panic about ------------------------------------------ */

/* What came, and how many failures were counted since the last time. */
static void result(const char *call, const void *pointer)
{
	static struct kmalloc_stats before;
	struct kmalloc_stats now;

	kmalloc_stats_read(&now);
	printk("%s: %s, %lu failed\n", call,
	       !pointer			? "NULL" :
	       pointer == ZERO_SIZE_PTR ? "zero" :
					  "memory",
	       now.failures - before.failures);
	before = now;
}

#define TRY(call) result(#call, call)

static volatile size_t huge = -1; /* the compiler would refuse to compile it */

static void zero(void)
{
	void *pointer = kmalloc(10);

	TRY(kmalloc(0));
	TRY(kzalloc(0));
	TRY(kmalloc_aligned(0, 64));
	TRY(kcalloc(0, 5));
	TRY(kcalloc(5, 0));
	TRY(krealloc(NULL, 0));
	TRY(krealloc(pointer, 0));
	TRY(vmalloc(0));
	TRY(kmem_cache_create("none", 0, 0, NULL));
	kfree(ZERO_SIZE_PTR);
}

static void too_large(void)
{
	void *pointer = kmalloc(10);

	TRY(kmalloc(huge));
	TRY(kmalloc(huge - PAGE_SIZE));
	TRY(kmalloc(huge / 2));
	TRY(kzalloc(huge));
	TRY(kcalloc(1, huge));
	TRY(kmalloc_aligned(huge - 7, 16));
	TRY(kmalloc_aligned(100, huge / 2 + 1));
	TRY(krealloc(pointer, huge));
	TRY(krealloc(NULL, huge));
	TRY(vmalloc(huge));
	TRY(kmem_cache_create("huge", huge, 0, NULL));
	TRY((void *)alloc_pages(ZONE_ANY, MAX_ORDER + 1));
	printk("still there: %u\n", ksize(pointer) >= 10);
	kfree(pointer);
}

static void product(void)
{
	TRY(kcalloc(0x10000, 0x10001));
	TRY(kcalloc(huge, huge));
	TRY(kcalloc(2, huge / 2 + 1));
}

static void alignment(void)
{
	TRY(kmalloc_aligned(100, 24));
	TRY(kmalloc_aligned(100, 0));
	TRY(kmalloc_aligned(5000, 3));
	TRY(kmalloc_aligned(50000, 4097));
	TRY(kmem_cache_create("askew", 16, 24, NULL));
}

/* All page frames, in a list that runs through them: all are mapped directly here. */
static phys_addr_t *take_all(void)
{
	phys_addr_t *last = NULL;
	phys_addr_t frame;

	while ((frame = alloc_pages(ZONE_ANY, 0))) {
		phys_addr_t *at = phys_to_virt(frame);

		*at = last ? slow_virt_to_phys(last) : PHYS_NONE;
		last = at;
	}
	return last;
}

static void give_all(phys_addr_t *frames)
{
	while (frames) {
		phys_addr_t next = *frames;

		free_pages(slow_virt_to_phys(frames), 0);
		frames = next ? phys_to_virt(next) : NULL;
	}
}

static void no_memory(void)
{
	phys_addr_t *frames = take_all();

	TRY(kmalloc(100));
	TRY(kmalloc(5000));
	TRY(vmalloc(5000));
	TRY(kmem_cache_alloc(pairs));
	give_all(frames);
	kfree(kmalloc(100));
}

static const struct {
	const char *name;
	void (*run)(void);
} requests[] = {
	{ "zero", zero },	    { "too_large", too_large }, { "product", product },
	{ "alignment", alignment }, { "no_memory", no_memory },
};

void kernel_main(void)
{
	char what[16] = "";
	char on[16] = "";

	boot_option("do", what, sizeof(what));
	boot_option("on", on, sizeof(on));
	pairs = kmem_cache_create("pair", 48, 8, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++) {
		if (!strcmp(requests[i].name, what))
			requests[i].run();
	}
	for (unsigned i = 0; i < ARRAY_SIZE(misuses) * ARRAY_SIZE(tiers); i++) {
		if (!strcmp(misuses[i / ARRAY_SIZE(tiers)].name, what) &&
		    !strcmp(tiers[i % ARRAY_SIZE(tiers)].name, on))
			misuses[i / ARRAY_SIZE(tiers)].run(&tiers[i % ARRAY_SIZE(tiers)]);
	}
	printk("nobody minds \"%s\" on \"%s\"\n", what, on);
}
