/*
 * A child takes memory for as long as there is any. All is promised to it, so nobody can say
 * no; when there is no frame for a page that it touches, it ends. The others go on.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "../memory.h"

#define STEP (1u << 20)

static void eat(void)
{
	for (unsigned taken = 0;; taken++) {
		uint8_t *more = mmap(NULL, STEP, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (more == MAP_FAILED)
			_exit(1);
		memset(more, 0xff, STEP);
		if (taken % 4 == 3)
			printf("hog: %u MiB, %d frames are free\n", taken + 1, free_frames());
	}
}

int main(void)
{
	uint8_t *mine =
		mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int before;
	int status;

	memset(mine, 7, 64 * PAGE);
	before = free_frames();
	printf("%d frames are free\n", before);
	if (!fork())
		eat();
	wait(&status);
	printf("the hog was ended by a signal: %s\n",
	       WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no");
	printf("%d frames are free, and what was ours is ours: %u\n", free_frames(), mine[5]);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && mine[63 * PAGE] == 7 &&
			       free_frames() >= before - 32 ?
		       0 :
		       1;
}
