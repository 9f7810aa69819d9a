/* Programs that the description builds into the kernel: each is a file /NAME, an ELF. */
#ifndef USER_PROGRAMS_H
#define USER_PROGRAMS_H

#include <kernel/types.h>

struct program {
	const char *name;
	const uint8_t *start, *end; /* page-aligned start */
};

/* In the description's order; user/programs.S, rendered from it. The last has no name. */
extern const struct program programs[];

#endif /* USER_PROGRAMS_H */
