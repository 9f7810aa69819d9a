/*
 * What C has of ring 3: the layout that usermode.S rests on, and the table of instructions
 * that may fault.
 */
#include <arch/gdt.h>
//% if cpu.fpu != "x87"
#include <arch/io.h>
//% endif
#include <arch/sections.h>
#include <arch/usermode.h>

_Static_assert(offsetof(struct user_frame, es) == 64, "FRAME_ES");
_Static_assert(offsetof(struct user_frame, trap.vector) == 64 + 8 + 32, "FRAME_VECTOR");
_Static_assert(sizeof(struct user_frame) == 64 + 8 + 52 + 8, "FRAME_SIZE");
_Static_assert(offsetof(struct trap_frame, vector) == 32, "TRAP_VECTOR");
_Static_assert(offsetof(struct tss, esp0) == 4, "TSS_ESP0");
_Static_assert(sizeof(struct segment) == 8, "a descriptor has 8 bytes");

//% if cpu.fpu != "x87"
#define CR0_EM 0x04 /* x87 instructions fault: Intel SDM vol. 3, 2.5 */

void refuse_fpu(void)
{
	write_cr0(read_cr0() | CR0_EM);
}

//% endif
uint32_t extable_find(uint32_t eip)
{
	for (const struct extable_entry *entry = _extable; entry < _extable_end; entry++) {
		if (entry->instruction == eip)
			return entry->fixup;
	}
	return 0;
}
