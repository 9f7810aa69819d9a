/*
 * Watching allocations: the layer between kmalloc() and its tiers, in kernels whose
 * description asks for it (section `debug`).
 */
#ifndef MM_KDEBUG_H
#define MM_KDEBUG_H

#include <kernel/types.h>

/*
 * Print what is allocated at this moment as `# kgen:leak` lines, one for each call
 * site, and `leaks.count` and `leaks.bytes`.
 */
void kmalloc_print_leaks(void);

#endif /* MM_KDEBUG_H */
