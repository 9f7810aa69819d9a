/*
 * A kernel_main() of one's own: uses the command line, a module and kmalloc, and
 * brings a test along. Everything works here: memory is set up.
 */
#include <arch/fixmap.h>
#include <kernel/boot_info.h>
#include <kernel/ktest.h>
#include <kernel/main.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>

static unsigned count_lines(const char *text, size_t size)
{
	unsigned lines = 0;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	return lines;
}

/*
 * A module is a file that the loader left somewhere in physical memory. It may lie
 * above the direct map, so it is copied page by page through the fixmap.
 */
static void show_module(const struct boot_module *module)
{
	size_t size = module->end - module->start;
	char *copy = kmalloc(size);

	if (!copy) {
		printk("hello: no memory for %u bytes\n", size);
		return;
	}
	phys_read(module->start, copy, size);
	printk("hello: module %s has %u bytes, %u lines\n", module->name, size,
	       count_lines(copy, size));
	kgen_stat(size, "hello.module_bytes"); /* for programs: kgen boot --json */
	kfree(copy);
}

void kernel_main(void)
{
	char who[32] = "world";

	boot_option("who", who, sizeof(who)); /* who=… on the command line */
	printk("hello, %s\n", who);
	for (unsigned i = 0; i < boot_info.module_count; i++)
		show_module(&boot_info.modules[i]);
}

KTEST(hello, counts_lines)
{
	KTEST_EXPECT_EQ(test, count_lines("", 0), 0);
	KTEST_EXPECT_EQ(test, count_lines("one\ntwo\nthree", 13), 2);
}

KTEST(hello, kmalloc_wastes_little)
{
	/* Each has a header of 8 bytes, and lies in a page with others. */
	struct kmalloc_stats before, after;
	void *objects[100];

	kmalloc_stats_read(&before);
	for (unsigned i = 0; i < ARRAY_SIZE(objects); i++)
		KTEST_EXPECT_NOT_NULL(test, objects[i] = kmalloc(200));
	kmalloc_stats_read(&after);
	KTEST_EXPECT_EQ(test, after.allocs - before.allocs, 100);
	KTEST_EXPECT_LE(test, (after.live_pages - before.live_pages) * 4096, 100 * 300);
	for (unsigned i = 0; i < ARRAY_SIZE(objects); i++)
		kfree(objects[i]);
}
