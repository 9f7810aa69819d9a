/*
 * The timer tick: the only interrupt there is.
 *
 * A PC has two 8259 interrupt controllers, the second hanging on line 2 of the first.
 * The BIOS leaves them raising vectors 8 to 15, which are exceptions in protected mode; so
 * first they are moved to VECTOR_IRQ, by the four initialisation words of the 8259A's data
 * sheet. Then channel 0 of the 8254 is set to divide its clock (mode 2).
 *
 * From the Pentium on the 8259's line goes through the local APIC, which passes it on where
 * its input LINT0 is in mode ExtINT (Intel MultiProcessor Specification, 3.6.2.1, virtual
 * wire mode). A BIOS sets that; QEMU's qboot leaves it masked.
 *
 * An interrupt that is gone when the CPU asks which one it was comes as line 7 or 15, and
 * needs no end of interrupt here: nothing is ever in service but the tick.
 */
#include <arch/cpu.h>
#include <arch/fixmap.h>
#include <arch/io.h>
#include <arch/timer.h>
#include <arch/usermode.h>

#define PIC1_COMMAND 0x20
#define PIC1_DATA 0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA 0xa1
#define PIC_INIT 0x11 /* cascaded, a fourth word follows */
#define PIC_8086 0x01
#define PIC_END 0x20 /* end of interrupt, of whatever is in service */
#define PIC_ALL_MASKED 0xff
#define PIC_TIMER_ONLY 0xfe
#define PIC_CASCADE 2 /* the line that the second controller hangs on */

#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define PIT_RATE 0x34 /* channel 0, both bytes, mode 2 */
#define PIT_HZ 1193182

#define APIC_BASE 0xfee00000u
#define APIC_VERSION (0x030 / 4) /* registers, as words */
#define APIC_SPURIOUS (0x0f0 / 4)
#define APIC_LINT0 (0x350 / 4)
#define APIC_ENABLED 0x100
#define APIC_EXTINT 0x700

uint32_t timer_ticks;

/*
 * Let the 8259's interrupts through. A CPU that cpu= makes old is not asked by CPUID whether it
 * has an APIC; if it has one, its version is 0x1n. Where nothing answers, all bits are equal.
 */
static void apic_pass_on(void)
{
	volatile uint32_t *apic = fixmap_map(FIXMAP_APIC, APIC_BASE);

	if (cpu.apic || (apic[APIC_VERSION] & 0xf0) == 0x10) {
		apic[APIC_SPURIOUS] |= APIC_ENABLED;
		apic[APIC_LINT0] = APIC_EXTINT;
	}
	fixmap_unmap(FIXMAP_APIC);
}

static void pic_init(void)
{
	outb(PIC1_COMMAND, PIC_INIT);
	outb(PIC2_COMMAND, PIC_INIT);
	outb(PIC1_DATA, VECTOR_IRQ);
	outb(PIC2_DATA, VECTOR_IRQ + 8);
	outb(PIC1_DATA, 1 << PIC_CASCADE);
	outb(PIC2_DATA, PIC_CASCADE);
	outb(PIC1_DATA, PIC_8086);
	outb(PIC2_DATA, PIC_8086);
	outb(PIC2_DATA, PIC_ALL_MASKED);
}

void timer_init(void)
{
	uint16_t divisor = PIT_HZ / TIMER_HZ;

	if (cpu.apic || cpu.forced)
		apic_pass_on();
	pic_init();
	outb(PIT_COMMAND, PIT_RATE);
	outb(PIT_CHANNEL0, divisor & 0xff);
	outb(PIT_CHANNEL0, divisor >> 8);
	timer_ticks = 0;
	outb(PIC1_DATA, PIC_TIMER_ONLY);
}

void timer_stop(void)
{
	outb(PIC1_DATA, PIC_ALL_MASKED);
}

void timer_tick(void)
{
	outb(PIC1_COMMAND, PIC_END);
	timer_ticks++;
}

void timer_wait(void)
{
	__asm__ volatile("sti\n\t" /* takes effect after the next instruction */
			 "hlt\n\t"
			 "cli"
			 :
			 :
			 : "memory");
}
