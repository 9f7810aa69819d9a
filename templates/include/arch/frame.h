/* The registers of interrupted code, as entry/vectors.S leaves them in memory. */
#ifndef ARCH_FRAME_H
#define ARCH_FRAME_H

#include <kernel/types.h>

/* Exceptions: Intel SDM vol. 3, 6.3.1. */
#define TRAP_COUNT 32 /* vectors reserved for them */
#define TRAP_DEBUG 1
#define TRAP_BREAKPOINT 3
#define TRAP_OVERFLOW 4
#define TRAP_NO_FPU 7
#define TRAP_DOUBLE_FAULT 8
#define TRAP_GENERAL_PROTECTION 13
#define TRAP_PAGE_FAULT 14
#define TRAP_FPU_ERROR 16
#define TRAP_ALIGNMENT 17

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
	uint32_t room[16]; /* if IRET itself faults, the CPU writes below what it pops */
	uint32_t es, ds;
	struct trap_frame trap;
	uint32_t esp, ss; /* pushed by the CPU */
};

#endif /* ARCH_FRAME_H */
