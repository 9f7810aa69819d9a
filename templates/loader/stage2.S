/*
 * The floppy loader's second stage: from the BIOS's world to a Multiboot kernel.
 *
 *   1. A20: let addresses above 1 MiB through.
 *   2. Memory: ask the BIOS for its map, by the newest call that it answers.
 *   3. Extents: read each from the disk through a buffer, copy it up, clear what
 *      the disk does not hold of it, check its sum.
 *   4. Enter the kernel in the state that Multiboot describes (0.6.96, 3.2).
 *
 * The machine that made the disk has computed everything that it could. plan.S lists the
 * extents with their addresses, and holds the Multiboot information except for the values
 * that only the BIOS knows.
 *
 * The BIOS runs in real mode, which reaches 1 MiB. To copy higher, `flat` enters
 * protected mode for a moment and `real` comes back (Intel 386 manual, 14.4 and
 * 14.5). Code stays 16-bit, and nothing is interrupted meanwhile.
 */
#include "loader.h"

#define SMAP 0x534d4150 /* "SMAP": signs question and answer of E820 */
#define TOP_OF_FIRST_MIB 0x100000
#define MULTIBOOT_MAGIC 0x2badb002

	.code16
	.text
	.globl stage2
stage2:
	movw $plan_title, %si
	call print
	call open_a20
	call read_memory_map
	call measure_memory
	movw $plan_extents, %bp
1:	call load_extent
	addw $EXTENT_LENGTH, %bp
	cmpw $plan_extents_end, %bp
	jb 1b
	movw $starting, %si
	call print

	/* 4. The drive's motor would run for ever: the BIOS's timer stops with IF. */
	movw $0x3f2, %dx
	movb $0, %al
	outb %al, %dx
	call flat
	movw $DATA32, %ax
	movw %ax, %ss
	movw %ax, %fs
	movw %ax, %gs
	movl $MULTIBOOT_MAGIC, %eax
	movl $multiboot_information, %ebx
	ljmpl $CODE32, $to_kernel
	.code32
to_kernel:
	jmp *plan_entry
	.code16

/*
 * 1. A20. While the line is closed, addresses from 1 MiB on wrap to 0. The ways to open
 *    it are tried in this order: the safest first, the one that resets some machines
 *    last.
 */
open_a20:
	call a20_is_open
	jne 9f

	movw $0x2401, %ax /* the BIOS of most machines after 1990 */
	int $0x15
	call a20_is_open
	jne 9f

	call keyboard_ready /* the AT's way: output port of the keyboard controller */
	movb $0xd1, %al
	outb %al, $0x64
	call keyboard_ready
	movb $0xdf, %al
	outb %al, $0x60
	call keyboard_ready
	call a20_is_open
	jne 9f

	inb $0x92, %al /* the PS/2's way; bit 0 would reset the machine */
	orb $0x02, %al
	andb $0xfe, %al
	outb %al, $0x92
	call a20_is_open
	movw $a20_closed, %si
	je fail
9:	ret

/* Clear ZF if A20 is open: a word changed at a low address is not changed 1 MiB higher. */
a20_is_open:
	movw $0xffff, %ax
	movw %ax, %fs
	xorw %cx, %cx /* 65536 tries, about 65 ms: it may open slowly */
1:	incw A20_PROBE
	outb %al, $0x80 /* takes 1 us */
	movw %fs:A20_PROBE + 0x10, %ax
	cmpw A20_PROBE, %ax
	loope 1b
	ret

/* Wait until the keyboard controller takes a byte, throwing away what it offers. */
keyboard_ready:
	xorw %cx, %cx
1:	outb %al, $0x80
	inb $0x64, %al
	testb $0x01, %al
	jz 2f
	inb $0x60, %al
2:	testb $0x02, %al
	loopnz 1b
	ret

/*
 * 2. The memory map, entry by entry. E820 (1994) knows all of the address space.
 * BIOSes without it, or with one that loses its signature on the way, are asked
 * by E801 (1993), and the oldest by 88h, for the size of what starts at 1 MiB.
 */
read_memory_map:
	movw $MEMORY_MAP, %di
	xorl %ebx, %ebx /* which entry: 0 the first, then what the BIOS says */
1:	pushw %di
	addw $MAP_BASE, %di
	movl $0xe820, %eax
	movl $SMAP, %edx
	movl $MAP_ENTRY - MAP_BASE, %ecx
	int $0x15
	popw %di
	jc 2f /* not known, or past the last entry */
	cmpl $SMAP, %eax
	jne older_calls
	movl $MAP_ENTRY - MAP_BASE, MAP_SIZE(%di)
	addw $MAP_ENTRY, %di
	testl %ebx, %ebx
	jz 3f
	cmpw $MEMORY_MAP_END, %di
	jb 1b
2:	cmpw $MEMORY_MAP, %di
	je older_calls
3:	movw %di, information_mmap_end
	ret

older_calls:
	movw $MEMORY_MAP, %di
	int $0x12 /* AX: KiB from 0 */
	movzwl %ax, %ecx
	shll $10, %ecx
	xorl %edx, %edx
	call add_entry

	xorw %cx, %cx
	xorw %dx, %dx
	movw $0xe801, %ax
	int $0x15
	jc 2f
	testw %cx, %cx /* some answer in AX and BX, some in CX and DX, some in both */
	jnz 1f
	movw %ax, %cx
	movw %bx, %dx
1:	testw %cx, %cx /* KiB from 1 MiB, at most 15 MiB */
	jz 2f
	pushw %dx /* blocks of 64 KiB from 16 MiB */
	movzwl %cx, %ecx
	shll $10, %ecx
	movl $TOP_OF_FIRST_MIB, %edx
	call add_entry
	popw %cx
	shll $16, %ecx
	movl $0x1000000, %edx
	call add_entry
	jmp 3b

2:	movb $0x88, %ah /* AX: KiB from 1 MiB */
	int $0x15
	jc 3b
	movzwl %ax, %ecx
	shll $10, %ecx
	movl $TOP_OF_FIRST_MIB, %edx
	call add_entry
	jmp 3b

/* Add ECX bytes of memory from EDX on to the map, unless ECX is 0. */
add_entry:
	jecxz 1f
	movl $MAP_ENTRY - MAP_BASE, MAP_SIZE(%di)
	movl %edx, MAP_BASE(%di)
	movl %ecx, MAP_LENGTH(%di)
	xorl %eax, %eax
	movl %eax, MAP_BASE + 4(%di)
	movl %eax, MAP_LENGTH + 4(%di)
	movl $MAP_AVAILABLE, MAP_TYPE(%di)
	addw $MAP_ENTRY, %di
1:	ret

/*
 * Compute the size of memory below 640 KiB, and from 1 MiB to the first hole: EDX moves
 * to the end of the entry that contains it, until no entry does. Fail if the plan needs
 * more memory.
 */
measure_memory:
	int $0x12
	movzwl %ax, %eax
	movl %eax, information_mem_lower
	movl $TOP_OF_FIRST_MIB, %edx
1:	movw $MEMORY_MAP, %si
2:	cmpw information_mmap_end, %si
	jae 4f
	cmpl $MAP_AVAILABLE, MAP_TYPE(%si)
	jne 3f
	cmpl $0, MAP_BASE + 4(%si)
	jne 3f
	movl MAP_BASE(%si), %eax
	cmpl %edx, %eax
	ja 3f
	xorl %ecx, %ecx
	addl MAP_LENGTH(%si), %eax
	adcl MAP_LENGTH + 4(%si), %ecx
	jz 5f
	movl $0xfffff000, %eax /* it goes on above 4 GiB, which is out of reach */
5:	cmpl %edx, %eax
	jbe 3f
	movl %eax, %edx
	jmp 1b
3:	addw $MAP_ENTRY, %si
	jmp 2b

4:	subl $TOP_OF_FIRST_MIB, %edx
	shrl $10, %edx
	movl %edx, information_mem_upper
	movw information_mmap_end, %ax
	subw $MEMORY_MAP, %ax
	movw %ax, information_mmap_length
	movw $plan_too_large, %si
	cmpl plan_upper_kib, %edx
	jb fail
	ret

/* 3. Load the extent whose record is at BP; it begins at the sector `next`. */
load_extent:
	movw EXTENT_SECTORS(%bp), %ax
	movw %ax, left
	movl EXTENT_ADDRESS(%bp), %edi
	movl EXTENT_BYTES(%bp), %edx
	jmp 2f
1:	movw $BOUNCE >> 4, %ax
	movw %ax, %es
	xorw %bx, %bx
	pushl %edi
	pushl %edx
	call read_chunk
	popl %edx
	popl %edi
	movzwl %cx, %ecx
	shll $9, %ecx
	cmpl %edx, %ecx /* the last sector may not be full */
	jbe 3f
	movl %edx, %ecx
3:	subl %ecx, %edx
	movl $BOUNCE, %esi
	call flat
	addr32 rep movsb
	call real
	movb $'.', %al
	call putc
2:	cmpw $0, left
	jne 1b

	call flat
	movl EXTENT_SIZE(%bp), %ecx
	subl EXTENT_BYTES(%bp), %ecx
	xorl %eax, %eax
	addr32 rep stosb
	movl EXTENT_ADDRESS(%bp), %esi
	movl EXTENT_BYTES(%bp), %ecx
	call sum
	movl %eax, %ecx
	call real
	cmpl EXTENT_SUM(%bp), %ecx
	jne 4f
	ret
4:	movw $damaged, %si
	call print
	movw EXTENT_NAME(%bp), %si
	jmp fail

/* Enter protected mode with DS and ES over all 4 GiB. EAX is clobbered. */
flat:
	cli
	lgdtl gdt_pointer
	movl %cr0, %eax
	orb $0x01, %al
	movl %eax, %cr0
	ljmp $CODE16, $1f
1:	movw $DATA16, %ax
	movw %ax, %ss
	movw $DATA32, %ax
	movw %ax, %ds
	movw %ax, %es
	ret

/* Return to real mode, with the segments' limits that it expects. EAX is clobbered. */
real:
	movw $DATA16, %ax
	movw %ax, %ds
	movw %ax, %es
	movl %cr0, %eax
	andb $0xfe, %al
	movl %eax, %cr0
	ljmp $0, $1f
1:	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	sti
	ret

	.balign 8
gdt:
	.quad 0
	.quad 0x00009b000000ffff /* CODE16: 64 KiB from 0 */
	.quad 0x000093000000ffff /* DATA16: the same as data */
	.quad 0x00cf9b000000ffff /* CODE32: 4 GiB */
	.quad 0x00cf93000000ffff /* DATA32: 4 GiB */
gdt_end:
	.word 0 /* aligns the base */
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt

starting:
	.asciz "\r\n"
a20_closed:
	.asciz "\r\nkgen: A20 cannot be opened: memory from 1 MiB on is out of reach"
damaged:
	.asciz "\r\nkgen: damaged on disk or in memory: "
	.section .note.GNU-stack, "", @progbits
