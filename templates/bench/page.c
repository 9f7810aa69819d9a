/*
 * Workloads of the page allocator: alloc_pages() and free_pages(), from ZONE_ANY.
 */
#include <kernel/bench.h>
#include <kernel/bits.h>
#include <mm/page.h>

/* An uncounted pair first fills the hot list, which is not typical of a pair. */
bool bench_page_hot(struct bench *bench)
{
	phys_addr_t page = alloc_pages(ZONE_ANY, 0);

	for (unsigned i = 0; page && i < BENCH_HOT_PAIRS; i++) {
		free_pages(page, 0);
		page = timed_alloc_page(&bench->alloc);
		if (!page)
			return false;
		timed_free_page(&bench->free, page);
		page = alloc_pages(ZONE_ANY, 0);
	}
	if (page)
		free_pages(page, 0);
	return page;
}

bool bench_page_cold(struct bench *bench)
{
	for (unsigned i = 0; i < BENCH_COLD_PAIRS; i++) {
		phys_addr_t page;

		pages_drain();
		page = timed_alloc_page(&bench->alloc);
		if (!page)
			return false;
		pages_drain();
		timed_free_page(&bench->free, page);
	}
	return true;
}

/* --- take much, then free all ------------------------------------------------ */

static unsigned take(struct bench *bench)
{
	unsigned count = 0;

	for (; count < BENCH_DRAIN_PAGES; count++) {
		bench_room.pages[count] = timed_alloc_page(&bench->alloc);
		if (!bench_room.pages[count])
			break;
	}
	return count;
}

static bool give_back(struct bench *bench, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		timed_free_page(&bench->free, bench_room.pages[i]);
	return count == BENCH_DRAIN_PAGES;
}

/* Shell's sort, with gaps of 2^k - 1 (Knuth, TAOCP vol. 3, 5.2.1): short, and not measured. */
static void sort(phys_addr_t *pages, unsigned count)
{
	for (unsigned gap = (1u << 14) - 1; gap; gap /= 2) {
		for (unsigned i = gap; i < count; i++) {
			phys_addr_t page = pages[i];
			unsigned to = i;

			for (; to >= gap && pages[to - gap] > page; to -= gap)
				pages[to] = pages[to - gap];
			pages[to] = page;
		}
	}
}

static void shuffle(phys_addr_t *pages, unsigned count)
{
	for (unsigned i = count; i > 1; i--) {
		unsigned other = bench_random(i);
		phys_addr_t page = pages[i - 1];

		pages[i - 1] = pages[other];
		pages[other] = page;
	}
}

bool bench_page_drain(struct bench *bench)
{
	unsigned count = take(bench);

	sort(bench_room.pages, count);
	return give_back(bench, count);
}

bool bench_page_drain_random(struct bench *bench)
{
	unsigned count = take(bench);

	shuffle(bench_room.pages, count);
	return give_back(bench, count);
}

/* --- blocks of many orders ----------------------------------------------------- */

/* Order k with probability 2^-(k+1), up to half the largest. */
static unsigned random_order(void)
{
	return lowest_bit(bench_random(UINT32_MAX) | 1u << (MAX_ORDER / 2));
}

/* A block of random order in a place; measured if there is a tally. */
static bool fill(struct tally *tally, struct bench_object *place)
{
	place->size = random_order();
	place->page =
		tally ? timed_alloc_pages(tally, place->size) : alloc_pages(ZONE_ANY, place->size);
	return place->page;
}

bool bench_page_mix(struct bench *bench)
{
	struct bench_object *places = bench_room.objects;
	bool enough = true;

	for (unsigned i = 0; i < BENCH_MIX_PAGES; i++)
		enough = fill(NULL, &places[i]) && enough;
	for (unsigned i = 0; enough && i < BENCH_MIX_OPS; i++) {
		struct bench_object *place = &places[bench_random(BENCH_MIX_PAGES)];

		timed_free_pages(&bench->free, place->page, place->size);
		enough = fill(&bench->alloc, place);
	}
	for (unsigned i = 0; i < BENCH_MIX_PAGES; i++) {
		if (places[i].page)
			free_pages(places[i].page, places[i].size);
	}
	return enough;
}
