/* The 8254's channel 0 on IRQ 0, through the two 8259s; all other IRQs stay masked. */
#ifndef ARCH_TIMER_H
#define ARCH_TIMER_H

#include <kernel/types.h>

#define TIMER_HZ 100 /* ticks a second */

/* Start ticking. A tick interrupts ring 3, or timer_wait(), and nothing else. */
void timer_init(void);

/* Stop, and mask the interrupt: the kernel is as it was before timer_init(). */
void timer_stop(void);

/* Acknowledge a tick, and count it: the handler of VECTOR_TIMER calls it. */
void timer_tick(void);

/* Ticks since timer_init(). Time stands still while the kernel runs. */
extern uint32_t timer_ticks;

/* Halt until the next tick, with interrupts on: nobody has anything to do. */
void timer_wait(void);

#endif /* ARCH_TIMER_H */
