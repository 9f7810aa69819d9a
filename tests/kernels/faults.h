/* The mistakes of faults.c, by those who notice them. */
#ifndef FAULTS_H
#define FAULTS_H

/* The last call of a function is a call, too: the backtrace tells whose mistake it was. */
#pragma GCC optimize("no-optimize-sibling-calls")

#include <kernel/types.h>

struct trip {
	const char *name;
	void (*run)(void);
};

/* Each ends with one without a name. */
extern const struct trip cpu_trips[];
extern const struct trip kmalloc_trips[];
extern const struct trip buddy_trips[];

extern volatile unsigned zero; /* nothing here may be foreseen by the compiler */

/* INT and its number, or a jump to its entry with an error code. */
void interrupt(unsigned vector);
void raise_with_error(unsigned vector);

#endif /* FAULTS_H */
