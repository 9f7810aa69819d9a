/*
 * The x87 and SSE, for programs: the kernel itself uses neither. Registers are switched lazily: who
 * was switched to finds CR0.TS set, faults with its first instruction (vector 7), and gets
 * its registers then.
 */
#ifndef ARCH_FPU_H
#define ARCH_FPU_H

#include <kernel/types.h>

/*
 * The registers in memory, as Linux gives them to signal handlers (struct _fpstate): what
 * FNSAVE writes (Intel SDM vol. 1, 8.1.10), and where the CPU has SSE, what FXSAVE writes
 * (10.5.1).
 */
struct fpu_state {
	uint32_t words[27];
	uint16_t status,
		magic; /* for handlers alone: FPU_PLAIN, or FPU_EXTENDED if `extended` holds anything */
	uint32_t extended[128];
} __attribute__((aligned(16)));

#define FPU_PLAIN 0xffff
#define FPU_EXTENDED 0

/* Bytes of it without, and with, what SSE has. */
#define FPU_PLAIN_SIZE offsetof(struct fpu_state, extended)

/* Whether there is one. Detected by fpu_init(). */
bool fpu_present(void);

/* Detect it; ring 3 faults with its first instruction from here on. */
void fpu_init(void);

/* Make the next x87 instruction of ring 3 fault, unless the registers are `state`'s. */
void fpu_switch(struct fpu_state *state);

/* Vector 7: save the registers of whoever has them, load `state`. A new one is set by fpu_reset(). */
void fpu_take(struct fpu_state *state);
void fpu_reset(struct fpu_state *state);

/* `state` as it would be in memory: saved if it is in the registers. For fork and signals. */
void fpu_sync(struct fpu_state *state);

/* Whether SSE's registers are switched, too. */
bool fpu_is_extended(void);

/* Clear bits in `state`, which a program wrote, that the CPU would refuse to load. */
void fpu_sanitize(struct fpu_state *state);

/* `state` was written in memory, or is about to be freed: what the registers have is forgotten. */
void fpu_forget(struct fpu_state *state);

#endif /* ARCH_FPU_H */
