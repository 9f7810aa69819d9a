/*
 * One wrong use of vmalloc, chosen by `trip=NAME` on the kernel's command line: each
 * must end in a panic that names it.
 */
#include <generated/layout.h>
#include <kernel/boot_info.h>
#include <kernel/main.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/vmalloc.h>

static void free_twice(void)
{
	void *pointer = vmalloc(3 * PAGE_SIZE);

	vfree(pointer);
	vfree(pointer);
}

static void free_twice_and_flushed(void)
{
	void *pointer = vmalloc(3 * PAGE_SIZE);

	vfree(pointer);
	vm_purge();
	vfree(pointer);
}

static void free_inside(void)
{
	vfree((char *)vmalloc(3 * PAGE_SIZE) + PAGE_SIZE);
}

static void free_unaligned(void)
{
	vfree((char *)vmalloc(PAGE_SIZE) + 8);
}

static void free_stack(void)
{
	int local;

	vfree(&local);
}

static void free_device(void)
{
	vfree(ioremap(0xb8000, 4000));
}

static void free_an_allocators(void)
{
	vfree((void *)vm_map(2, 1, 0, 1));
}

static void unmap_memory(void)
{
	iounmap(vmalloc(PAGE_SIZE));
}

static void unmap_too_little(void)
{
	vm_unmap(vm_map(2, 1, 0, 1), 1);
}

static void unmap_two_as_one(void)
{
	uintptr_t first = vm_map(2, 1, 0, 1);

	vm_map(2, 1, 0, 1);
	vm_unmap(first, 5); /* both, and the guard between them */
}

static const struct {
	const char *name;
	void (*run)(void);
} trips[] = {
	{ "free_twice", free_twice },
	{ "free_twice_and_flushed", free_twice_and_flushed },
	{ "free_inside", free_inside },
	{ "free_unaligned", free_unaligned },
	{ "free_stack", free_stack },
	{ "free_device", free_device },
	{ "free_an_allocators", free_an_allocators },
	{ "unmap_memory", unmap_memory },
	{ "unmap_too_little", unmap_too_little },
	{ "unmap_two_as_one", unmap_two_as_one },
};

/* The description of a fault at an address of each kind. */
static void describe(void)
{
	char text[72];
	char *memory = vmalloc(3 * PAGE_SIZE);
	char *video = ioremap(0xb8000, 4000);
	const uintptr_t places[] = {
		(uintptr_t)memory + PAGE_SIZE,
		(uintptr_t)memory + 3 * PAGE_SIZE,
		(uintptr_t)video + PAGE_SIZE,
		ARENA_BASE + ARENA_SIZE - 1,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		vm_describe(places[i], text, sizeof(text));
		printk("%s\n", text);
	}
	vfree(memory);
	vm_describe((uintptr_t)memory + PAGE_SIZE, text, sizeof(text));
	printk("%s\n", text);
	iounmap(video);
	vm_purge();
}

void kernel_main(void)
{
	char name[32] = "";

	if (!boot_option("trip", name, sizeof(name)))
		describe();
	for (unsigned i = 0; i < ARRAY_SIZE(trips); i++) {
		if (!strcmp(trips[i].name, name))
			trips[i].run();
	}
}
