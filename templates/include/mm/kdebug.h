/*
 * Watching allocations: the layer between kmalloc() and its tiers, in kernels whose
 * description asks for it (section `debug`).
 */
#ifndef MM_KDEBUG_H
#define MM_KDEBUG_H

#include <kernel/types.h>

//% if debug.leaks
/*
 * Print what is allocated at this moment as `# kgen:leak` lines, one for each call
 * site, and `leaks.count` and `leaks.bytes`.
 */
void kmalloc_print_leaks(void);
//% else
/* This kernel does not note who allocates. */
static inline void kmalloc_print_leaks(void)
{
}
//% endif
//% if debug.quarantine

/* The quarantine holds no more than such a part of the memory, or of the arena. */
#define QUARANTINE_PART 16

/* Call once, when pages can be allocated: their number limits the quarantine. */
void quarantine_init(void);

//% endif

#endif /* MM_KDEBUG_H */
