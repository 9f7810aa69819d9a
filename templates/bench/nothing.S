/*
 * A function of one instruction, whatever it is declared to take and to return. The ticks
 * of a call to it, less that instruction, are the cost of measuring (bench/timed.c).
 */
	.text
	.globl	bench_nothing
	.type	bench_nothing, @function
bench_nothing:
	ret
	.size	bench_nothing, . - bench_nothing

	.section .note.GNU-stack, "", @progbits
