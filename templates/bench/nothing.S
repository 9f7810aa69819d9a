/*
 * A function of one instruction, whatever it is declared to take and to return. What
 * a call of it costs, less that one, is what measuring costs (bench/timed.c).
 */
	.text
	.globl	bench_nothing
	.type	bench_nothing, @function
bench_nothing:
	ret
	.size	bench_nothing, . - bench_nothing

	.section .note.GNU-stack, "", @progbits
