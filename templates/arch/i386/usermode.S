/*
 * Into ring 3 and back.
 *
 *     enter_user(frame)        pushes what its caller wants kept, notes the stack pointer,
 *        │                     pops the program's registers out of the frame, IRET
 *        ▼
 *     program runs
 *        │ INT 0x80, fault,    the CPU finds the end of the frame in the TSS (esp0) and
 *        │ interrupt           pushes SS, ESP, EFLAGS, CS, EIP into it; the stubs the rest
 *        ▼
 *     user_trapped             takes the kernel's stack again and returns from enter_user()
 *
 * So the registers of a program are in its frame whenever the kernel runs, and on the
 * kernel's stack there is nothing of it.
 */
#include <arch/mmu.h>
#include <arch/usermode.h>

#define FRAME_ES 64 /* offsets in struct user_frame */
#define FRAME_VECTOR (FRAME_ES + 8 + 32)
#define FRAME_ERROR (FRAME_VECTOR + 4)
#define FRAME_SIZE (FRAME_ERROR + 4 + 12 + 8)
#define TSS_ESP0 4

#define TRAP_VECTOR 32 /* offsets in struct trap_frame */
#define TRAP_ERROR 36

	.text
	.globl enter_user
	.type enter_user, @function
enter_user:
	pushl %ebp
	pushl %edi
	pushl %esi
	pushl %ebx
	movl %esp, kernel_esp
	leal FRAME_SIZE(%eax), %edx
	movl %edx, tss_main + TSS_ESP0
	leal FRAME_ES(%eax), %esp
	.globl user_exit_start, user_exit_end
user_exit_start:
	popl %es
	popl %ds
	popal
	addl $8, %esp /* vector and error code */
	iret
user_exit_end:
	.size enter_user, . - enter_user

/* INT 0x80: no error code, and never from ring 0. */
	.globl trap_syscall
	.type trap_syscall, @function
trap_syscall:
	pushl $0
	pushl $VECTOR_SYSCALL
	pushal
	cld
	.size trap_syscall, . - trap_syscall

/* vectors.S comes here with whatever else interrupted ring 3, after PUSHAL. */
	.globl user_trapped
	.type user_trapped, @function
user_trapped:
	pushl %ds
	pushl %es
	movl $KERNEL_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl kernel_esp, %esp
	popl %ebx
	popl %esi
	popl %edi
	popl %ebp
	ret
	.size user_trapped, . - user_trapped

/*
 * One of the instructions between user_exit_start and user_exit_end faulted: the frame
 * held a selector that is not valid (any more). To whoever called enter_user() it is a
 * fault of the program's. The stack pointer is in the frame, or in the room below it.
 */
	.globl user_exit_faulted
	.type user_exit_faulted, @function
user_exit_faulted:
	movl $KERNEL_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl TRAP_VECTOR(%esp), %ecx
	movl TRAP_ERROR(%esp), %edx
	movl tss_main + TSS_ESP0, %eax
	movl %ecx, FRAME_VECTOR - FRAME_SIZE(%eax)
	movl %edx, FRAME_ERROR - FRAME_SIZE(%eax)
	movl kernel_esp, %esp
	popl %ebx
	popl %esi
	popl %edi
	popl %ebp
	ret
	.size user_exit_faulted, . - user_exit_faulted

/* void load_segments(uint32_t fs, uint32_t gs) */
	.globl load_segments
	.type load_segments, @function
load_segments:
1:	movl %eax, %fs
2:	movl %edx, %gs
	ret
3:	xorl %eax, %eax
	jmp 1b
4:	xorl %edx, %edx
	jmp 2b
	.pushsection .extable, "a", @progbits
	.long 1b, 3b
	.long 2b, 4b
	.popsection
	.size load_segments, . - load_segments

/* void save_segments(uint32_t *fs, uint32_t *gs) */
	.globl save_segments
	.type save_segments, @function
save_segments:
	movl %fs, %ecx
	movl %ecx, (%eax)
	movl %gs, %ecx
	movl %ecx, (%edx)
	ret
	.size save_segments, . - save_segments

/* size_t copy_faulting(void *to, const void *from, size_t n) */
	.globl copy_faulting
	.type copy_faulting, @function
copy_faulting:
	pushl %edi
	pushl %esi
	movl %eax, %edi
	movl %edx, %esi
	movl %ecx, %eax
	shrl $2, %ecx
1:	rep movsl
	movl %eax, %ecx
	andl $3, %ecx
2:	rep movsb
	movl %ecx, %eax
3:	popl %esi
	popl %edi
	ret
4:	andl $3, %eax /* ECX words are left, and the bytes after them */
	leal (%eax, %ecx, 4), %eax
	jmp 3b
5:	movl %ecx, %eax
	jmp 3b
	.pushsection .extable, "a", @progbits
	.long 1b, 4b
	.long 2b, 5b
	.popsection
	.size copy_faulting, . - copy_faulting

/* size_t zero_faulting(void *to, size_t n) */
	.globl zero_faulting
	.type zero_faulting, @function
zero_faulting:
	pushl %edi
	movl %eax, %edi
	movl %edx, %ecx
	xorl %eax, %eax
	shrl $2, %ecx
1:	rep stosl
	movl %edx, %ecx
	andl $3, %ecx
2:	rep stosb
	movl %ecx, %eax
3:	popl %edi
	ret
4:	andl $3, %edx
	leal (%edx, %ecx, 4), %eax
	jmp 3b
5:	movl %ecx, %eax
	jmp 3b
	.pushsection .extable, "a", @progbits
	.long 1b, 4b
	.long 2b, 5b
	.popsection
	.size zero_faulting, . - zero_faulting

/* int32_t copy_string_faulting(char *to, const char *from, size_t size) */
	.globl copy_string_faulting
	.type copy_string_faulting, @function
copy_string_faulting:
	pushl %edi
	pushl %esi
	movl %eax, %edi
	movl %edx, %esi
	movl %ecx, %edx
	jecxz 4f
1:	lodsb
2:	stosb
	testb %al, %al
	jz 3f
	decl %ecx
	jnz 1b
	jmp 4f
3:	subl %ecx, %edx /* ECX counts the NUL */
4:	movl %edx, %eax
5:	popl %esi
	popl %edi
	ret
6:	movl $-14, %eax /* -EFAULT */
	jmp 5b
	.pushsection .extable, "a", @progbits
	.long 1b, 6b
	.long 2b, 6b
	.popsection
	.size copy_string_faulting, . - copy_string_faulting

	.bss
	.balign 4
kernel_esp:
	.skip 4

	.section .note.GNU-stack, "", @progbits
