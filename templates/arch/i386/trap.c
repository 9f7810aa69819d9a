/*
 * The interrupt descriptor table: 32 interrupt gates, one for each exception.
 * Gates as in Intel SDM vol. 3, 6.11. Interrupts proper stay masked: the kernel
 * polls what it needs.
 */
#include <arch/mmu.h>
#include <arch/trap.h>
#include <kernel/panic.h>

extern void (*const trap_vectors[TRAP_COUNT])(void);
extern const char *const trap_names[TRAP_COUNT];

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t zero;
	uint8_t type; /* present, ring 0, 32-bit interrupt gate */
	uint16_t offset_high;
};
_Static_assert(sizeof(struct gate) == 8, "a gate descriptor has 8 bytes");

#define GATE_INTERRUPT 0x8e

static struct gate idt[TRAP_COUNT];

void trap_init(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	for (unsigned i = 0; i < TRAP_COUNT; i++) {
		uintptr_t entry = (uintptr_t)trap_vectors[i];

		idt[i] = (struct gate){ entry & 0xffff, KERNEL_CS, 0, GATE_INTERRUPT, entry >> 16 };
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

const char *trap_name(unsigned vector)
{
	return vector < TRAP_COUNT ? trap_names[vector] : "unknown";
}

void trap_handler(const struct trap_frame *frame)
{
	panic_trap(frame);
}
