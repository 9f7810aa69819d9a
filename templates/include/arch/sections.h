/* Symbols of the linker script: only their addresses mean anything. */
#ifndef ARCH_SECTIONS_H
#define ARCH_SECTIONS_H

#include <kernel/types.h>

extern char _kernel_start[], _etext[]; /* header and text */
extern char _rodata[], _erodata[];
extern char _data[], _end[]; /* data and bss */
extern char _boot_mapped_end[]; /* what the boot page tables reach */

/* Below each stack is its guard, mapped nowhere: a stack overflow faults. */
extern char boot_stack_guard[], boot_stack[], boot_stack_top[];
extern char fault_stack_guard[], fault_stack[]; /* the double fault's, up to boot_stack_guard */
extern uint32_t boot_page_directory[];
extern uint32_t boot_page_tables[];
extern uint32_t fixmap_table[];
extern uint32_t page_map_table[];

#endif /* ARCH_SECTIONS_H */
