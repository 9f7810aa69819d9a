/* CPU exceptions. */
#ifndef ENTRY_TRAP_H
#define ENTRY_TRAP_H

#include <arch/frame.h>
#include <kernel/types.h>

/* Load GDT and IDT; the first 32 gates lead to trap_handler(). */
void trap_init(void);

//% if features.user_space
/*
 * Called by vectors.S for what interrupts the kernel: a tick that timer_wait() waits for,
 * and a fault of an instruction that may fault, as it touches a program's memory. Returns
 * where the frame says. Anything else panics.
 */
void trap_handler(struct trap_frame *frame);
//% else
/* Called by vectors.S. Nothing in the kernel faults on purpose: it panics. */
void trap_handler(const struct trap_frame *frame) __attribute__((noreturn));
//% endif

/* Entry of the double-fault task, in vectors.S. */
void trap_double_fault_task(void) __attribute__((noreturn));

/* The same for the double-fault task, which finds the registers in tss_main. */
void trap_double_fault(void) __attribute__((noreturn));

/* Describe a fault in one line without quotes: the access, and the region by name. */
void describe_fault(const struct trap_frame *frame, uint32_t cr2, char *text, size_t size);

/* "page fault", "general protection", … */
const char *trap_name(unsigned vector);

#endif /* ENTRY_TRAP_H */
