/*
 * CPU detection with the documented methods, oldest first (Intel AP-485, 5):
 *
 *   1. EFLAGS.AC (bit 18) cannot be toggled on a 386.
 *   2. EFLAGS.ID (bit 21) can be toggled where CPUID exists: late 486, Pentium.
 *   3. CPUID leaf 1 gives the family.
 *
 * No step executes an instruction that an older CPU lacks. `cpu=386` on the
 * kernel command line ends the search there and makes the kernel behave as on that
 * CPU. So a newer machine, or an emulator without a 386, can run the 386's path. An FPU
 * is not detected: the kernel does not use one.
 */
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <generated/config.h>
#include <kernel/cmdline.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>

struct cpu cpu = { .family = 3 };

static const struct {
	const char *name;
	unsigned family;
} names[] = {
	{ "386", 3 },
	{ "486", 4 },
	{ "pentium", 5 },
	{ "pentiumpro", 6 },
};

#define EFLAGS_AC (1u << 18)
#define EFLAGS_ID (1u << 21)

static bool eflags_toggles(uint32_t flag)
{
	uint32_t before;
	uint32_t after;

	__asm__ volatile("pushfl\n\t"
			 "popl %0\n\t" /* before */
			 "movl %0, %1\n\t"
			 "xorl %2, %1\n\t"
			 "pushl %1\n\t"
			 "popfl\n\t"
			 "pushfl\n\t"
			 "popl %1\n\t" /* after */
			 "pushl %0\n\t"
			 "popfl" /* as it was */
			 : "=&r"(before), "=&r"(after)
			 : "ri"(flag)
			 : "cc");
	return ((before ^ after) & flag) != 0;
}

/* CPUID leaf 1: EAX has the family, EDX feature bits. */
#define CPUID_PSE (1u << 3)
#define CPUID_PGE (1u << 13)
//% if features.user_space
#define CPUID_APIC (1u << 9)
#define CPUID_FXSR (1u << 24)
//% endif

struct cpuid {
	unsigned family;
	uint32_t features;
};

static struct cpuid cpuid(void)
{
	uint32_t eax = 1;
	uint32_t ebx;
	uint32_t ecx = 0;
	uint32_t edx;

	__asm__ volatile(CPU_GUARD(5) "cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return (struct cpuid){ eax >> 8 & 15, edx };
}

/* The CPU's family, at most `most`: no CPUID is executed for a 386. */
static struct cpuid detect(unsigned most)
{
	struct cpuid found = { 3, 0 };

	if (most == 3 || !eflags_toggles(EFLAGS_AC))
		return found;
	found.family = 4;
	if (most == 4 || !eflags_toggles(EFLAGS_ID))
		return found;
	found = cpuid();
	found.family = MIN(MAX(found.family, 4u), most);
	return found;
}

static unsigned named(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i].name, name))
			return names[i].family;
	}
	refuse_boot("cpu=%s: known are 386, 486, pentium, pentiumpro", name);
}

void cpu_set_cr4(uint32_t bits)
{
	uint32_t value;

	__asm__ volatile(CPU_GUARD(5) "movl %%cr4, %0" : "=r"(value));
	value |= bits;
	__asm__ volatile(CPU_GUARD(5) "movl %0, %%cr4" : : "r"(value) : "memory");
}

void cpu_init(void)
{
	char name[16];
	unsigned most = 6;
	struct cpuid found;

	cpu.forced = boot_option("cpu", name, sizeof(name));
	if (cpu.forced)
		most = named(name);
	found = detect(most);
	cpu.family = found.family;
	cpu.invlpg = cpu.family >= 4;
	cpu.wp = cpu.family >= 4;
	cpu.pse = cpu.family >= 5 && (found.features & CPUID_PSE);
	cpu.pge = cpu.family >= 6 && (found.features & CPUID_PGE);
	//% if features.user_space
	cpu.fxsr = cpu.family >= 6 && (found.features & CPUID_FXSR);
	cpu.apic = cpu.family >= 5 && (found.features & CPUID_APIC);
	//% endif
	if (cpu.wp)
		write_cr0(read_cr0() | CR0_WP);
	kgen_line("cpu family=%u policy=%s reason=%s pse=%d pge=%d", cpu.family,
		  cpu.invlpg ? "invlpg" : "cr3", cpu.forced ? "forced" : "detected", cpu.pse,
		  cpu.pge);
	if (cpu.forced && cpu.family < most)
		refuse_boot("cpu=%s: this CPU is older, of family %u", name, cpu.family);
	if (cpu.family < CPU_MINIMUM_FAMILY)
		refuse_boot("this CPU is of family %u; the kernel needs a " CPU_MINIMUM_NAME
			    " (family %u)",
			    cpu.family, CPU_MINIMUM_FAMILY);
}
