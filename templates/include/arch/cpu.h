/* The CPU's family, and the features that the kernel may use. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <kernel/types.h>

struct cpu {
	unsigned family; /* 3 for a 386, as CPUID numbers them; 6 and later alike */
	bool forced; /* by cpu= on the command line */
	bool invlpg; /* can flush one page from the TLB: 486 and later */
	bool wp; /* honours CR0.WP: 486 and later */
	bool pse; /* 4 MiB pages: Pentium and later */
	bool pge; /* pages that survive a reload of CR3: Pentium Pro and later */
	//% if features.user_space
	bool fxsr; /* SSE's registers can be saved: Pentium III and later, some Pentium II */
	bool apic; /* a local APIC stands between the 8259 and the CPU */
	//% endif
};

extern struct cpu cpu;

/*
 * Detect the CPU, or believe cpu=386|486|pentium|pentiumpro of the command line; print `#
 * kgen:cpu`. Refuses to boot on a CPU older than the description's minimum, or if the
 * name is unknown.
 */
void cpu_init(void);

/* Set bits in CR4. Only a CPU with pse or pge is known to have this register. */
void cpu_set_cr4(uint32_t bits);

/*
 * Marks the instruction that follows, in the same asm statement, as one that
 * needs a CPU of this family. kgen's verifier refuses every instruction newer than the
 * description's minimum without this mark. The code must test `cpu` before it executes
 * the instruction.
 */
#define CPU_GUARD(family)                               \
	"9:\n\t"                                        \
	".pushsection .kgen.guard, \"\", @progbits\n\t" \
	".long 9b, " #family "\n\t"                     \
	".popsection\n\t"

#endif /* ARCH_CPU_H */
