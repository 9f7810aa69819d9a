/*
 * The first instructions: from a Multiboot loader to kmain() in the higher half.
 *
 * At _start the machine is in protected mode with paging off and flat segments;
 * EAX holds the loader's magic, EBX the physical address of its information
 * (Multiboot 0.6.96, 3.2). ESP, the GDT register and all flags but IF and VM are
 * undefined. The image is linked at KERNEL_START but runs at KERNEL_LOAD, so
 * until paging is on every address is taken through PHYS().
 *
 *   1. Fill the boot page tables: physical 0 up to the end of image and early data, as
 *      computed by the linker. The pages have 4 KiB: a 386 has no others.
 *   2. Point two stretches of the boot page directory at the same tables: one at
 *      0, where we run now, and one at KERNEL_BASE, where we are about to run.
 *   3. Turn paging on; the next instruction is fetched through the first stretch.
 *   4. Jump to the second: indirectly, because a relative jump would land in the
 *      first again. kmain() removes the first stretch soon after.
 */
#include <arch/mmu.h>
#include <generated/layout.h>

#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_PAGE_ALIGN 0x1 /* modules start on pages */
#define MULTIBOOT_MEMORY_INFO 0x2 /* mem_lower, mem_upper, memory map */
#define MULTIBOOT_FLAGS (MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO)

#define PHYS(symbol) (symbol - KERNEL_BASE)

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_HEADER_MAGIC
	.long MULTIBOOT_FLAGS
	.long -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_FLAGS)

	.section .text.boot, "ax"
	.globl _start
	.type _start, @function
_start:
	cli
	cld
	movl %eax, %edx /* the magic; EAX is about to be used */

	/* 1. Page tables: entry i maps page frame i. */
	movl $PHYS(boot_page_tables), %edi
	movl $(PTE_PRESENT | PTE_WRITE), %eax
	movl $_boot_table_entries, %ecx
1:	stosl
	addl $0x1000, %eax
	loop 1b

	/* 2. Empty tables, though .bss should be zero already. */
	movl $PHYS(boot_page_directory), %edi
	xorl %eax, %eax
	movl $1024, %ecx
	rep stosl
	movl $PHYS(fixmap_table), %edi
	movl $1024, %ecx
	rep stosl
	movl $PHYS(page_map_table), %edi
	movl $1024, %ecx
	rep stosl

	movl $PHYS(boot_page_directory), %edi
	movl $(PHYS(boot_page_tables) + (PTE_PRESENT | PTE_WRITE)), %eax
	movl $_boot_table_count, %ecx
2:	movl %eax, (%edi) /* identity */
	movl %eax, KERNEL_PDE * 4(%edi) /* higher half */
	addl $4, %edi
	addl $0x1000, %eax
	loop 2b
	movl $(PHYS(fixmap_table) + (PTE_PRESENT | PTE_WRITE)), %eax
	movl %eax, PHYS(boot_page_directory) + FIXMAP_PDE * 4
	movl $(PHYS(page_map_table) + (PTE_PRESENT | PTE_WRITE)), %eax
	movl %eax, PHYS(boot_page_directory) + PAGE_MAP_PDE * 4

	/* 3. Only PG is added: reserved bits of CR0 read as undefined on a 386. */
	movl $PHYS(boot_page_directory), %eax
	movl %eax, %cr3
	movl %cr0, %eax
	orl $CR0_PG, %eax
	movl %eax, %cr0

	/* 4. Jumping also discards what a 386 prefetched before paging was on. */
	movl $higher_half, %eax
	jmp *%eax
	.size _start, . - _start

	.text
	.type higher_half, @function
higher_half:
	movl $boot_stack_top, %esp
	xorl %ebp, %ebp /* ends every backtrace */
	pushl $0
	popfl
	lgdt gdt_pointer
	ljmp $KERNEL_CS, $3f
3:	movl $KERNEL_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss

	movl %edx, %eax /* uint32_t magic */
	movl %ebx, %edx /* phys_addr_t info; arguments are in registers: -mregparm */
	call kmain
4:	cli /* kmain() does not return */
	hlt
	jmp 4b
	.size higher_half, . - higher_half

/*
 * Flat segments over all 4 GiB; protection is paging's task.
 * Descriptors as in Intel SDM vol. 3, 3.4.5.
 */
	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* KERNEL_CS: code, read, ring 0, 4 GiB, accessed */
	.quad 0x00cf93000000ffff /* KERNEL_DS: data, write, ring 0, 4 GiB, accessed */
gdt_end:

	.balign 4
	.word 0 /* aligns the base */
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt

	.section .note.GNU-stack, "", @progbits
