/*
 * One mistake, chosen by `trip=NAME` on the kernel's command line: each must end
 * in a panic that says what happened and where. `trip=intNUMBER` raises that vector,
 * `trip=errorNUMBER` does with an error code.
 *
 * Instructions newer than a 386, or none at all, stand as bytes in data: kgen's
 * verifier rightly refuses them in text.
 */
/* The last call of a function is a call, too: the backtrace tells whose mistake it was. */
#pragma GCC optimize("no-optimize-sibling-calls")

#include <arch/io.h>
#include <arch/mmu.h>
#include <arch/sections.h>
#include <arch/trap.h>
#include <generated/layout.h>
#include <kernel/boot_info.h>
#include <kernel/main.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

static volatile unsigned zero; /* nothing here may be foreseen by the compiler */

/* --- what the CPU notices ------------------------------------------------------ */

static void divide(void)
{
	zero = 100 / zero;
}

static void single_step(void)
{
	__asm__ volatile("pushfl\n\torl $0x100, (%%esp)\n\tpopfl\n\tnop" : : : "cc", "memory");
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void overflow(void)
{
	int one = 1;

	__asm__ volatile("addl $0x7fffffff, %0\n\tinto" : "+r"(one) : : "cc");
}

static void bound(void)
{
	int limits[2] = { 10, 20 };

	__asm__ volatile("boundl %0, %1" : : "r"(30), "m"(limits));
}

static void run_data(const unsigned char *code)
{
	((void (*)(void))(uintptr_t)code)();
}

static void invalid_opcode(void)
{
	static const unsigned char ud2[] = { 0x0f, 0x0b };

	run_data(ud2);
}

static void no_coprocessor(void)
{
	static const unsigned char fninit[] = { 0xdb, 0xe3, 0xc3 };

	write_cr0(read_cr0() | 4); /* CR0.EM: emulate */
	run_data(fninit);
}

/* Divide 1 by 0 with the exception unmasked, then wait for it. */
static void coprocessor_error(void)
{
	static const unsigned char code[] = {
		0xdb, 0xe3, /* fninit */
		0x66, 0x6a, 0x00, /* pushw $0: control word, all unmasked */
		0xd9, 0x2c, 0x24, /* fldcw (%esp) */
		0xd9, 0xe8, /* fld1 */
		0xd9, 0xee, /* fldz */
		0xde, 0xf9, /* fdivrp */
		0x9b, /* fwait */
		0xf4, /* hlt */
	};

	write_cr0((read_cr0() & ~4u) | 0x20); /* CR0.NE: report inside the CPU */
	run_data(code);
}

/* The kernel's segments, and one more that is not present. */
static uint64_t gdt[] = { 0, 0x00cf9b000000ffffull, 0x00cf93000000ffffull, 0x00cf13000000ffffull };

#define ABSENT 0x18

static void load_gdt(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(gdt) - 1, (uintptr_t)gdt };

	__asm__ volatile("lgdt %0" : : "m"(pointer));
}

static void absent_segment(void)
{
	load_gdt();
	__asm__ volatile("movl %0, %%es" : : "r"(ABSENT));
}

static void absent_stack(void)
{
	load_gdt();
	__asm__ volatile("movl %0, %%ss" : : "r"(ABSENT));
}

static void wild_segment(void)
{
	__asm__ volatile("movl %0, %%es" : : "r"(0x1230));
}

static void no_such_vector(void)
{
	__asm__ volatile("int $0x80");
}

static void read_null(void)
{
	const volatile uint32_t *null = (const volatile uint32_t *)(uintptr_t)zero;

	zero = *null;
}

static void call_null(void)
{
	((void (*)(void))(uintptr_t)zero)();
}

static void write_text(void)
{
	*(volatile char *)_kernel_start = 1;
}

static void write_rodata(void)
{
	*(volatile char *)_rodata = 1;
}

static void write_below(void)
{
	*(volatile char *)(KERNEL_LOAD + 4) = 1;
}

static void write_guard(void)
{
	*(volatile char *)boot_stack_guard = 1;
}

static unsigned deeper(unsigned depth)
{
	volatile unsigned frame[64] = { depth };

	return zero ? 0 : deeper(depth + 1) + frame[depth % 64];
}

static void overflow_stack(void)
{
	zero = deeper(0);
}

/*
 * --- what kmalloc notices ----------------------------------------------------------
 *
 * Small ones are in slabs, middle ones in the heap, large ones have pages of their own.
 */
#define SMALL 100
#define MIDDLE 5000
#define LARGE 50000

static void read_past(void)
{
	char *pointer = kmalloc(LARGE);

	zero = ((volatile char *)pointer)[ksize(pointer)];
}

static void write_freed(void)
{
	char *pointer = kmalloc(LARGE);

	kfree(pointer);
	vm_purge(); /* until the flush, the TLB may lead there */
	*(volatile char *)pointer = 1;
}

static void twice(size_t size)
{
	void *pointer = kmalloc(size);

	kfree(pointer);
	kfree(pointer);
}

static void free_twice(void)
{
	twice(SMALL);
}

static void free_middle_twice(void)
{
	twice(MIDDLE);
}

static void free_large_twice(void)
{
	twice(LARGE);
}

/* Freed, and its mapping, too. */
static void free_large_late(void)
{
	void *pointer = kmalloc(LARGE);

	kfree(pointer);
	vm_purge();
	kfree(pointer);
}

static void inside(size_t size)
{
	char *pointer = kzalloc(size);

	kfree(pointer + 64);
}

static void free_inside(void)
{
	inside(SMALL);
}

static void free_middle_inside(void)
{
	inside(MIDDLE);
}

static void free_large_inside(void)
{
	inside(LARGE);
}

static void free_unaligned(void)
{
	kfree((char *)kmalloc(SMALL) + 1);
}

static void overwritten(size_t size)
{
	char *pointer = kmalloc(size);

	memset(pointer - sizeof(block_header_t), 0x41, sizeof(block_header_t));
	kfree(pointer);
}

static void free_overwritten(void)
{
	overwritten(SMALL);
}

static void free_middle_overwritten(void)
{
	overwritten(MIDDLE);
}

static void free_large_overwritten(void)
{
	overwritten(LARGE);
}

/* One bit of the magic is. */
static void free_bad_magic(void)
{
	char *pointer = kmalloc(SMALL);

	((block_header_t *)(void *)pointer - 1)->magic ^= 0x10;
	kfree(pointer);
}

/* The header's size alone is changed. */
static void resized(size_t from, size_t to)
{
	char *pointer = kmalloc(from);

	((block_header_t *)(void *)pointer - 1)->size = to;
	kfree(pointer);
}

static void free_resized(void)
{
	resized(SMALL, LARGE);
}

static void free_middle_resized(void)
{
	resized(MIDDLE, MIDDLE + 100);
}

static void free_large_resized(void)
{
	resized(LARGE, 2 * LARGE);
}

static void write_past(void)
{
	char *pointer = kmalloc(MIDDLE);

	memset(pointer, 0x41, ksize(pointer) + 1);
	kfree(pointer);
}

static void free_stack(void)
{
	int local = 0;

	kfree(&local);
}

/* What looks like a live header, but is in nobody's memory. */
static void free_static(void)
{
	static block_header_t fake[2] __attribute__((aligned(16))) = { { SMALL, KMALLOC_MAGIC } };

	kfree(fake + 1);
}

/*
 * The header of a large allocation that is gone must not be believed when its frame
 * begins another mapping. Single pages between the mappings see to it that the
 * frame of any old header does so, sooner or later.
 */
static void free_stale(void)
{
	block_header_t *gone[32];
	block_header_t *front;

	for (unsigned i = 0; i < ARRAY_SIZE(gone); i++)
		gone[i] = kmalloc(LARGE);
	for (unsigned i = 0; i < ARRAY_SIZE(gone); i++)
		kfree(gone[i]);
	vm_purge();
	for (unsigned i = 0; i < 500; i++) {
		front = (block_header_t *)vm_map(ALIGN_UP(LARGE, PAGE_SIZE) / PAGE_SIZE, 1, 0, 1);
		vm_map(1, 1, 0, 1);
		if (front->magic == KMALLOC_MAGIC)
			break;
	}
	kfree(front + 1);
}

static void realloc_freed(void)
{
	void *pointer = kmalloc(SMALL);

	kfree(pointer);
	pointer = krealloc(pointer, 200);
	printk("%p\n", pointer);
}

/* --- what a cache of objects notices -------------------------------------------------- */

static struct kmem_cache *pairs(void)
{
	return kmem_cache_create("pair", 16, 8, NULL);
}

static void free_object_twice(void)
{
	struct kmem_cache *cache = pairs();
	void *object = kmem_cache_alloc(cache);

	kmem_cache_free(cache, object);
	kmem_cache_free(cache, object);
}

static void free_object_inside(void)
{
	struct kmem_cache *cache = pairs();

	kmem_cache_free(cache, (char *)kmem_cache_alloc(cache) + 8);
}

static void free_foreign_object(void)
{
	kmem_cache_free(pairs(), kmem_cache_alloc(kmem_cache_create("other", 16, 8, NULL)));
}

static void free_no_object(void)
{
	int local = 0;

	kmem_cache_free(pairs(), &local);
}

static void kfree_object(void)
{
	kfree(kmem_cache_alloc(pairs()));
}

static void destroy_with_objects(void)
{
	struct kmem_cache *cache = pairs();

	kmem_cache_alloc(cache);
	kmem_cache_destroy(cache);
}

/* --- what the buddy notices ------------------------------------------------------ */

static void free_wrong_order(void)
{
	free_pages(alloc_pages(ZONE_DIRECT, 2), 1);
}

static void free_pages_twice(void)
{
	phys_addr_t block = alloc_pages(ZONE_DIRECT, 2);

	free_pages(block, 2);
	free_pages(block, 2);
}

static void free_page_twice(void)
{
	phys_addr_t page = alloc_pages(ZONE_ANY, 0);

	free_pages(page, 0);
	free_pages(page, 0);
}

static void free_inside_block(void)
{
	free_pages(alloc_pages(ZONE_DIRECT, 2) + PAGE_SIZE, 0);
}

static void free_image(void)
{
	free_pages(KERNEL_LOAD, 0);
}

static void free_nowhere(void)
{
	free_pages(0xfffff000, 0);
}

static void free_unaligned_page(void)
{
	free_pages(alloc_pages(ZONE_DIRECT, 0) + 8, 0);
}

/* --- what the programmer notices --------------------------------------------------- */

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

static void __attribute__((noinline)) third(void)
{
	panic("deep down");
}

static void __attribute__((noinline)) second(void)
{
	third();
	zero++; /* so that the call is not a jump */
}

static void __attribute__((noinline)) first(void)
{
	second();
	zero++;
}

static void panic_mid_line(void)
{
	printk("half a line, then ");
	panic("the rest");
}

static const struct {
	const char *name;
	void (*run)(void);
} trips[] = {
	{ "divide", divide },
	{ "single_step", single_step },
	{ "breakpoint", breakpoint },
	{ "overflow", overflow },
	{ "bound", bound },
	{ "invalid_opcode", invalid_opcode },
	{ "no_coprocessor", no_coprocessor },
	{ "coprocessor_error", coprocessor_error },
	{ "absent_segment", absent_segment },
	{ "absent_stack", absent_stack },
	{ "wild_segment", wild_segment },
	{ "no_such_vector", no_such_vector },
	{ "read_null", read_null },
	{ "call_null", call_null },
	{ "write_text", write_text },
	{ "write_rodata", write_rodata },
	{ "write_below", write_below },
	{ "write_guard", write_guard },
	{ "overflow_stack", overflow_stack },
	{ "read_past", read_past },
	{ "write_freed", write_freed },
	{ "free_twice", free_twice },
	{ "free_middle_twice", free_middle_twice },
	{ "free_large_twice", free_large_twice },
	{ "free_large_late", free_large_late },
	{ "free_inside", free_inside },
	{ "free_middle_inside", free_middle_inside },
	{ "free_large_inside", free_large_inside },
	{ "free_unaligned", free_unaligned },
	{ "free_overwritten", free_overwritten },
	{ "free_middle_overwritten", free_middle_overwritten },
	{ "free_large_overwritten", free_large_overwritten },
	{ "free_bad_magic", free_bad_magic },
	{ "free_resized", free_resized },
	{ "free_middle_resized", free_middle_resized },
	{ "free_large_resized", free_large_resized },
	{ "write_past", write_past },
	{ "free_stack", free_stack },
	{ "free_static", free_static },
	{ "free_stale", free_stale },
	{ "realloc_freed", realloc_freed },
	{ "free_object_twice", free_object_twice },
	{ "free_object_inside", free_object_inside },
	{ "free_foreign_object", free_foreign_object },
	{ "free_no_object", free_no_object },
	{ "kfree_object", kfree_object },
	{ "destroy_with_objects", destroy_with_objects },
	{ "free_wrong_order", free_wrong_order },
	{ "free_pages_twice", free_pages_twice },
	{ "free_page_twice", free_page_twice },
	{ "free_inside_block", free_inside_block },
	{ "free_image", free_image },
	{ "free_nowhere", free_nowhere },
	{ "free_unaligned_page", free_unaligned_page },
	{ "bug", bug },
	{ "say_much", say_much },
	{ "say_odd", say_odd },
	{ "backtrace", first },
	{ "panic_mid_line", panic_mid_line },
};

/* INT takes its vector from the instruction: it is written as it is needed. */
static void interrupt(unsigned vector)
{
	static unsigned char code[] = { 0xcd, 0, 0xc3 }; /* int $n; ret */

	code[1] = vector;
	run_data(code);
}

/* INT pushes no error code: a frame with one is made by hand, as the CPU would. */
static void raise_with_error(unsigned vector)
{
	extern void (*const trap_vectors[TRAP_COUNT])(void);

	__asm__ volatile("pushfl\n\tpushl %%cs\n\tpushl $1f\n\tpushl $0xe44\n\t"
			 "jmp *%0\n1:"
			 :
			 : "r"(trap_vectors[vector])
			 : "memory");
}

static unsigned number(const char *digits)
{
	unsigned value = 0;

	while (*digits >= '0' && *digits <= '9')
		value = value * 10 + *digits++ - '0';
	return value;
}

void kernel_main(void)
{
	char name[32] = "";

	boot_option("trip", name, sizeof(name));
	if (!strncmp(name, "int", 3))
		interrupt(number(name + 3));
	if (!strncmp(name, "error", 5))
		raise_with_error(number(name + 5));
	for (unsigned i = 0; i < ARRAY_SIZE(trips); i++) {
		if (!strcmp(trips[i].name, name))
			trips[i].run();
	}
	printk("survived trip \"%s\"\n", name);
}
