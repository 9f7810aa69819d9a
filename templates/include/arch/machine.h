/* Gives the base floor the functions of a PC: consoles, the exit port, the walk of the stack. */
#ifndef ARCH_MACHINE_H
#define ARCH_MACHINE_H

/* Call first of all: nothing is printed, and nothing may panic, before. */
void machine_init(void);

#endif /* ARCH_MACHINE_H */
