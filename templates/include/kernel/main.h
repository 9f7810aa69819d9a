/* The entry of the kernel, and that of the user's code. */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include <kernel/types.h>

/* Called by boot.S with what the loader left in EAX and EBX. */
void kmain(uint32_t magic, phys_addr_t info) __attribute__((noreturn));

/*
 * Stage `allocate`: everything works, go and use it. Define it in a source that
 * the description lists (`Kernel(sources=["hello.c"])`); without sources,
 * kernel/demo.c has one.
 */
void kernel_main(void);

#endif /* KERNEL_MAIN_H */
