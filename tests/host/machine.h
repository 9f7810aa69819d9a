/*
 * A machine for kmalloc and all that it stands on, as a program: frames, page
 * tables, and a TLB that forgets only what it is told to.
 *
 *   frames       pages of a file in memory
 *   direct map   the file, mapped at KERNEL_BASE as far as the direct map reaches
 *   page tables  table_run() is an array of the machine's own
 *   TLB          what is mapped in the arena. An access that faults is looked up in
 *                the page tables and mapped, once; flush_tlb_*() unmaps.
 *
 * So a frame keeps what was written to it wherever it is mapped, an access beside
 * an allocation faults, and whoever reuses a frame before the flush finds that its
 * last owner still has it: as in the kernel.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <kernel/types.h>

#define RAM_FIRST 256 /* page frame: the first MiB is not ours */

/* Start with RAM up to frame `ram`, RAM_FIRST excluded, and `arena` pages of addresses. */
void machine_begin(size_t ram, size_t arena);

/* The page-table entry of an address of the arena; 0 of any other. */
uint32_t machine_entry(const void *virt);

/* Whether use(pointer) ends in panic() or in a page fault. */
bool machine_stops(void (*use)(void *pointer), void *pointer);

#endif /* MACHINE_H */
