/*
 * Memory is promised first, and comes when it is touched. Each line is a step, and how many
 * frames the program has after it, with how many more that are.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "../memory.h"

#define PAGES 64

static int before;

/* Say what has happened, and what came. */
static void step(const char *what)
{
	int now = resident();

	printf("%-58s %4d frames (%+d), %d of tables\n", what, now, now - before, tables());
	before = now;
}

static unsigned recurse(unsigned depth)
{
	volatile uint8_t room[PAGE];

	room[0] = 1;
	return depth ? recurse(depth - 1) + room[0] : 0;
}

static void share(uint8_t *memory)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		before = resident();
		step("the child has the same frames; nothing was copied");
		memory[0] = 5;
		step("it writes to one: that is copied, and replaces the shared one");
		_exit(0);
	}
	waitpid(child, NULL, 0);
	memory[PAGE] = 6;
	step("the child is gone; the parent writes, and copies nothing");
}

int main(void)
{
	uint8_t *memory;
	char text[80];

	printf("paging: page by page\n"); /* stdio's own pages are there after this */
	before = resident();
	step("the program has been loaded, as far as it has run");
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED)
		return 1;
	step("64 pages are promised");
	if (memory[0] || memory[63 * PAGE])
		return 1;
	step("two are read: they are the page of zeros that all share");
	for (unsigned i = 0; i < 4; i++) {
		memory[i * PAGE] = 1;
		snprintf(text, sizeof(text), "page %u is written: a frame of its own, zeroed", i);
		step(text);
	}
	memory[0] = 2;
	step("page 0 is written again: it is there");
	recurse(16);
	step("16 pages of stack are used: it has grown");
	share(memory);
	madvise(memory, 2 * PAGE, MADV_DONTNEED);
	step("two pages are not needed any more");
	printf("page 0 reads %u again\n", memory[0]);
	munmap(memory, PAGES * PAGE);
	step("all 64 are unmapped");
	return 0;
}
