/*
 * What the CPU notices.
 *
 * Instructions newer than a 386, or none at all, stand as bytes in data: kgen's
 * verifier rightly refuses them in text.
 */
#include "faults.h"

#include <arch/io.h>
#include <arch/mmu.h>
#include <arch/sections.h>
#include <entry/trap.h>
#include <generated/layout.h>

static void divide(void)
{
	zero = 100 / zero;
}

static void single_step(void)
{
	__asm__ volatile("pushfl\n\torl $0x100, (%%esp)\n\tpopfl\n\tnop" : : : "cc", "memory");
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void overflow(void)
{
	int one = 1;

	__asm__ volatile("addl $0x7fffffff, %0\n\tinto" : "+r"(one) : : "cc");
}

static void bound(void)
{
	int limits[2] = { 10, 20 };

	__asm__ volatile("boundl %0, %1" : : "r"(30), "m"(limits));
}

static void run_data(const unsigned char *code)
{
	((void (*)(void))(uintptr_t)code)();
}

static void invalid_opcode(void)
{
	static const unsigned char ud2[] = { 0x0f, 0x0b };

	run_data(ud2);
}

static void no_coprocessor(void)
{
	static const unsigned char fninit[] = { 0xdb, 0xe3, 0xc3 };

	write_cr0(read_cr0() | 4); /* CR0.EM: emulate */
	run_data(fninit);
}

/* Divide 1 by 0 with the exception unmasked, then wait for it. */
static void coprocessor_error(void)
{
	static const unsigned char code[] = {
		0xdb, 0xe3, /* fninit */
		0x66, 0x6a, 0x00, /* pushw $0: control word, all unmasked */
		0xd9, 0x2c, 0x24, /* fldcw (%esp) */
		0xd9, 0xe8, /* fld1 */
		0xd9, 0xee, /* fldz */
		0xde, 0xf9, /* fdivrp */
		0x9b, /* fwait */
		0xf4, /* hlt */
	};

	write_cr0((read_cr0() & ~4u) | 0x20); /* CR0.NE: report inside the CPU */
	run_data(code);
}

/* The kernel's segments, and one more that is not present. */
static uint64_t gdt[] = { 0, 0x00cf9b000000ffffull, 0x00cf93000000ffffull, 0x00cf13000000ffffull };

#define ABSENT 0x18

static void load_gdt(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(gdt) - 1, (uintptr_t)gdt };

	__asm__ volatile("lgdt %0" : : "m"(pointer));
}

static void absent_segment(void)
{
	load_gdt();
	__asm__ volatile("movl %0, %%es" : : "r"(ABSENT));
}

static void absent_stack(void)
{
	load_gdt();
	__asm__ volatile("movl %0, %%ss" : : "r"(ABSENT));
}

static void wild_segment(void)
{
	__asm__ volatile("movl %0, %%es" : : "r"(0x1230));
}

static void no_such_vector(void)
{
	__asm__ volatile("int $0x80");
}

static void read_null(void)
{
	const volatile uint32_t *null = (const volatile uint32_t *)(uintptr_t)zero;

	zero = *null;
}

static void call_null(void)
{
	((void (*)(void))(uintptr_t)zero)();
}

static void write_text(void)
{
	*(volatile char *)_kernel_start = 1;
}

static void write_rodata(void)
{
	*(volatile char *)_rodata = 1;
}

static void write_below(void)
{
	*(volatile char *)(KERNEL_LOAD + 4) = 1;
}

static void write_guard(void)
{
	*(volatile char *)boot_stack_guard = 1;
}

static unsigned deeper(unsigned depth)
{
	volatile unsigned frame[64] = { depth };

	return zero ? 0 : deeper(depth + 1) + frame[depth % 64];
}

static void overflow_stack(void)
{
	zero = deeper(0);
}

static NOINLINE void large_frame(void)
{
	volatile char local[24576];

	local[0] = zero; /* 8 KiB below the stack, if nothing touches what is between */
	zero = local[0];
}

/* INT takes its vector from the instruction: it is written as it is needed. */
void interrupt(unsigned vector)
{
	static unsigned char code[] = { 0xcd, 0, 0xc3 }; /* int $n; ret */

	code[1] = vector;
	run_data(code);
}

/* INT pushes no error code: a frame with one is made by hand, as the CPU would. */
void raise_with_error(unsigned vector)
{
	extern void (*const trap_vectors[TRAP_COUNT])(void);

	__asm__ volatile("pushfl\n\tpushl %%cs\n\tpushl $1f\n\tpushl $0xe44\n\t"
			 "jmp *%0\n1:"
			 :
			 : "r"(trap_vectors[vector])
			 : "memory");
}

const struct trip cpu_trips[] = {
	{ "divide", divide },
	{ "single_step", single_step },
	{ "breakpoint", breakpoint },
	{ "overflow", overflow },
	{ "bound", bound },
	{ "invalid_opcode", invalid_opcode },
	{ "no_coprocessor", no_coprocessor },
	{ "coprocessor_error", coprocessor_error },
	{ "absent_segment", absent_segment },
	{ "absent_stack", absent_stack },
	{ "wild_segment", wild_segment },
	{ "no_such_vector", no_such_vector },
	{ "read_null", read_null },
	{ "call_null", call_null },
	{ "write_text", write_text },
	{ "write_rodata", write_rodata },
	{ "write_below", write_below },
	{ "write_guard", write_guard },
	{ "overflow_stack", overflow_stack },
	{ "large_frame", large_frame },
	{ NULL, NULL },
};
