/*
 * A program's first instructions. The kernel has put on its stack, from the top down: argc,
 * the arguments' addresses, 0, the environment's addresses, 0, and pairs that nobody here
 * reads (System V ABI, i386 supplement, 3-28).
 */
	.section .text._start, "ax", @progbits
	.globl _start
	.type _start, @function
_start:
	xorl	%ebp, %ebp		/* the outermost frame */
	movl	%esp, %eax
	andl	$-16, %esp
	subl	$12, %esp
	pushl	%eax
	call	program_start		/* does not return */
	hlt
	.size _start, . - _start

/*
 * long syscall(long number, ...): up to six arguments, by INT 0x80. What the kernel
 * returns, errors included, as it is.
 */
	.section .text.syscall_raw, "ax", @progbits
	.globl syscall_raw
	.type syscall_raw, @function
syscall_raw:
	pushl	%ebp
	pushl	%edi
	pushl	%esi
	pushl	%ebx
	movl	20(%esp), %eax
	movl	24(%esp), %ebx
	movl	28(%esp), %ecx
	movl	32(%esp), %edx
	movl	36(%esp), %esi
	movl	40(%esp), %edi
	movl	44(%esp), %ebp
	int	$0x80
	popl	%ebx
	popl	%esi
	popl	%edi
	popl	%ebp
	ret
	.size syscall_raw, . - syscall_raw

/*
 * pid_t vfork(void): the child has this very stack, so the return address must not lie on
 * it while the child runs.
 */
	.section .text.vfork, "ax", @progbits
	.globl vfork
	.type vfork, @function
vfork:
	popl	%edx
	movl	$190, %eax
	int	$0x80
	pushl	%edx
	pushl	%eax
	call	syscall_result
	addl	$4, %esp
	ret
	.size vfork, . - vfork

/*
 * Where a handler of a signal returns to. The kernel's frame is of the old form, with the
 * signal's number on top, unless the handler was set with SA_SIGINFO.
 */
	.section .text.signal_return, "ax", @progbits
	.globl signal_return, signal_return_old
	.type signal_return, @function
	.type signal_return_old, @function
signal_return:
	movl	$173, %eax		/* rt_sigreturn() */
	int	$0x80
signal_return_old:
	popl	%eax
	movl	$119, %eax		/* sigreturn() */
	int	$0x80
	.size signal_return, . - signal_return

/* int setjmp(jmp_buf), void longjmp(jmp_buf, int): registers that a call preserves. */
	.section .text.setjmp, "ax", @progbits
	.globl setjmp, longjmp
	.type setjmp, @function
setjmp:
	movl	4(%esp), %eax
	movl	%ebx, (%eax)
	movl	%esi, 4(%eax)
	movl	%edi, 8(%eax)
	movl	%ebp, 12(%eax)
	leal	4(%esp), %ecx		/* as it is after the return */
	movl	%ecx, 16(%eax)
	movl	(%esp), %ecx
	movl	%ecx, 20(%eax)
	xorl	%eax, %eax
	ret
	.size setjmp, . - setjmp

	.type longjmp, @function
longjmp:
	movl	4(%esp), %edx
	movl	8(%esp), %eax
	testl	%eax, %eax
	jnz	1f
	incl	%eax
1:	movl	(%edx), %ebx
	movl	4(%edx), %esi
	movl	8(%edx), %edi
	movl	12(%edx), %ebp
	movl	16(%edx), %esp
	jmp	*20(%edx)
	.size longjmp, . - longjmp

	.section .note.GNU-stack, "", @progbits
