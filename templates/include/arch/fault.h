/* What a CPU exception means, in words. */
#ifndef ARCH_FAULT_H
#define ARCH_FAULT_H

#include <arch/trap.h>
#include <kernel/types.h>

/* One line without quotes: what was tried, and in which region, by name. */
void describe_fault(const struct trap_frame *frame, uint32_t cr2, char *text, size_t size);

#define PLACE_MAX 80 /* characters enough to describe any place in words */

/* The name of the region in which a virtual address lies. */
void describe_address(uintptr_t addr, char *text, size_t size);

#endif /* ARCH_FAULT_H */
