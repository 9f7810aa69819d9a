/*
 * The permanent global descriptor table: code that ends where text does, data
 * over everything, and two tasks.
 */
#ifndef ARCH_GDT_H
#define ARCH_GDT_H

#include <kernel/types.h>

/* Selectors; KERNEL_CS and KERNEL_DS are in arch/mmu.h. */
#define TASK_MAIN 0x18 /* everything runs in it */
#define TASK_DOUBLE_FAULT 0x20 /* for vector 8 alone, with a stack of its own */
//% if features.user_space
/* 0x28 to 0x48: ring 3's (arch/usermode.h). */
//% endif

/* Task state segment: Intel SDM vol. 3, 7.2.1. */
struct tss {
	uint32_t link;
	uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
	uint32_t cr3;
	uint32_t eip, eflags;
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs;
	uint32_t ldt;
	uint16_t trap;
	uint16_t io_map; /* offset of the I/O permission map: none */
};

/* What the CPU saves here when it leaves for the double-fault task. */
extern struct tss tss_main;

/* Load table and main task. A double fault enters `double_fault`, on a stack of its own. */
void gdt_init(void (*double_fault)(void));

/* The double-fault task must use the page directory that CR3 holds now. */
void gdt_follow_cr3(void);

#endif /* ARCH_GDT_H */
