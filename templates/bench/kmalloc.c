/*
 * Workloads of kmalloc() and kfree().
 *
 * Efficiency is what is live, in the bytes that were asked for, over the bytes of
 * the page frames that it takes, sampled as objects come and go.
 */
#include <kernel/bench.h>
#include <mm/kmalloc.h>

static bool make(struct bench *bench, struct tally *tally, struct bench_object *object,
		 uint32_t size)
{
	object->pointer = timed_kmalloc(tally, size);
	object->size = size;
	if (object->pointer)
		bench->live += size;
	return object->pointer;
}

static void drop(struct bench *bench, struct tally *tally, struct bench_object *object)
{
	timed_kfree(tally, object->pointer);
	object->pointer = NULL;
	bench->live -= object->size;
}

bool bench_pair64(struct bench *bench)
{
	void *first = kmalloc(64); /* so that the measured ones need no fresh pages */

	for (unsigned i = 0; first && i < BENCH_PAIRS; i++)
		timed_kfree(&bench->free, timed_kmalloc(&bench->alloc, 64));
	kfree(first);
	return first;
}

/* Objects of random sizes, replaced at random; those that are there at first don't count. */
static bool mix(struct bench *bench, unsigned objects, unsigned ops, const uint32_t *sizes)
{
	struct tally unused = { 0 };
	struct bench_object *all = bench_room.objects;
	bool enough = true;

	for (unsigned i = 0; i < objects; i++)
		enough = make(bench, &unused, &all[i], sizes[bench_random(BENCH_POINTS)]) && enough;
	for (unsigned i = 0; enough && i < ops; i++) {
		struct bench_object *object = &all[bench_random(objects)];

		drop(bench, &bench->free, object);
		enough = make(bench, &bench->alloc, object, sizes[bench_random(BENCH_POINTS)]);
		if (i % BENCH_SAMPLE_EVERY == 0)
			bench_sample(bench);
	}
	for (unsigned i = 0; i < objects; i++) {
		if (all[i].pointer)
			drop(bench, &unused, &all[i]);
	}
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

/* The oldest of a queue goes, a new one comes. */
bool bench_fifo256(struct bench *bench)
{
	struct tally unused = { 0 };
	struct bench_object *queue = bench_room.objects;
	bool enough = true;

	for (unsigned i = 0; i < BENCH_FIFO_LENGTH; i++)
		enough = make(bench, &unused, &queue[i], 256) && enough;
	for (unsigned i = 0; enough && i < BENCH_FIFO_OPS; i++) {
		struct bench_object *oldest = &queue[i % BENCH_FIFO_LENGTH];

		drop(bench, &bench->free, oldest);
		enough = make(bench, &bench->alloc, oldest, 256);
		if (i % BENCH_SAMPLE_EVERY == 0)
			bench_sample(bench);
	}
	for (unsigned i = 0; i < BENCH_FIFO_LENGTH; i++) {
		if (queue[i].pointer)
			drop(bench, &unused, &queue[i]);
	}
	return enough;
}
