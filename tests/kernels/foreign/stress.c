/* A C library's malloc, from 1 byte to 1 MiB, with realloc: contents are kept. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE 400
#define STEPS 30000

static struct {
	uint8_t *at;
	size_t size;
} live[LIVE];

static uint32_t state = 12345;

static uint32_t chance(void)
{
	state = state * 1664525 + 1013904223;
	return state >> 8;
}

static size_t some_size(void)
{
	uint32_t power = chance() % 21;

	return 1 + chance() % (1u << power);
}

static int is_kept(unsigned i)
{
	for (size_t at = 0; at < live[i].size; at += 97)
		if (live[i].at[at] != (uint8_t)(i + at))
			return 0;
	return 1;
}

static void fill(unsigned i)
{
	for (size_t at = 0; at < live[i].size; at += 97)
		live[i].at[at] = (uint8_t)(i + at);
}

int main(void)
{
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = chance() % LIVE;

		if (!is_kept(i)) {
			printf("stress: block %u was changed, at step %u\n", i, step);
			return 1;
		}
		if (live[i].at && chance() % 3) {
			free(live[i].at);
			live[i].at = NULL;
			live[i].size = 0;
			continue;
		}
		live[i].size = some_size() >> (chance() % 8);
		live[i].at = realloc(live[i].at, live[i].size + 1);
		if (!live[i].at) {
			printf("stress: no memory at step %u\n", step);
			return 1;
		}
		fill(i);
	}
	printf("stress: %u steps, every block as it was left\n", STEPS);
	return 0;
}
