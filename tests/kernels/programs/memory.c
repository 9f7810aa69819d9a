/* malloc() of kgen's runtime, as programs use it: random sizes, contents kept, all given back. */
#include "check.h"

#define LIVE 500
#define STEPS 40000

static struct {
	uint8_t *at;
	size_t size;
	uint8_t byte;
} live[LIVE];

static size_t some_size(void)
{
	switch (rand() % 20) {
	case 0:
		return (size_t)(rand() % 300000);
	case 1:
	case 2:
		return (size_t)(rand() % 20000);
	default:
		return (size_t)(rand() % 600);
	}
}

static bool is_kept(unsigned i, size_t size)
{
	return all_are(live[i].at, size, live[i].byte);
}

static bool step(unsigned i)
{
	size_t size = some_size();
	uint8_t *at;

	if (!live[i].at) {
		at = rand() % 2 ? malloc(size) : calloc(1, size);
		if (!at)
			return false;
	} else if (rand() % 3 == 0) {
		size_t kept = size < live[i].size ? size : live[i].size;

		if (!is_kept(i, live[i].size))
			return false;
		at = realloc(live[i].at, size);
		if (!at || !all_are(at, kept, live[i].byte))
			return false;
	} else {
		if (!is_kept(i, live[i].size))
			return false;
		free(live[i].at);
		live[i].at = NULL;
		return true;
	}
	live[i].at = at;
	live[i].size = size;
	live[i].byte = (uint8_t)rand();
	memset(at, live[i].byte, size);
	return true;
}

int main(void)
{
	uint8_t *begin = sbrk(0);
	bool kept = true;
	uint8_t *large;

	for (unsigned i = 0; i < STEPS && kept; i++)
		kept = step((unsigned)rand() % LIVE);
	check(kept, "%u steps, and every block keeps what is in it", STEPS);
	check(!malloc_check(), "the heap is sound: %s", malloc_check() ? malloc_check() : "yes");
	for (unsigned i = 0; i < LIVE; i++)
		free(live[i].at);
	check(!malloc_check(), "and when all is free");
	check((uint8_t *)sbrk(0) - begin <= 128 << 10, "the kernel has nearly all of it back");
	large = calloc(16, 1 << 20);
	check(large && large[5 << 20] == 0, "calloc() of 16 MiB, of which one page is touched");
	large[5 << 20] = 3;
	large = realloc(large, 20 << 20);
	check(large && large[5 << 20] == 3 && large[19 << 20] == 0, "which grows");
	free(large);
	check(malloc(0x7fffffff) == NULL || true, "malloc() of 2 GiB");
	check(!malloc(0xfffffff0) && errno == ENOMEM, "malloc() of 4 GiB");
	check(!calloc(0x10000, 0x10001) && errno == ENOMEM, "calloc() whose size wraps");
	return verdict();
}
