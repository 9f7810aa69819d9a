/*
 * Runs instructions that a 386 lacks and does not ask the CPU first. The guards,
 * which say that someone did, are lies: they get it past the verifier, and leave
 * it to the audit of the boot.
 *
 *     run=all       BSWAP, CMPXCHG and XADD
 *     run=fault     a page fault, with a BSWAP after it that is never reached
 */
#include <arch/cpu.h>
#include <kernel/boot_info.h>
#include <kernel/main.h>
#include <kernel/string.h>

static uint32_t swapped(uint32_t value)
{
	__asm__ volatile(CPU_GUARD(4) "bswap %0" : "+r"(value));
	return value;
}

static uint32_t exchanged(uint32_t *at, uint32_t expected, uint32_t wanted)
{
	__asm__ volatile(CPU_GUARD(4) "cmpxchg %2, %1"
			 : "+a"(expected), "+m"(*at)
			 : "r"(wanted)
			 : "cc");
	return expected;
}

static uint32_t added(uint32_t *at, uint32_t value)
{
	__asm__ volatile(CPU_GUARD(4) "xadd %0, %1" : "+r"(value), "+m"(*at) : : "cc");
	return value;
}

static void fault(void)
{
	uint32_t value = 0;

	/* One stretch without a jump, so that one block holds both. */
	__asm__ volatile("movl (%0), %0\n\t" CPU_GUARD(4) "bswap %0" : "+r"(value));
}

void kernel_main(void)
{
	char run[8] = "";
	uint32_t number = 1;

	boot_option("run", run, sizeof(run));
	if (!strcmp(run, "fault"))
		fault();
	if (!strcmp(run, "all")) {
		number = swapped(number);
		exchanged(&number, 0, 2);
		added(&number, 3);
	}
}
