/* A fork bomb: it ends where processes or memory do, and leaves nothing. */
#include "check.h"

#define MOST 3000

static int gate[2]; /* children wait for its end */

/* Children that do nothing; how many there could be. */
static unsigned explode(int *why)
{
	unsigned children = 0;
	pid_t child;
	char byte;

	*why = 0;
	if (pipe(gate))
		return 0;
	while (children < MOST) {
		child = fork();
		if (!child) {
			close(gate[1]);
			read(gate[0], &byte, 1);
			_exit(0);
		}
		if (child < 0) {
			*why = errno;
			break;
		}
		children++;
	}
	close(gate[0]);
	close(gate[1]);
	return children;
}

static unsigned reap(void)
{
	unsigned ended = 0;
	int status;

	while (waitpid(-1, &status, 0) > 0)
		ended += status == 0;
	return ended;
}

/* Each forks twice and goes on, until nobody can; the family is one tree. */
static void tree(unsigned depth)
{
	for (unsigned i = 0; i < 2 && depth; i++) {
		pid_t child = fork();

		if (!child) {
			tree(depth - 1);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
}

int main(void)
{
	unsigned children[2];
	int why;

	for (unsigned i = 0; i < 2; i++) {
		children[i] = explode(&why);
		check(children[i] == MOST || why == EAGAIN || why == ENOMEM, "fork() ends well: %s",
		      why ? strerror(why) : "all there should be");
		check(reap() == children[i], "all end, and are heard of");
	}
	printf("bomb: %u children at once, then %u\n", children[0], children[1]);
	check(children[1] >= children[0] - 1, "the second time there are as many");
	tree(8);
	check(waitpid(-1, NULL, 0) == -1 && errno == ECHILD, "a tree of 511 processes is gone");
	return verdict();
}
