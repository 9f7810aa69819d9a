/*
 * The way in for every bad kernel: a Multiboot 1 header, a stack, bad_main().
 *
 * Linked first and at 1 MiB, so the header stands in the first 8 KiB of the
 * file as the loader demands. Flag 1 asks for a memory map; there is no paging.
 */
	.set	MAGIC, 0x1badb002
	.set	FLAGS, 1 << 1

	.text
	.balign	4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.globl	_start
_start:
	cld
	movl	$stack_end, %esp
	pushl	%ebx			/* Multiboot information, physical */
	call	bad_main
halt:	hlt
	jmp	halt

	.bss
	.balign	16
stack:	.skip	4096
stack_end:

	.section .note.GNU-stack, "", @progbits
