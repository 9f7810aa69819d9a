/*
 * A process with 256 pages forks, its children fork, and each writes to some of the pages.
 * Free frames are counted after each step: to fork costs page tables and the stack's page,
 * to write costs a copy, and at the end everything is back.
 *
 *         1
 *       /   \
 *      2     3
 *     / \   / \
 *    4   5 6   7
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "../memory.h"

#define PAGES 256
#define WRITES 16 /* pages that each process writes to */
#define DEPTH 2
#define PROCESSES 6 /* besides the first */

/* Children say that they are at a point; the parent lets all go on, by a pipe for each point. */
enum { FORKED, WRITTEN, POINTS };

static int arrived[2];
static int go[POINTS][2];

static void meet(unsigned point)
{
	char byte = 0;

	write(arrived[1], &byte, 1);
	read(go[point][0], &byte, 1);
}

static void wait_for_all(void)
{
	char byte;

	for (unsigned i = 0; i < PROCESSES; i++)
		read(arrived[0], &byte, 1);
}

static void let_go(unsigned point)
{
	char bytes[PROCESSES] = { 0 };

	write(go[point][1], bytes, sizeof(bytes));
}

static void branch(uint8_t *memory, unsigned depth)
{
	unsigned children = depth ? 2 : 0;

	for (unsigned i = 0; i < children; i++) {
		if (fork())
			continue;
		branch(memory, depth - 1);
		meet(FORKED);
		for (unsigned page = 0; page < WRITES; page++)
			memory[page * PAGE] = (uint8_t)depth;
		meet(WRITTEN);
		while (wait(NULL) > 0)
			;
		_exit(0);
	}
}

int main(void)
{
	uint8_t *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int begin;
	int filled;
	int forked;
	int written;

	if (memory == MAP_FAILED || pipe(arrived) || pipe(go[FORKED]) || pipe(go[WRITTEN]))
		return 1;
	printf("fork: a tree of %u processes\n", PROCESSES + 1);
	begin = free_frames();
	for (unsigned i = 0; i < PAGES; i++)
		memory[i * PAGE] = 1;
	filled = free_frames();
	printf("%3u pages are filled: %d frames\n", PAGES, begin - filled);
	branch(memory, DEPTH);
	wait_for_all();
	forked = free_frames();
	printf("%3u processes more: %d frames, %d for each; they share %u pages\n", PROCESSES,
	       filled - forked, (filled - forked) / PROCESSES, PAGES);
	let_go(FORKED);
	wait_for_all();
	written = free_frames();
	printf("%3u pages written by each: %d frames, %d for each\n", WRITES, forked - written,
	       (forked - written) / PROCESSES);
	let_go(WRITTEN);
	while (wait(NULL) > 0)
		;
	printf("all have ended: %d of %d frames are back; the kernel keeps the others for the next\n",
	       free_frames() - written, filled - written);
	return memory[0] == 1 ? 0 : 1; /* nobody wrote to ours */
}
