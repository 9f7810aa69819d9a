/* Allocates through a function that ends with kmalloc(): a compiler likes to jump there. */
#include <kernel/main.h>
#include <mm/kmalloc.h>

static void *volatile kept;

static NOINLINE void *wrapper(size_t size)
{
	return kmalloc(size);
}

void kernel_main(void)
{
	kept = wrapper(100);
	kept = wrapper(200);
}
