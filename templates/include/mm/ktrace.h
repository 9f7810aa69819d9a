/*
 * Recording allocations, for `kgen tune`: kernels with debug.trace.
 */
#ifndef MM_KTRACE_H
#define MM_KTRACE_H

#include <kernel/types.h>

//% if debug.trace
/* `size` bytes were allocated. Returns the number of this event, for ktrace_free(). */
size_t ktrace_alloc(size_t size);

/* The allocation that this event recorded was freed. */
void ktrace_free(size_t event);

/*
 * Print the events that are still buffered, and record no more: later ones are not the
 * user's load.
 */
void ktrace_end(void);
//% else
/* This kernel records nothing. */
static inline void ktrace_end(void)
{
}
//% endif

#endif /* MM_KTRACE_H */
