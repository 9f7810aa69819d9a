/*
 * One wrong access for each protection: `trip=NAME` on the command line chooses.
 */
#include <arch/paging.h>
#include <arch/sections.h>
#include <kernel/boot_info.h>
#include <kernel/main.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/vmalloc.h>

static void touch_null(void)
{
	volatile int *volatile null = (volatile int *)16;

	*null = 1;
}

static void write_text(void)
{
	*(volatile char *)_kernel_start ^= 1;
}

static void jump_out(void)
{
	__asm__ volatile("ljmp $8, $_rodata");
}

static NOINLINE int recurse(volatile int *outer)
{
	volatile int mine[64] = { *outer };

	return mine[0] > 1 << 30 ? 0 : recurse(mine) + mine[1];
}

static void overflow_stack(void)
{
	volatile int start = 0;

	recurse(&start);
}

static void read_behind(void)
{
	volatile char *pages = vmalloc(2 * PAGE_SIZE);

	(void)pages[2 * PAGE_SIZE];
}

static void write_freed(void)
{
	volatile char *pages = vmalloc(2 * PAGE_SIZE);

	vfree((void *)pages);
	pages[PAGE_SIZE] = 1;
}

static void touch_hole(void)
{
	*(volatile char *)KERNEL_BASE = 1; /* page frame 0 */
}

static const struct {
	const char *name;
	void (*run)(void);
} trips[] = {
	{ "null", touch_null },	     { "text", write_text },	{ "jump", jump_out },
	{ "stack", overflow_stack }, { "past", read_behind }, { "freed", write_freed },
	{ "hole", touch_hole },
};

void kernel_main(void)
{
	char name[16] = "";

	boot_option("trip", name, sizeof(name));
	for (unsigned i = 0; i < ARRAY_SIZE(trips); i++) {
		if (!strcmp(trips[i].name, name))
			trips[i].run();
	}
	printk("nothing stopped trip \"%s\"\n", name);
}
