/*
 * Workloads of kmalloc() and kfree().
 *
 * Efficiency is the live bytes, as they were requested, over the bytes of the page frames
 * that they occupy, sampled while objects are replaced. The first half of a run is not
 * sampled: the first objects are packed more densely than their successors.
 */
#include <kernel/bench.h>
#include <mm/kmalloc.h>

/* An object of `size` bytes in a place; measured if there is a tally. */
static bool make(struct bench *bench, struct tally *tally, struct bench_object *place,
		 uint32_t size)
{
	place->pointer = tally ? timed_kmalloc(tally, size) : kmalloc(size);
	place->size = size;
	if (place->pointer)
		bench->live += size;
	return place->pointer;
}

static void drop(struct bench *bench, struct bench_object *place)
{
	timed_kfree(&bench->free, place->pointer);
	place->pointer = NULL;
	bench->live -= place->size;
}

/* After the i-th of `ops` replacements. */
static void sample_after(struct bench *bench, unsigned i, unsigned ops)
{
	if (i >= ops / 2 && i % BENCH_SAMPLE_EVERY == 0)
		bench_sample(bench);
}

static void drop_all(struct bench_object *places, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		kfree(places[i].pointer);
}

bool bench_pair64(struct bench *bench)
{
	void *first = kmalloc(64); /* so that the measured ones need no fresh pages */

	for (unsigned i = 0; first && i < BENCH_PAIRS; i++)
		timed_kfree(&bench->free, timed_kmalloc(&bench->alloc, 64));
	kfree(first);
	return first;
}

/* Objects of random sizes, replaced at random; the first allocations are not measured. */
static bool mix(struct bench *bench, unsigned objects, unsigned ops, const uint32_t *sizes)
{
	struct bench_object *all = bench_room.objects;
	bool enough = true;

	for (unsigned i = 0; i < objects; i++)
		enough = make(bench, NULL, &all[i], sizes[bench_random(BENCH_POINTS)]) && enough;
	for (unsigned i = 0; enough && i < ops; i++) {
		struct bench_object *object = &all[bench_random(objects)];

		drop(bench, object);
		enough = make(bench, &bench->alloc, object, sizes[bench_random(BENCH_POINTS)]);
		sample_after(bench, i, ops);
	}
	drop_all(all, objects);
	return enough;
}

bool bench_mix2k(struct bench *bench)
{
	return mix(bench, BENCH_OBJECTS_2K, BENCH_OPS_2K, bench_sizes_2k);
}

bool bench_mix64k(struct bench *bench)
{
	return mix(bench, BENCH_OBJECTS_64K, BENCH_OPS_64K, bench_sizes_64k);
}

/* Free the oldest of a queue, allocate a new one. */
bool bench_fifo256(struct bench *bench)
{
	struct bench_object *queue = bench_room.objects;
	bool enough = true;

	for (unsigned i = 0; i < BENCH_FIFO_LENGTH; i++)
		enough = make(bench, NULL, &queue[i], 256) && enough;
	for (unsigned i = 0; enough && i < BENCH_FIFO_OPS; i++) {
		struct bench_object *oldest = &queue[i % BENCH_FIFO_LENGTH];

		drop(bench, oldest);
		enough = make(bench, &bench->alloc, oldest, 256);
		sample_after(bench, i, BENCH_FIFO_OPS);
	}
	drop_all(queue, BENCH_FIFO_LENGTH);
	return enough;
}
