/*
 * A program that says when it began: its first instruction reads the clock, and the
 * reading goes to standard output. It needs no stack but what the kernel gave it.
 */
	.text
	.globl _start
	.type _start, @function
_start:
1:	rdtsc
	.pushsection .kgen.guard, "", @progbits
	.long 1b, 5			/* a Pentium has RDTSC; kgen bench runs on no older one */
	.popsection
	pushl	%eax
	movl	$4, %eax		/* write(1, stack pointer, 4) */
	movl	$1, %ebx
	movl	%esp, %ecx
	movl	$4, %edx
	int	$0x80
	movl	$1, %eax		/* exit(0) */
	xorl	%ebx, %ebx
	int	$0x80
	.size _start, . - _start

	.section .note.GNU-stack, "", @progbits
