/*
 * Reclaim: calls the shrinkers when memory runs out.
 *
 * The order is that of enum reclaim_cost. Memory that one shrinker frees may be kept by
 * the owner of a cheaper one: an allocation from the quarantine leaves an empty slab, a
 * slab's pages go to the hot list. So after each shrinker that freed something the
 * cheaper ones are called again, the cheapest last.
 *
 * No shrinker is exempt, whichever allocator calls reclaim(). A shrinker only frees, and
 * freeing never allocates, so no shrinker is ever entered twice.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/panic.h>
#include <mm/reclaim.h>

static size_t (*shrinkers[RECLAIM_COSTS])(void);
static bool is_running;

void reclaim_register(enum reclaim_cost cost, size_t (*shrink)(void))
{
	shrinkers[cost] = shrink;
}

static size_t ask(unsigned cost)
{
	return shrinkers[cost] ? shrinkers[cost]() : 0;
}

/* Call all shrinkers that are cheaper than `cost`. */
static void settle(unsigned cost)
{
	while (cost)
		ask(--cost);
}

bool reclaim(unsigned *step)
{
	bool gave = false;

	BUG_ON(is_running); /* a shrinker asked for memory */
	is_running = true;
	for (; *step < RECLAIM_COSTS && !gave; ++*step) {
		gave = ask(*step);
		if (gave)
			settle(*step);
	}
	is_running = false;
	return gave;
}

void reclaim_all(void)
{
	BUG_ON(is_running);
	is_running = true;
	settle(RECLAIM_COSTS);
	is_running = false;
}
