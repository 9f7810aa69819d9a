/*
 * A second loader. QEMU starts this as a Multiboot kernel, with a
 * script as its only module; it does what the script says to memory, then jumps
 * wherever the script wants with EAX and EBX of the script's choice. So a test
 * can be any loader: it writes the kernel's segments, the Multiboot information
 * and all that this points at wherever it likes.
 *
 * The script, 32-bit little-endian words: (to, length, bytes…) as often as need
 * be, then (-1, eax, ebx, entry). It must not overwrite this program or itself:
 * both lie from 32 MiB on.
 */
	.text
	.balign 4
	.long 0x1badb002, 0, -0x1badb002 /* the header comes first: the file is small */

	.globl _start
_start:
	cld
	movl 24(%ebx), %esi /* mods_addr */
	movl (%esi), %esi /* the first module's start */
next:
	lodsl
	movl %eax, %edi
	cmpl $-1, %edi
	je go
	lodsl
	movl %eax, %ecx
	rep movsb
	jmp next
go:
	lodsl
	movl %eax, %edx
	lodsl
	movl %eax, %ebx
	lodsl
	xchgl %eax, %edx
	jmp *%edx

	.section .note.GNU-stack, "", @progbits
