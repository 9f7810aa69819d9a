/*
 * The program of a kernel whose description names none: it asks for memory and touches
 * some of it. The heap's end moves at once, and no frame comes; each page that is touched
 * gets one, at that moment.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 16
#define TOUCHED 3

/* How many of the pages have a frame. */
static unsigned resident(void *from, unsigned pages)
{
	unsigned char in[PAGES];
	unsigned count = 0;

	if (mincore(from, pages * PAGE, in))
		return 0;
	for (unsigned i = 0; i < pages; i++)
		count += in[i] & 1;
	return count;
}

int main(void)
{
	uint8_t *end = sbrk(0);
	uint8_t *from = end + (-(uintptr_t)end % PAGE);
	unsigned before;
	unsigned after;

	if (brk(from + PAGES * PAGE)) {
		perror("init: brk");
		return 1;
	}
	before = resident(from, PAGES);
	for (unsigned i = 0; i < TOUCHED; i++)
		from[i * (PAGES / TOUCHED) * PAGE] = 1;
	after = resident(from, PAGES);
	printf("init: the heap grew by %u pages, %u frames came; touched %u, %u more came\n", PAGES,
	       before, TOUCHED, after - before);
	return after - before == TOUCHED && !before ? 0 : 1;
}
