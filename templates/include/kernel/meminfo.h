/*
 * How memory is used: counters for programs, a table for people.
 */
#ifndef KERNEL_MEMINFO_H
#define KERNEL_MEMINFO_H

#include <kernel/types.h>
#include <mm/page.h>
#include <mm/report.h>

/*
 * Print a table of this moment: zones by order, caches, heap, arena. It changes
 * nothing, and may be called from kernel_main() on.
 */
void meminfo_print(void);

/*
 * The end's report: all counters as `# kgen:stat` lines, with `initial` for how the
 * zones began; the table as well, if the command line has the word `stats`. After the
 * caches' counters and before the zones', all memory that is kept without being in use is
 * reclaimed.
 */
void meminfo_report(const struct free_profile *initial);

#endif /* KERNEL_MEMINFO_H */
