/* execve(): what a program is given, and how it is put where it starts. */
#ifndef USER_EXEC_H
#define USER_EXEC_H

#include <user/elf.h>
#include <user/process.h>

#define ARGUMENTS_MAX (128 * 1024) /* bytes of all arguments and environment, pointers included */
#define PATH_SIZE 4096 /* Linux's PATH_MAX */

/* Arguments and environment, in kernel memory: their strings, one after the other. */
struct program_arguments {
	char *text;
	size_t used, size;
	unsigned argc, envc;
};

/* Add a string. 0, -ENOMEM, or -E2BIG. */
int32_t arguments_add(struct program_arguments *arguments, const char *text);

/*
 * Add those of an array of the current program's, which ends with NULL; counts them in *count,
 * which is argc or envc. 0 or an error.
 */
int32_t arguments_read(struct program_arguments *arguments, uint32_t array, unsigned *count);

/* The first argument is replaced by these; `option` may be empty. 0, -ENOMEM, -E2BIG. */
int32_t arguments_replace_first(struct program_arguments *arguments, const char *interpreter,
				const char *option, const char *script);

void arguments_free(struct program_arguments *arguments);

/*
 * Put arguments and what the ABI wants beside them on the stack of the current space, which
 * is mapped here. *esp is where the program finds argc. 0, -E2BIG or -ENOMEM.
 */
int32_t stack_build(const struct program_arguments *arguments, const struct elf_program *program,
		    const char *path, uint32_t *esp);

#endif /* USER_EXEC_H */
