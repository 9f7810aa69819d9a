/*
 * What C has of ring 3: the layout that usermode.S rests on, and the table of instructions
 * that may fault.
 */
#include <arch/gdt.h>
#include <arch/sections.h>
#include <arch/usermode.h>

_Static_assert(offsetof(struct user_frame, es) == 64, "FRAME_ES");
_Static_assert(offsetof(struct user_frame, trap.vector) == 64 + 8 + 32, "FRAME_VECTOR");
_Static_assert(sizeof(struct user_frame) == 64 + 8 + 52 + 8, "FRAME_SIZE");
_Static_assert(offsetof(struct trap_frame, vector) == 32, "TRAP_VECTOR");
_Static_assert(offsetof(struct tss, esp0) == 4, "TSS_ESP0");
_Static_assert(sizeof(struct segment) == 8, "a descriptor has 8 bytes");

uint32_t extable_find(uint32_t eip)
{
	for (const struct extable_entry *entry = _extable; entry < _extable_end; entry++) {
		if (entry->instruction == eip)
			return entry->fixup;
	}
	return 0;
}
