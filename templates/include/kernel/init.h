/* Stage `user`: process 1, and all that it starts. */
#ifndef KERNEL_INIT_H
#define KERNEL_INIT_H

#include <generated/stages.h>
#include <kernel/types.h>

//% if features.user_space
/*
 * Run programs to their end, print `# kgen:exit`, and call `done` with the stage. Panics if
 * a page frame is lost by it. Returns whether process 1 ended with 0.
 */
bool run_programs(void (*done)(enum boot_stage stage));
//% else
/* This kernel runs no programs. */
static inline bool run_programs(void (*done)(enum boot_stage stage))
{
	(void)done;
	return true;
}
//% endif

#endif /* KERNEL_INIT_H */
