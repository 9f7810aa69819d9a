/*
 * Calls between two readings of the clock.
 *
 *     read the clock           }
 *     put arguments in place   } the measuring
 *     call                     }
 *         entry to return        what is counted, the return included
 *     read the clock             the measuring
 *
 * Each measured call has a twin that differs in one thing, the function called:
 * bench_nothing(), a lone return. gcc compiles twins alike, so what a twin reads,
 * less one instruction, is what measuring costs: exactly, where the clock counts
 * instructions. Instructions that an inline function of the kernel's API adds around its
 * call count as the call's.
 */
#include <arch/cpu.h>
#include <kernel/bench.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/vmalloc.h>

enum shape {
	ALLOC_PAGE,
	FREE_PAGE,
	ALLOC_PAGES,
	FREE_PAGES,
	KMALLOC,
	KFREE,
	VMALLOC,
	VFREE,
	SHAPES,
};

static uint32_t overhead[SHAPES]; /* ticks in each reading that are not the call's */

/* If ticks are time, readings differ: the quickest of some batches counts. */
#define BATCHES 64
#define BATCH 64

static inline uint32_t clock(void)
{
	uint32_t low;

	__asm__ volatile(CPU_GUARD(5) "rdtsc" : "=a"(low) : : "edx", "memory");
	return low;
}

uint32_t bench_clock(void)
{
	return clock();
}

/* A difference fits 31 bits. If ticks are time, it may be negative. */
static inline void count(struct tally *tally, enum shape shape, uint32_t ticks)
{
	tally->ticks += (int32_t)(ticks - overhead[shape]);
	tally->calls++;
}

/* The compiler must not look into a twin, nor through those who call it: NOIPA. */
#define TIMED_ONE(type, shape, name, call, ...)             \
	NOIPA type name(struct tally *tally, ##__VA_ARGS__) \
	{                                                   \
		uint32_t start = clock();                   \
		type value = call;                          \
                                                            \
		count(tally, shape, clock() - start);       \
		return value;                               \
	}

#define TIMED_VOID_ONE(shape, name, call, ...)              \
	NOIPA void name(struct tally *tally, ##__VA_ARGS__) \
	{                                                   \
		uint32_t start = clock();                   \
                                                            \
		call;                                       \
		count(tally, shape, clock() - start);       \
	}

/* timed_NAME() and its twin empty_NAME(). */
#define TIMED(type, shape, name, call, nothing, ...)              \
	TIMED_ONE(type, shape, timed_##name, call, ##__VA_ARGS__) \
	static TIMED_ONE(type, shape, empty_##name, nothing, ##__VA_ARGS__)

#define TIMED_VOID(shape, name, call, nothing, ...)              \
	TIMED_VOID_ONE(shape, timed_##name, call, ##__VA_ARGS__) \
	static TIMED_VOID_ONE(shape, empty_##name, nothing, ##__VA_ARGS__)

phys_addr_t no_alloc_page(void) __asm__("bench_nothing");
void no_free_page(phys_addr_t page) __asm__("bench_nothing");
phys_addr_t no_alloc_pages(enum zone_id zone, unsigned order) __asm__("bench_nothing");
void no_free_pages(phys_addr_t page, unsigned order) __asm__("bench_nothing");
void *no_alloc(size_t size) __asm__("bench_nothing");
void no_free(void *pointer) __asm__("bench_nothing");

TIMED(phys_addr_t, ALLOC_PAGE, alloc_page, alloc_pages(ZONE_ANY, 0), no_alloc_page())
TIMED_VOID(FREE_PAGE, free_page, free_pages(page, 0), no_free_page(page), phys_addr_t page)
TIMED(phys_addr_t, ALLOC_PAGES, alloc_pages, alloc_pages(ZONE_ANY, order),
      no_alloc_pages(ZONE_ANY, order), unsigned order)
TIMED_VOID(FREE_PAGES, free_pages, free_pages(page, order), no_free_pages(page, order),
	   phys_addr_t page, unsigned order)
TIMED(void *, KMALLOC, kmalloc, kmalloc(size), no_alloc(size), size_t size)
TIMED_VOID(KFREE, kfree, kfree(pointer), no_free(pointer), void *pointer)
TIMED(void *, VMALLOC, vmalloc, vmalloc(size), no_alloc(size), size_t size)
TIMED_VOID(VFREE, vfree, vfree(pointer), no_free(pointer), void *pointer)

static void call_twins(struct tally *tallies)
{
	for (unsigned i = 0; i < BATCH; i++) {
		empty_alloc_page(&tallies[ALLOC_PAGE]);
		empty_free_page(&tallies[FREE_PAGE], PHYS_NONE);
		empty_alloc_pages(&tallies[ALLOC_PAGES], 0);
		empty_free_pages(&tallies[FREE_PAGES], PHYS_NONE, 0);
		empty_kmalloc(&tallies[KMALLOC], 0);
		empty_kfree(&tallies[KFREE], NULL);
		empty_vmalloc(&tallies[VMALLOC], 0);
		empty_vfree(&tallies[VFREE], NULL);
	}
}

void bench_calibrate(void)
{
	uint32_t least[SHAPES];

	memset(least, 0xff, sizeof(least));
	memset(overhead, 0, sizeof(overhead));
	for (unsigned i = 0; i < BATCHES; i++) {
		struct tally tallies[SHAPES] = { 0 };

		call_twins(tallies);
		for (unsigned shape = 0; shape < SHAPES; shape++)
			least[shape] = MIN(least[shape], (uint32_t)tallies[shape].ticks);
	}
	for (unsigned shape = 0; shape < SHAPES; shape++)
		overhead[shape] = least[shape] / BATCH - 1; /* the return counts */
}
