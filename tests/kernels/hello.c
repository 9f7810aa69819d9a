/*
 * A user's source: greets, uses the allocators, and brings tests of its own.
 * `hello=fail` on the kernel's command line makes one of them fail.
 */
#include <kernel/boot_info.h>
#include <kernel/ktest.h>
#include <kernel/main.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>

static char *greeting; /* kept for ever: that is no leak */

void kernel_main(void)
{
	greeting = kmalloc(64);
	snprintf(greeting, 64, "hello from %s", __FILE__);
	printk("%s, %s\n", greeting, free_page_count() ? "memory is free" : "no memory");
	kgen_stat(ksize(greeting), "hello.size");
}

KTEST(hello, remembers_what_main_wrote)
{
	KTEST_EXPECT(test, !strncmp(greeting, "hello from ", 11));
}

KTEST(hello, obeys_the_command_line)
{
	char wish[8] = "";

	boot_option("hello", wish, sizeof(wish));
	KTEST_EXPECT_NE(test, wish[0], 'f');
}

KTEST(hello, has_nothing_to_say)
{
	KTEST_SKIP(test, "nobody asked");
}
