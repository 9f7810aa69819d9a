/*
 * The shortest kernel that QEMU can boot and leave: tells the debug-exit port
 * that it passed. Its run time is QEMU's own.
 */
	.text
	.balign 4
	.long 0x1badb002, 0, -0x1badb002 /* Multiboot header: magic, flags, checksum */

	.globl _start
_start:
	movb $0x10, %al
	outb %al, $0xf4
1:	hlt
	jmp 1b

	.section .note.GNU-stack, "", @progbits
