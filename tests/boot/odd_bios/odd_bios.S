/*
 * A BIOS with a flaw of choice: a boot sector that changes the one there is,
 * then starts the real boot sector, which a test has moved to the last sector.
 *
 * It stays at 0x80000, above all that the loader uses, and stands before the
 * BIOS's calls 13h (disk) and 15h (memory and A20). The flaws, each a -D:
 *
 *   A20_CLOSED   A20 is closed at the start
 *   NO_2401      15h/2401 (open A20) is not known
 *   WANTS_2401   13h: reads past the first cylinder fail until 15h/2401 came
 *   NOT_BY_92    13h: they fail if A20 was opened through port 92h
 *   NO_E820      15h/E820 is not known
 *   LOSES_SMAP   15h/E820 answers once, then forgets its signature
 *   LONG_E820    15h/E820 writes 24 bytes, whatever it is asked for
 *   NO_E801      15h/E801 is not known
 *   E801_IN_AX   15h/E801 answers in AX and BX alone
 *   FLAKY        13h: two reads of three fail
 *   SINGLE       13h: reads of several sectors fail
 *   SHORT_TRACK  the disk table says 9 sectors a track, and 13h goes by it
 *   BAD_TRACK=n  13h: reads on cylinder n fail
 */
#define HOME 0x8000 /* segment */

	.code16
	.text
	.globl start
start:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw $0x7c00, %sp
	movw $HOME, %ax
	movw %ax, %es
	movw $0x7c00, %si
	xorw %di, %di
	movw $256, %cx
	rep movsw
	ljmp $HOME, $1f
1:	/* DS is 0: the vectors. */
	movl 0x13 * 4, %eax
	movl %eax, %cs:old_13
	movl 0x15 * 4, %eax
	movl %eax, %cs:old_15
	movw $new_13, 0x13 * 4
	movw $HOME, 0x13 * 4 + 2
	movw $new_15, 0x15 * 4
	movw $HOME, 0x15 * 4 + 2
#ifdef SHORT_TRACK
	pushw %ds
	ldsw 0x1e * 4, %si
	movw $table, %di
	movw $11, %cx
	rep movsb
	popw %ds
	movb $9, %es:table + 4
	movw $table, 0x1e * 4
	movw $HOME, 0x1e * 4 + 2
#endif
#ifdef A20_CLOSED
	inb $0x92, %al
	andb $0xfc, %al
	outb %al, $0x92
#endif
	xorw %ax, %ax
	movw %ax, %es
	sti
	movw $0x0201, %ax
	movw $0x7c00, %bx
	movw $(79 << 8 | 18), %cx
	movb $1, %dh
	pushfw
	cli
	lcall *%cs:old_13
	xorb %dh, %dh
	ljmp $0, $0x7c00

new_13:
	cmpb $0x02, %ah
	jne 9f
#ifdef FLAKY
	decb %cs:left_to_fail
	jns refuse
	movb $2, %cs:left_to_fail
#endif
#ifdef SINGLE
	cmpb $1, %al
	ja refuse
#endif
#ifdef SHORT_TRACK
	pushw %ds
	pushw %bx
	pushw %ax
	xorw %bx, %bx
	movw %bx, %ds
	ldsw 0x1e * 4, %bx
	movb %cl, %ah
	addb %al, %ah
	decb %ah
	cmpb %ah, 4(%bx) /* last sector of a track */
	popw %ax
	popw %bx
	popw %ds
	jb refuse
#endif
#ifdef WANTS_2401
	cmpb $0, %ch
	je 8f
	cmpb $0, %cs:asked_2401
	je refuse
8:
#endif
#ifdef NOT_BY_92
	cmpb $0, %ch
	je 8f
	pushw %ax
	inb $0x92, %al
	testb $0x02, %al
	popw %ax
	jnz refuse
8:
#endif
#ifdef BAD_TRACK
	cmpb $BAD_TRACK, %ch
	je refuse
#endif
9:	ljmp *%cs:old_13

new_15:
#ifdef NO_2401
	cmpw $0x2401, %ax
	je refuse
#endif
#ifdef WANTS_2401
	cmpw $0x2401, %ax
	jne 8f
	movb $1, %cs:asked_2401
8:
#endif
#ifdef NO_E820
	cmpw $0xe820, %ax
	je refuse
#endif
#ifdef NO_E801
	cmpw $0xe801, %ax
	je refuse
#endif
#ifdef LOSES_SMAP
	cmpw $0xe820, %ax
	jne 8f
	testl %ebx, %ebx
	jz 8f
	xorl %eax, %eax
	jmp agree
8:
#endif
#ifdef LONG_E820
	cmpw $0xe820, %ax
	jne 8f
	movl $0x0badf00d, %es:20(%di)
	pushfw
	lcall *%cs:old_15
	jc refuse
	movl $24, %ecx
	jmp agree
8:
#endif
#ifdef E801_IN_AX
	cmpw $0xe801, %ax
	jne 8f
	pushfw
	lcall *%cs:old_15
	movw %cx, %ax
	movw %dx, %bx
	xorw %cx, %cx
	xorw %dx, %dx
	jmp agree
8:
#endif
	ljmp *%cs:old_15

agree:
	pushw %bp
	movw %sp, %bp
	andw $0xfffe, 6(%bp)
	popw %bp
	iret
refuse:
	movb $0x20, %ah /* "controller failure"; what it says is no matter to 15h */
	pushw %bp
	movw %sp, %bp
	orw $1, 6(%bp)
	popw %bp
	iret

old_13:
	.long 0
old_15:
	.long 0
asked_2401:
	.byte 0
left_to_fail:
	.byte 2
table:
	.skip 11

	.org 510
	.word 0xaa55
	.section .note.GNU-stack, "", @progbits
