/* Stage `user`: process 1, and all that it starts. */
#ifndef KERNEL_INIT_H
#define KERNEL_INIT_H

#include <kernel/types.h>

/*
 * Run programs to their end, and print `# kgen:exit`. Panics if a page frame is lost by it.
 * Returns whether process 1 ended with 0.
 */
bool run_programs(void);

#endif /* KERNEL_INIT_H */
