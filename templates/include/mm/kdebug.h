/*
 * Watching allocations: the layer between kmalloc() and its tiers, in kernels whose
 * description asks for it (section `debug`).
 */
#ifndef MM_KDEBUG_H
#define MM_KDEBUG_H

#include <kernel/types.h>

/* Read what the command line says about failures. Call once. */
void kdebug_init(void);

/* kmalloc_aligned() on behalf of the code at `site`. */
void *kmalloc_from(size_t size, size_t align, const void *site);

/*
 * Print what is allocated at this moment as `# kgen:leak` lines, one for each call
 * site, and `leaks.count` and `leaks.bytes`.
 */
void kmalloc_print_leaks(void);

#endif /* MM_KDEBUG_H */
