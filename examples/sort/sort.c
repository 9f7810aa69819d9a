/*
 * Sorting by counting: a counter for each of 2^24 values, 64 MiB of them. The values lie in
 * clusters, so few pages of counters are ever written; all others are read as the page of
 * zeros. Needs no comparison, and less memory than it asks for.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "../memory.h"

#define VALUES (1u << 24)
#define NUMBERS 50000u
#define CLUSTERS 100u
#define WIDTH 2000u /* values of a cluster */

static uint32_t numbers[NUMBERS];

static uint32_t sum(void)
{
	uint32_t total = 0;

	for (unsigned i = 0; i < NUMBERS; i++)
		total += numbers[i];
	return total;
}

int main(void)
{
	uint32_t clusters[CLUSTERS];
	uint32_t *counters = mmap(NULL, VALUES * sizeof(uint32_t), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned sorted = 0;
	uint32_t total;
	int before;

	if (counters == MAP_FAILED) {
		perror("sort: 64 MiB");
		return 1;
	}
	for (unsigned i = 0; i < CLUSTERS; i++)
		clusters[i] = (uint32_t)rand() % (VALUES - WIDTH);
	for (unsigned i = 0; i < NUMBERS; i++)
		numbers[i] = clusters[(unsigned)rand() % CLUSTERS] + (uint32_t)rand() % WIDTH;
	total = sum();
	before = resident();
	printf("sort: %u MiB promised, %d frames free\n", VALUES * 4 >> 20, free_frames());
	for (unsigned i = 0; i < NUMBERS; i++)
		counters[numbers[i]]++;
	printf("sort: %u numbers counted, in %d frames\n", NUMBERS, resident() - before);
	for (uint32_t value = 0; value < VALUES; value++)
		for (uint32_t count = counters[value]; count; count--)
			numbers[sorted++] = value;
	printf("sort: all 64 MiB read, %d frames, %d of tables\n", resident() - before, tables());
	for (unsigned i = 1; i < NUMBERS; i++)
		if (numbers[i - 1] > numbers[i])
			return 1;
	printf("sort: %u numbers in order, from %u to %u\n", sorted, numbers[0],
	       numbers[NUMBERS - 1]);
	return sorted == NUMBERS && sum() == total ? 0 : 1;
}
