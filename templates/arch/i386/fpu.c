/*
 * The x87's registers, switched when they are used.
 *
 *   1. A program that is switched to finds CR0.TS set, unless the registers are its own.
 *   2. Its first x87 instruction faults (vector 7): the registers are saved into the state
 *      of whoever had them, and its own are loaded.
 *
 * SSE has registers of its own; a program that asks CPUID uses them. FXSAVE saves them, and CR4.OSFXSR
 * says that the kernel does so: without it an SSE instruction is invalid.
 *
 * A program that never uses the FPU never pays. FNSAVE, FRSTOR and FNINIT are a 387's; the
 * kernel executes nothing else of it. A 486 reports errors as vector 16 (CR0.NE); a 386
 * by an interrupt that stays masked: there they go unnoticed, as with any masked
 * exception.
 */
#include <arch/cpu.h>
#include <arch/fpu.h>
#include <arch/io.h>
#include <arch/mmu.h>

#define CR0_MP 0x02 /* WAIT heeds TS, too */
#define CR0_EM 0x04 /* x87 instructions fault: there is none */
#define CR0_TS 0x08 /* they fault once: the registers are another task's */
#define CR0_NE 0x20 /* errors are exceptions; 486 and later */

#define CR4_OSFXSR 0x200 /* FXSAVE is used; SSE instructions are valid */
#define CR4_OSXMMEXCPT 0x400 /* SSE's errors are exceptions: vector 19 */

#define MXCSR (24 / 4) /* SSE's control word, in the image of FXSAVE */
#define MXCSR_MASK (28 / 4) /* bits of it that this CPU has; 0: those of a Pentium III */
#define MXCSR_RESET 0x1f80 /* all exceptions masked */
#define MXCSR_PENTIUM3 0xffbf

static bool present;
static uint32_t mxcsr_mask;
static struct fpu_state *owner; /* whose registers the FPU has */

bool fpu_present(void)
{
	return present;
}

bool fpu_is_extended(void)
{
	return cpu.fxsr;
}

static void set_ts(void)
{
	uint32_t cr0 = read_cr0();

	if (!(cr0 & CR0_TS))
		write_cr0(cr0 | CR0_TS);
}

static void clear_ts(void)
{
	__asm__ volatile("clts" : : : "memory");
}

/* The state as FNINIT leaves it: a status of 0 and a control word of 0x37f. Without an FPU both stay. */
static bool detect(void)
{
	uint16_t status = 0xffff;
	uint16_t control = 0;

	__asm__ volatile(CPU_GUARD(7) "fninit");
	__asm__ volatile(CPU_GUARD(7) "fnstsw %0" : "+m"(status));
	__asm__ volatile(CPU_GUARD(7) "fnstcw %0" : "+m"(control));
	return !status && (control & 0x103f) == 0x3f;
}

/* Switch SSE's registers from here on, and ask which bits of MXCSR there are. */
static void extend(void)
{
	struct fpu_state state = { .extended = { 0 } };

	cpu_set_cr4(CR4_OSFXSR | CR4_OSXMMEXCPT);
	__asm__ volatile(CPU_GUARD(7) "fxsave %0" : "+m"(state.extended));
	mxcsr_mask = state.extended[MXCSR_MASK] ? state.extended[MXCSR_MASK] : MXCSR_PENTIUM3;
}

void fpu_init(void)
{
	uint32_t cr0 = read_cr0() & ~(uint32_t)(CR0_EM | CR0_TS);

	write_cr0(cr0);
	owner = NULL;
	present = detect();
	if (!present)
		cr0 |= CR0_EM;
	else if (cpu.family >= 4)
		cr0 |= CR0_NE;
	if (cpu.fxsr)
		extend();
	write_cr0(cr0 | CR0_MP | CR0_TS);
}

void fpu_switch(struct fpu_state *state)
{
	if (state == owner)
		clear_ts();
	else
		set_ts();
}

/* FNSAVE leaves the FPU initialised: the registers are nobody's then. */
static void save(void)
{
	clear_ts();
	if (cpu.fxsr)
		__asm__ volatile(CPU_GUARD(7) "fxsave %0" : "=m"(owner->extended));
	__asm__ volatile(CPU_GUARD(7) "fnsave %0" : "=m"(owner->words));
	owner = NULL;
}

void fpu_take(struct fpu_state *state)
{
	if (owner && owner != state)
		save();
	clear_ts();
	if (owner == state)
		return;
	if (cpu.fxsr)
		__asm__ volatile(CPU_GUARD(7) "fxrstor %0" : : "m"(state->extended));
	__asm__ volatile(CPU_GUARD(7) "frstor %0" : : "m"(state->words));
	owner = state;
}

void fpu_reset(struct fpu_state *state)
{
	fpu_forget(state);
	*state =
		(struct
		 fpu_state){ .words = {
				     0xffff037f, /* control: all exceptions masked, 64 bits of precision */
				     0xffff0000, /* status */
				     0xffffffff, /* tags: all registers are empty */
			     } };
	state->extended[MXCSR] = MXCSR_RESET;
}

void fpu_sanitize(struct fpu_state *state)
{
	state->extended[MXCSR] &= mxcsr_mask;
}

void fpu_sync(struct fpu_state *state)
{
	if (owner != state)
		return;
	save();
	set_ts();
}

void fpu_forget(struct fpu_state *state)
{
	if (owner != state)
		return;
	owner = NULL;
	set_ts();
}
