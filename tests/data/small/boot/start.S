/* Entry. */
	.section .multiboot, "a"
	.long 0x1BADB002, 0, -0x1BADB002
	.text
	.globl _start
_start:
	call main
1:	hlt
	jmp 1b
