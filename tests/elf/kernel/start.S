/*
 * The smallest kernel that keeps every rule of kgen.verify; tests break it rule by rule.
 */
	.section .multiboot, "a"
	.balign	4
header:	.long	0x1badb002
	.long	0x3
	.long	-(0x1badb002 + 0x3)

	.text
	.globl	_start, halt, count
	.type	_start, @function
_start:
	cli
	movl	$message, %esi
	movl	count, %ecx
	rep; nop
halt:	hlt
	jmp	halt
	.size	_start, . - _start

	.section .rodata
message:
	.asciz	"a kernel that halts"

	.data
count:	.long	19

	.section .note.GNU-stack, "", @progbits
