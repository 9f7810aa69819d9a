/* 2000 objects of a few favourite sizes, live until the end. */
#include <kernel/main.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>

void kernel_main(void)
{
	static const unsigned favourites[] = { 20, 36, 36, 68, 68, 68, 132, 148, 260, 300 };
	unsigned long long bytes = 0;
	unsigned state = 1;

	for (unsigned i = 0; i < 2000; i++) {
		unsigned size;

		state = state * 1664525 + 1013904223;
		size = favourites[(state >> 16) % 10];
		bytes += kmalloc(size) ? size : 0;
	}
	kgen_stat(bytes, "load.bytes");
}
