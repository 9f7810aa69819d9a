/*
 * From the stack that the kernel prepared to main(), and from main() to exit().
 *
 *     words -> argc
 *              argv[0] ... argv[argc - 1], NULL
 *              envp[0] ..., NULL
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv, char **envp);

void program_start(long *words) __attribute__((noreturn));

#define EXITS 32

char **environ;

static void (*exits[EXITS])(void);
static int exit_count;

extern void (*__init_array_start[])(void);
extern void (*__init_array_end[])(void);

void program_start(long *words)
{
	int argc = (int)words[0];
	char **argv = (char **)&words[1];

	environ = &argv[argc + 1];
	for (void (**call)(void) = __init_array_start; call < __init_array_end; call++)
		(*call)();
	exit(main(argc, argv, environ));
}

int atexit(void (*function)(void))
{
	if (exit_count == EXITS)
		return -1;
	exits[exit_count++] = function;
	return 0;
}

void exit(int status)
{
	while (exit_count)
		exits[--exit_count]();
	_exit(status);
}
