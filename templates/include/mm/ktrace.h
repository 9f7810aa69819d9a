/*
 * Recording allocations, for `kgen tune`: kernels with debug.trace.
 */
#ifndef MM_KTRACE_H
#define MM_KTRACE_H

#include <kernel/types.h>

//% if debug.trace
/* `size` bytes were allocated; the number of this event, for ktrace_free(). */
size_t ktrace_alloc(size_t size);

/* What was allocated by that event was freed. */
void ktrace_free(size_t event);

/* Print what is not printed yet, and record no more: what follows is no load of the user's. */
void ktrace_end(void);
//% else
/* This kernel records nothing. */
static inline void ktrace_end(void)
{
}
//% endif

#endif /* MM_KTRACE_H */
