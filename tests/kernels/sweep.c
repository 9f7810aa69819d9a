/*
 * Tests that pass as long as they get all the memory they ask for: `trip=NAME` on the
 * command line chooses one. Only a sweep shows their behaviour when a request fails.
 */
#include <kernel/boot_info.h>
#include <kernel/ktest.h>
#include <kernel/main.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

static bool tripped(const char *name)
{
	char value[16] = "";

	return boot_option("trip", value, sizeof(value)) && !strcmp(value, name);
}

/* A test that gets the first two and not the third should free the two. */
static void forget(void)
{
	char *first = kmalloc(100);
	char *second = kmalloc(200);
	char *third = kmalloc(300);

	if (!third)
		return;
	kfree(third);
	kfree(second);
	kfree(first);
}

static void forget_frame(void)
{
	phys_addr_t frame = alloc_pages(ZONE_ANY, 0);
	void *mapping = frame ? vmalloc(1) : NULL;

	if (!mapping)
		return;
	vfree(mapping);
	free_pages(frame, 0);
}

static void forget_view(void)
{
	void *view = ioremap(0xb8000, 1);
	struct kmem_cache *cache = view ? kmem_cache_create("mine", 100, 0, NULL) : NULL;

	if (!cache)
		return;
	kmem_cache_destroy(cache);
	iounmap(view);
}

/* Nobody looks whether there is a second one. */
static void trust(void)
{
	char *first = kmalloc(100);
	char *volatile second = first ? kmalloc(200) : NULL;

	if (!first)
		return;
	second[0] = 1;
	kfree(second);
	kfree(first);
}

/* On failure the memory is freed, and freed once more. */
static void free_twice(void)
{
	char *first = kmalloc(100);
	char *second = kmalloc(200);

	if (!second)
		kfree(first);
	kfree(first);
	kfree(second);
}

/* The caller's memory is lost, in what it holds, when there is no more for it. */
static void spoil(struct ktest *test)
{
	char *text = kzalloc(16);
	char *more;

	if (!text)
		return;
	more = kmalloc(1000);
	if (!more)
		text[0] = 1;
	KTEST_ALWAYS(test, !text[0]);
	kfree(more);
	kfree(text);
}

KTEST(mine, one_request_fails)
{
	if (tripped("forget"))
		forget();
	if (tripped("forget_frame"))
		forget_frame();
	if (tripped("forget_view"))
		forget_view();
	if (tripped("trust"))
		trust();
	if (tripped("free_twice"))
		free_twice();
	if (tripped("spoil"))
		spoil(test);
}

void kernel_main(void)
{
}
