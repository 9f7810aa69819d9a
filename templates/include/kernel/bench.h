/*
 * Standard workloads, measured inside the kernel, for `kgen bench`.
 *
 * The clock is RDTSC. Under QEMU's `-icount shift=0` it counts the guest's
 * instructions, exactly, so the figures are the same on every run and machine; on
 * real hardware it counts cycles.
 *
 * Only kernels with features.bench have any.
 */
#ifndef KERNEL_BENCH_H
#define KERNEL_BENCH_H

//% if features.bench
#include <generated/bench.h>
//% endif
#include <kernel/types.h>

//% if features.bench
/* Calls of one kind, and the sum of their ticks, from entry to return. */
struct tally {
	unsigned calls;
	uint64_t ticks;
};

/* One run of a workload. */
struct bench {
	struct tally alloc;
	struct tally free;
	size_t live; /* bytes asked for and not given back */
	uint64_t live_sum; /* of all samples, and of the bytes of page frames held then */
	uint64_t held_sum;
};

/* A workload. Frees all that it allocated. Returns true if there was enough memory. */
typedef bool bench_fn(struct bench *bench);

bench_fn bench_page_hot, bench_page_cold, bench_page_drain, bench_page_drain_random, bench_page_mix;
bench_fn bench_pair64, bench_mix2k, bench_fifo256, bench_mix64k;
bench_fn bench_map;

/* Memory for the workloads' own books: one runs at a time. */
struct bench_object {
	union {
		void *pointer;
		phys_addr_t page;
	};
	uint32_t size; /* bytes, or a block's order */
};

extern union bench_room {
	phys_addr_t pages[BENCH_DRAIN_PAGES];
	struct bench_object objects[BENCH_OBJECTS_2K];
} bench_room;

/* A number below `below` from the seeded generator; each run of a workload starts it anew. */
uint32_t bench_random(uint32_t below);

/* Note how many bytes are live, and how many bytes of page frames that takes. */
void bench_sample(struct bench *bench);

/* Run the workload that `bench=NAME` on the command line names, all without; print results. */
void bench_run(void);

/*
 * A stage of the boot is over: print its ticks, counted from the end of the last one.
 * NULL: start counting.
 */
void bench_stage(const char *stage);

/* --- measured calls (bench/timed.c) ---------------------------------------- */

/* The clock's low 32 bits. */
uint32_t bench_clock(void);

/* Determine the cost of measuring. Call it before the first measured call. */
void bench_calibrate(void);

/* These do what their names say, and add a call and its ticks to a tally. */
phys_addr_t timed_alloc_page(struct tally *tally);
void timed_free_page(struct tally *tally, phys_addr_t page);
phys_addr_t timed_alloc_pages(struct tally *tally, unsigned order);
void timed_free_pages(struct tally *tally, phys_addr_t page, unsigned order);
void *timed_kmalloc(struct tally *tally, size_t size);
void timed_kfree(struct tally *tally, void *pointer);
void *timed_vmalloc(struct tally *tally, size_t size);
void timed_vfree(struct tally *tally, void *pointer);
//% else
/* This kernel has no workloads. */
static inline void bench_run(void)
{
}

static inline void bench_stage(const char *stage)
{
	(void)stage;
}
//% endif

#endif /* KERNEL_BENCH_H */
