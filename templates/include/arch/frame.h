/* The registers of interrupted code, as entry/vectors.S leaves them in memory. */
#ifndef ARCH_FRAME_H
#define ARCH_FRAME_H

#include <kernel/types.h>

/* Of any code, lowest address first. */
struct trap_frame {
	uint32_t edi, esi, ebp, esp_pushal, ebx, edx, ecx, eax; /* PUSHAL */
	uint32_t vector, error; /* error: 0 where the CPU pushes none */
	uint32_t eip, cs, eflags; /* pushed by the CPU */
};

/*
 * Of code in ring 3: the CPU pushes its stack as well, and the stubs its data segments.
 * FS and GS stay in their registers while the kernel runs, which uses neither.
 */
struct user_frame {
	uint32_t es, ds;
	struct trap_frame trap;
	uint32_t esp, ss; /* pushed by the CPU */
};

#endif /* ARCH_FRAME_H */
