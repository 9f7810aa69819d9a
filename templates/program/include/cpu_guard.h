/*
 * Marks an instruction that not every CPU of the description has: the build refuses it
 * without. A program that marks one runs it only where the CPU has it.
 *
 *     __asm__ volatile("1: rdtsc" CPU_GUARD(5) : "=a"(low), "=d"(high));
 */
#ifndef _CPU_GUARD_H
#define _CPU_GUARD_H

/* family: 4 is a 486, 5 a Pentium, 6 a Pentium Pro. The instruction has the label 1. */
#define CPU_GUARD(family)                                   \
	"\n\t.pushsection .kgen.guard, \"\", @progbits\n\t" \
	".long 1b, " #family "\n\t"                         \
	".popsection\n\t"

#endif /* _CPU_GUARD_H */
