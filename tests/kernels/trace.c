/*
 * A load of kmalloc's that tells what it does, line by line, in the words of a trace:
 * `= a SIZE NAME` and `= f NAME`. NAME counts; addresses are used again and again.
 */
#include <kernel/main.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>

#define LIVE 40

static struct {
	void *pointer;
	unsigned name;
} live[LIVE];

static unsigned names;

static unsigned random(unsigned below)
{
	static unsigned state = 12345;

	state = state * 1664525 + 1013904223;
	return (state >> 8) % below;
}

static void *said(void *pointer, unsigned size)
{
	if (pointer && pointer != ZERO_SIZE_PTR)
		printk("= a %u %u\n", size, ++names);
	return pointer;
}

static void *allocate(void)
{
	unsigned size = 1 + random(300);

	switch (random(6)) {
	case 0:
		return said(kzalloc(size), size);
	case 1:
		return said(kcalloc(3, size), 3 * size);
	case 2:
		return said(kmalloc_aligned(size, 256), size);
	case 3:
		return said(krealloc(NULL, 20 * size), 20 * size);
	case 4:
		kfree(kmalloc(0)); /* nothing */
		kfree(kmalloc(0xf0000000)); /* fails */
		return said(kmalloc(200 * size), 200 * size);
	default:
		return said(kmalloc(size), size);
	}
}

/* A resize is seen as an allocation, then a free. */
static void resize(unsigned i)
{
	unsigned size = 1 + random(2000);
	void *moved = said(krealloc(live[i].pointer, size), size);

	if (!moved)
		return;
	printk("= f %u\n", live[i].name);
	live[i].pointer = moved;
	live[i].name = names;
}

void kernel_main(void)
{
	for (unsigned step = 0; step < 600; step++) {
		unsigned i = random(LIVE);

		if (!live[i].pointer) {
			live[i].pointer = allocate();
			live[i].name = names;
		} else if (random(4)) {
			kfree(live[i].pointer);
			live[i].pointer = NULL;
			printk("= f %u\n", live[i].name);
		} else {
			resize(i);
		}
	}
}
