/*
 * One mistake with kmalloc for each detector: `trip=NAME` on the command line chooses.
 * None is noticed by a kernel without it.
 */
#include <kernel/boot_info.h>
#include <kernel/main.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>

static char *volatile kept;

static void write_behind(void)
{
	kept = kmalloc(61);
	kept[61] = 1; /* a byte too far, but within the block */
	kfree(kept);
}

static void write_freed(void)
{
	kept = kmalloc(100);
	kfree(kept);
	kept[50] = 1;
	for (int i = 0; i < 400; i++) /* until it is used again, or let go */
		kfree(kmalloc(100));
	for (int i = 0; i < 400; i++)
		kmalloc(100);
}

static void copy_header(void)
{
	char *first = kmalloc(64);
	char *second = kmalloc(64);

	memcpy(first, second - 8, 8); /* the header of one, inside the other */
	kept = first + 8;
	kfree(kept);
}

static NOINLINE void forget(void)
{
	kept = kmalloc(123);
}

static NOINLINE char *third(void)
{
	return kmalloc(33);
}

static void fail_third(void)
{
	char *first = kmalloc(11);
	char *second = kmalloc(22);

	kept = third();
	printk("failures: %d%d%d\n", !first, !second, !kept);
	kfree(kept);
	kfree(second);
	kfree(first);
}

static const struct {
	const char *name;
	void (*run)(void);
} trips[] = {
	{ "past", write_behind }, { "freed", write_freed }, { "copied", copy_header },
	{ "forgotten", forget },    { "third", fail_third },
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
