/*
 * One mistake, chosen by `trip=NAME` on the kernel's command line: each must end
 * in a panic that says what happened and where. `trip=intNUMBER` raises that vector,
 * `trip=errorNUMBER` does with an error code.
 *
 * cpu_faults.c, kmalloc_faults.c and buddy_faults.c have what those notice; what the
 * programmer notices is here.
 */
#include "faults.h"

#include <kernel/boot_info.h>
#include <kernel/main.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>

volatile unsigned zero;

static void bug(void)
{
	BUG_ON(zero == 0);
}

static void say_much(void)
{
	char text[301];

	memset(text, 'x', 300);
	text[300] = '\0';
	memcpy(text, "she said \"no\" and \\", 19);
	panic("%s", text);
}

static void say_odd(void)
{
	panic("tab\there, bell\a, newline\nand \x80\xff");
}

static NOINLINE void third(void)
{
	panic("deep down");
}

static NOINLINE void second(void)
{
	third();
	zero++; /* so that the call is not a jump */
}

static NOINLINE void first(void)
{
	second();
	zero++;
}

static void panic_mid_line(void)
{
	printk("half a line, then ");
	panic("the rest");
}

static const struct trip own_trips[] = {
	{ "bug", bug },
	{ "say_much", say_much },
	{ "say_odd", say_odd },
	{ "backtrace", first },
	{ "panic_mid_line", panic_mid_line },
	{ NULL, NULL },
};

static unsigned number(const char *digits)
{
	unsigned value = 0;

	while (*digits >= '0' && *digits <= '9')
		value = value * 10 + *digits++ - '0';
	return value;
}

static void make(const struct trip *trip, const char *name)
{
	for (; trip->name; trip++) {
		if (!strcmp(trip->name, name))
			trip->run();
	}
}

void kernel_main(void)
{
	static const struct trip *const lists[] = { cpu_trips, kmalloc_trips, buddy_trips,
						    own_trips };
	char name[32] = "";

	boot_option("trip", name, sizeof(name));
	if (!strncmp(name, "int", 3))
		interrupt(number(name + 3));
	if (!strncmp(name, "error", 5))
		raise_with_error(number(name + 5));
	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++)
		make(lists[i], name);
	printk("survived trip \"%s\"\n", name);
}
