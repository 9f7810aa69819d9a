/*
 * Runs the standard workloads and prints their results, a line for each:
 *
 *     # kgen:bench name=page.hot ops=20000 alloc=200000 free=200000 …
 *
 *   ops              calls of each kind
 *   alloc, free      ticks of all of them: guest instructions under -icount
 *   efficiency_ppm   live bytes over bytes of page frames held, in millionths; 0: not sampled
 *   metadata         bytes that the page allocator keeps beside `managed` page frames
 *   left             page frames not given back by the end
 *   changed          orders, of all zones, of which there are not as many free blocks as before
 *
 * Before each workload the generator is seeded anew and all kept memory is reclaimed.
 */
#include <arch/cpu.h>
#include <kernel/bench.h>
#include <kernel/boot_info.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/vmalloc.h>

union bench_room bench_room;

static const struct {
	const char *name;
	bench_fn *run;
} workloads[] = {
	{ "page.hot", bench_page_hot },	    { "page.cold", bench_page_cold },
	{ "page.drain", bench_page_drain }, { "page.drain_random", bench_page_drain_random },
	{ "page.mix", bench_page_mix },	    { "kmalloc.pair64", bench_pair64 },
	{ "kmalloc.mix2k", bench_mix2k },   { "kmalloc.fifo256", bench_fifo256 },
	{ "kmalloc.mix64k", bench_mix64k }, { "vm.map386", bench_map },
	{ "vm.map486", bench_map },
};

static size_t free_at_first; /* page frames before the workload */

static uint32_t state; /* of the generator */

/* Marsaglia's xorshift; the product's upper half is as uniform as its factor. */
uint32_t bench_random(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return (uint64_t)state * below >> 32;
}

void bench_sample(struct bench *bench)
{
	bench->live_sum += bench->live;
	bench->held_sum += (uint64_t)(free_at_first - free_page_count()) * PAGE_SIZE;
}

/* --- results ------------------------------------------------------------------ */

static size_t managed_pages(void)
{
	size_t pages = 0;

	for (unsigned i = 0; i < ZONE_COUNT; i++)
		pages += zones[i].buddy.pages;
	return pages;
}

static size_t metadata_bytes(void)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < ZONE_COUNT; i++)
		bytes += zones[i].buddy.map_size +
			 buddy_index_size(zones[i].buddy.size, zones[i].buddy.max_order);
	return bytes;
}

/* Orders that have more or fewer free blocks than when the profile was noted. */
static unsigned changed_orders(void)
{
	static struct free_profile now;
	unsigned changed = 0;

	free_profile_read(&now);
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			changed += now.blocks[i][order] != free_profile_noted.blocks[i][order];
	}
	return changed;
}

static void report(const char *name, const struct bench *bench, size_t left)
{
	uint64_t efficiency = 0;

	if (bench->held_sum)
		efficiency = bench->live_sum * 1000000 / bench->held_sum;
	kgen_line("bench name=%s ops=%u alloc=%llu free=%llu efficiency_ppm=%llu metadata=%u "
		  "managed=%u left=%u changed=%u",
		  name, bench->alloc.calls, bench->alloc.ticks, bench->free.ticks, efficiency,
		  metadata_bytes(), managed_pages(), left, changed_orders());
}

/* Free page frames after all kept memory was reclaimed. */
static size_t settled(void)
{
	kmalloc_shrink();
	vm_purge();
	pages_drain();
	return free_page_count();
}

static void run(const char *name, bench_fn *workload)
{
	struct bench bench = { 0 };
	bool enough;

	state = BENCH_SEED;
	free_at_first = settled();
	free_profile_note();
	enough = workload(&bench);
	BUG_ON(pages_check());

	if (enough)
		report(name, &bench, free_at_first - settled());
	else
		printk("bench: %s: not enough memory\n", name);
}

/* A CPU that cpu= forces is in truth newer, and may have RDTSC. */
static bool has_clock(void)
{
	return cpu.forced || cpu.family >= 5;
}

void bench_run(void)
{
	char name[32];
	bool all = !boot_option("bench", name, sizeof(name));

	if (!has_clock()) {
		printk("bench: this CPU has no RDTSC\n");
		return;
	}
	bench_calibrate();
	for (unsigned i = 0; i < ARRAY_SIZE(workloads); i++) {
		if (all || !strcmp(workloads[i].name, name))
			run(workloads[i].name, workloads[i].run);
	}
}

/* --- the boot --------------------------------------------------------------------- */

void bench_stage(const char *stage)
{
	static uint32_t last;
	uint32_t now;

	if (!has_clock())
		return;
	now = bench_clock();
	if (stage)
		kgen_line("bench name=boot.%s ops=1 alloc=%u free=0", stage, now - last);
	last = bench_clock();
}
