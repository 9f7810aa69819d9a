/*
 * Ring 3: how the kernel enters it, and comes back.
 *
 * Seen from C, a program is a function that is called with a set of registers and
 * returns when something happened:
 *
 *     for (;;) {
 *             enter_user(&process->frame);    runs until it traps
 *             handle(process);                frame.trap.vector says why
 *     }
 *
 * So there is one kernel stack, whatever the number of processes, and nothing waits in
 * the middle of the kernel. Interrupts are on in ring 3 alone: the kernel is never
 * interrupted, and another process is chosen between two calls of enter_user() only.
 */
#ifndef ARCH_USERMODE_H
#define ARCH_USERMODE_H

/* Selectors of ring 3, with the privilege level that is asked for in bits 0 and 1. */
#define USER_CS 0x2b
#define USER_DS 0x33

/* Three descriptors that a process sets: thread-local storage (arch/segment.h). */
#define TLS_FIRST 7 /* index of the first in the GDT */
#define TLS_COUNT 3

/* Bits of EFLAGS. */
#define EFLAGS_FIXED 0x00000002 /* always set */
#define EFLAGS_TF 0x00000100
#define EFLAGS_IF 0x00000200
#define EFLAGS_DF 0x00000400
#define EFLAGS_IOPL 0x00003000
#define EFLAGS_NT 0x00004000
#define EFLAGS_AC 0x00040000

/* Flags that a program may set itself, by POPF or by returning from a signal: 0x50dd5. */
#define EFLAGS_USER (EFLAGS_AC | EFLAGS_DF | EFLAGS_TF | 0x8d5)

/* Vectors beyond the 32 exceptions. */
#define VECTOR_IRQ 0x20 /* the first of 16: where the two 8259s are moved to */
#define VECTOR_TIMER VECTOR_IRQ
#define VECTOR_SYSCALL 0x80

#ifndef __ASSEMBLER__

#include <arch/frame.h>
#include <kernel/types.h>

/*
 * Run user code with the registers of `frame` until it traps. Returns with the registers
 * of that moment in `frame`. FS and GS are whatever is in the registers (load_segments()).
 * A frame that IRET refuses comes back as a fault of the program's own.
 */
void enter_user(struct user_frame *frame);

//% if cpu.fpu != "x87"
/* From here on an x87 instruction faults (vector 7): nobody would save its registers. */
void refuse_fpu(void);

//% endif
/* A descriptor of the GDT, as the CPU has it: Intel SDM vol. 3, 3.4.5. */
struct segment {
	uint32_t low, high;
};

/* Put a process's three descriptors into the GDT. */
void load_tls(const struct segment tls[TLS_COUNT]);

/* FS and GS of the code that is to run, or ran last. An invalid selector becomes 0. */
void load_segments(uint32_t fs, uint32_t gs);
void save_segments(uint32_t *fs, uint32_t *gs);

/*
 * Instructions of the kernel that may fault: the words of an extable entry are the
 * instruction's address, and where to go on if the fault can't be resolved.
 */
struct extable_entry {
	uint32_t instruction, fixup;
};

extern const struct extable_entry _extable[], _extable_end[]; /* linker script */

/* Where to go on after a fault at eip that was not resolved; 0 if the kernel must not fault there. */
uint32_t extable_find(uint32_t eip);

/*
 * Copy n bytes where either side may fault. Returns how many bytes were not copied: 0 is
 * success. Checks no address: user/uaccess.h does.
 */
size_t copy_faulting(void *to, const void *from, size_t n);

/* The same, to a string's end: the length without the NUL, `size` if it has none there, -EFAULT. */
int32_t copy_string_faulting(char *to, const char *from, size_t size);

/* Zero n bytes where the access may fault; how many were not. */
size_t zero_faulting(void *to, size_t n);

#endif /* __ASSEMBLER__ */

#endif /* ARCH_USERMODE_H */
