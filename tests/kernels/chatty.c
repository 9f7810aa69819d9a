/*
 * A kernel whose tests print whatever they like, and that has odd names: none of it may
 * spoil a pass, nor mend a failure. The word `fail` on the command line lets one test fail.
 */
#include <kernel/boot_info.h>
#include <kernel/ktest.h>
#include <kernel/main.h>
#include <kernel/printk.h>
#include <mm/slab.h>

#define LONG_LINE 5000 /* bytes: longer than whatever is kept of one */

/* A suite that tests itself, in the form of a report of its own. */
static void print_report(void)
{
	printk("TAP version 13\n1..3\nok 1 lua\nnot ok 2 sqlite\nBail out!\n");
}

void kernel_main(void)
{
	printk("Gr\xc3\xb6\xc3\x9f"
	       "e: %+d %X %.3s %hhx %td %f %s\n",
	       5, 0xbeefu, "abcdef", 0x1ff, (ptrdiff_t)-1, 1.5, "all there");
	kgen_stat(1, "a key with=\"odd\" %c\xff characters", '\0');
	kgen_stat(2, "%s", "");
	kgen_stat(3, "%0*d", 120, 7);
	kgen_line("later msg=\"%c \x1b \xc3\xb6\n%0*d\"", '\0', 300, 7);
	print_report();
	printk("no newline at the end of kernel_main()");
}

/* A macro elsewhere is a plain name here: gcc defines linux and i386 as 1. */
#define newline 42

KTEST(chatty, newline)
{
	printk("value %d, and no newline", 3);
	KTEST_EXPECT(test, !boot_word("fail"));
}

KTEST(chatty, long_line)
{
	printk("%0*d\n", LONG_LINE, 1);
	for (int i = 0; i < LONG_LINE; i++)
		printk("x");
}

KTEST(chatty, looks_like_a_report)
{
	print_report();
	printk("ok 4 drivers answered\n  ok 3 drivers answered\n  ok 4 gr\xc3\xb6\xc3\x9f_\n");
	printk("not ok 1 chatty\nok 1 chatty\n1..3\n# Subtest: mine\nKTAP version 1\n");
	printk("\tnot ok 1 deep\n  Bail out!\nnot ok 3 looks_like_a_report");
}

KTEST(chatty, größe)
{
	printk("not ok");
}

KTEST(chatty, skipped)
{
	KTEST_SKIP(test, "two\nlines, ok 6 of them");
}

/* A cache's name goes into the keys of its counters. */
KTEST(chatty, cache_with_blanks)
{
	struct kmem_cache *cache = kmem_cache_create("my objects", 40, 0, NULL);
	void *object;

	KTEST_ASSERT(test, cache);
	object = kmem_cache_alloc(cache);
	KTEST_EXPECT_NOT_NULL(test, object);
	kmem_cache_free(cache, object);
	kgen_stat(40, "slab.%s.mine", "my objects");
	kmem_cache_destroy(cache);
}
