/* CPU exceptions. */
#ifndef ENTRY_TRAP_H
#define ENTRY_TRAP_H

#include <kernel/types.h>

#define TRAP_COUNT 32 /* vectors reserved for exceptions: Intel SDM vol. 3, 6.3.1 */
#define TRAP_DOUBLE_FAULT 8
#define TRAP_GENERAL_PROTECTION 13
#define TRAP_PAGE_FAULT 14

/* The registers as vectors.S leaves them on the stack, lowest address first. */
struct trap_frame {
	uint32_t edi, esi, ebp, esp_pushal, ebx, edx, ecx, eax; /* PUSHAL */
	uint32_t vector, error; /* error: 0 where the CPU pushes none */
	uint32_t eip, cs, eflags; /* pushed by the CPU */
};

/* Load GDT and IDT; the first 32 gates lead to trap_handler(). */
void trap_init(void);

/* Called by vectors.S. Nothing in the kernel faults on purpose: it panics. */
void trap_handler(const struct trap_frame *frame) __attribute__((noreturn));

/* Entry of the double-fault task, in vectors.S. */
void trap_double_fault_task(void) __attribute__((noreturn));

/* The same for the double-fault task, which finds the registers in tss_main. */
void trap_double_fault(void) __attribute__((noreturn));

/* Describe a fault in one line without quotes: the access, and the region by name. */
void describe_fault(const struct trap_frame *frame, uint32_t cr2, char *text, size_t size);

/* "page fault", "general protection", … */
const char *trap_name(unsigned vector);

#endif /* ENTRY_TRAP_H */
