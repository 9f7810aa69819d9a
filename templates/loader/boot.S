/*
 * The floppy loader's boot sector: the 512 bytes that a BIOS reads and starts.
 *
 * The BIOS leaves the sector at 0x7c00, the CPU in real mode, and the number of
 * the drive in DL; nothing else is certain. From here
 *
 *   1. Segments, stack and serial line are set up.
 *   2. The rest of the loader, in the sectors that follow, is read to STAGE2.
 *   3. Its sum is checked, and it is entered.
 *
 * print, number, fail, read_chunk and sum are used by stage 2 as well. The loader uses
 * nothing but the BIOS, and no instruction that a 386 lacks. Messages go to the screen
 * and to COM1.
 *
 * Addresses are offsets into segment 0, to which DS, ES and SS point throughout.
 */
#include "loader.h"

#define TRIES 5

	.code16
	.text
	.globl start
start:
	jmp 1f
	nop /* some BIOSes want to see this jump before they trust a sector */
1:	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $start, %sp
	sti
	ljmp $0, $2f /* some BIOSes come here as 0x07c0:0 */
2:	movb %dl, drive

	/* 115200 baud, 8N1, FIFO on, DTR and RTS. */
	movw $serial_setup, %si
	movw $(serial_setup_end - serial_setup) / 2, %cx
	movb $0x3, %dh
3:	lodsw
	movb %al, %dl
	movb %ah, %al
	outb %al, %dx
	loop 3b

	/*
	 * The BIOS's table of disk parameters (vector 0x1e points at it) may know
	 * fewer sectors in a track than we read at once: use a copy that does not.
	 */
	movw $DISK_TABLE, %di
	ldsw 0x1e * 4, %si
	movw $11, %cx
	rep movsb
	movw %cx, %ds
	movb $TRACK_SECTORS, DISK_TABLE + 4
	movw $DISK_TABLE, 0x1e * 4
	movw %cx, 0x1e * 4 + 2

	movw $STAGE2, %bx
4:	call read_chunk
	shlw $9, %cx
	addw %cx, %bx
	cmpw $0, left
	jne 4b

	movl $STAGE2, %esi
	movzwl %bx, %ecx
	subl %esi, %ecx
	call sum
	movw $damaged, %si
	cmpl stage2_sum, %eax
	je stage2

/* Print the string at SI and stop for ever. */
	.globl fail
fail:
	call print
fail_silently:
	movw $0x3fd, %dx
	movw %sp, %cx
1:	inb %dx, %al /* wait until the last bit is out, if that can be */
	testb $0x40, %al
	loopz 1b
	movb $EXIT_REFUSED, %al
	outb %al, $EXIT_PORT
2:	cli
	hlt
	jmp 2b

/* Print the string at SI. SI is left past it, AL is clobbered. */
	.globl print
1:	call putc
print:
	lodsb
	testb %al, %al
	jnz 1b
	ret

/* Print AX as a number to base BX. DX and AX are clobbered. */
	.globl number
number:
	xorw %dx, %dx
	divw %bx
	pushw %dx
	testw %ax, %ax
	jz 1f
	call number
1:	popw %ax
	addb $'0', %al
	cmpb $'9', %al
	jbe putc
	addb $'a' - '9' - 1, %al

/* Print the character AL, on the screen and on COM1. */
	.globl putc
putc:
	pushaw
	movb $0x0e, %ah
	movw $0x0007, %bx
	int $0x10
	popaw
	pushaw
	movb %al, %ah
	movw $0x3fd, %dx
	xorw %cx, %cx /* patience for 65536 reads, about 65 ms */
1:	inb %dx, %al
	testb $0x20, %al
	loopz 1b
	movb $0xf8, %dl
	movb %ah, %al
	outb %al, %dx
	popaw
	ret

/*
 * Read sectors to ES:BX from `next` on: the smaller of `left` and the rest of the track.
 * Both are advanced; CX says how many were read. An error is tried again, for
 * one sector alone: that says which one is bad, and helps a BIOS that cannot
 * read several at once.
 */
	.globl read_chunk
read_chunk:
	movw next, %ax
	xorw %dx, %dx
	movw $TRACK_SECTORS, %cx
	divw %cx /* AX: the track, DX: the sector in it, from 0 */
	subw %dx, %cx
	cmpw left, %cx
	jbe 1f
	movw left, %cx
1:	movw %cx, %di
	movb %dl, %cl
	incb %cl /* the BIOS counts sectors from 1 */
	shrw $1, %ax
	movb %al, %ch /* cylinder; there are less than 256 */
	setcb %dh /* head: the lowest bit of the track */
	movb drive, %dl
	movw $TRIES, %si
2:	movw %di, %ax
	movb $0x02, %ah
	pushw %di
	pushw %si
	pushw %dx
	pushw %cx
	pushw %bx
	int $0x13
	jnc 3f
	movb %ah, error
	xorw %ax, %ax
	movb drive, %dl
	int $0x13 /* reset: the next read seeks anew */
	stc
3:	popw %bx
	popw %cx
	popw %dx
	popw %si
	popw %di
	jnc 4f
	movw $1, %di
	decw %si
	jnz 2b

	movw $disk_error, %si
	call print
	movzbw error, %ax
	movw $16, %bx
	call number
	call print
	movw next, %ax
	movw $10, %bx
	call number
	jmp fail_silently

4:	movw %di, %cx
	addw %cx, next
	subw %cx, left
	ret

/*
 * EAX: the sum of ECX bytes from ESI on, as kgen computes it, too: turn left by
 * one bit, add the byte. So the sum depends on the position of each byte. EDX is
 * clobbered.
 */
	.globl sum
sum:
	xorl %eax, %eax
	movl %eax, %edx
	jecxz 2f
1:	roll $1, %eax
	movb (%esi), %dl
	addl %edx, %eax
	incl %esi
	decl %ecx
	jnz 1b
2:	ret

boot_data:

/* Each: low byte of a port of COM1, value. */
serial_setup:
	.byte 0xf9, 0x00 /* no interrupts */
	.byte 0xfb, 0x80 /* divisor… */
	.byte 0xf8, 0x01
	.byte 0xf9, 0x00
	.byte 0xfb, 0x03 /* 8N1 */
	.byte 0xfa, 0x07
	.byte 0xfc, 0x03
serial_setup_end:

disk_error:
	.asciz "\r\nkgen: disk error 0x"
	.asciz " at sector "
damaged:
	.asciz "\r\nkgen: loader is damaged on disk"

	.globl next, left, stage2_sum, stage2_sectors
next:
	.word 1 /* sector to be read next */
left:
stage2_sectors:
	.word 0 /* filled in by kgen when the loader has been linked */
stage2_sum:
	.long 0 /* likewise */
drive:
	.byte 0
error:
	.byte 0

	.org 510
	.word 0xaa55
	.section .note.GNU-stack, "", @progbits
