/*
 * The machine, for the workloads of `kgen bench` as a program of their own.
 *
 * The page allocator, kmalloc() and the workloads are the kernel's, compiled as for
 * the kernel: 32 bits, no C library. This file stands in for what is below them:
 *
 *   RAM            RAM bytes of anonymous memory at KERNEL_BASE: the direct map
 *   page map       a mebibyte at PAGE_MAP_BASE
 *   memblock       one region from 1 MiB to the end of RAM
 *   serial line    standard output
 *   command line   `bench=NAME` as the one argument
 *
 * Nothing of 32 bits must be installed: system calls go by int 0x80, with the
 * numbers of arch/x86/entry/syscalls/syscall_32.tbl. There are no page tables to
 * write, so vmalloc() has nothing to give.
 *
 * RDTSC counts time here. At the end a line says what a tick is:
 *
 *     # kgen:clock ticks=… ns=…
 */
#include <arch/cpu.h>
#include <arch/paging.h>
#include <kernel/bench.h>
#include <kernel/cmdline.h>
#include <kernel/console.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/early.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/page.h>
#include <mm/place.h>
#include <mm/vmalloc.h>

#define RAM 0x10000000u /* 256 MiB */
#define RAM_FIRST 0x100000u
#define EARLY_MAX 0x400000u /* for early_alloc() */

enum {
	SYS_EXIT = 1,
	SYS_WRITE = 4,
	SYS_MMAP2 = 192,
	SYS_CLOCK_GETTIME = 265,
};

enum { CLOCK_MONOTONIC = 1 };

enum { PROT_READ_WRITE = 3, MAP_PRIVATE = 0x02, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20 };

static long call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory");
	return result;
}

static void __attribute__((noreturn)) leave(int status)
{
	for (;;)
		call(SYS_EXIT, status, 0, 0);
}

/* --- the serial line, and ends ------------------------------------------------- */

static void write_char(char c)
{
	static char line[1024];
	static size_t length;

	line[length++] = c;
	if (c == '\n' || length == sizeof(line)) {
		if (call(SYS_WRITE, 1, (long)line, (long)length) < 0)
			leave(2);
		length = 0;
	}
}

static struct console output = { .putc = write_char, .for_programs = true };

void panic(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printk("panic: %s\n", text);
	leave(1);
}

/* --- memory ---------------------------------------------------------------------- */

/* The sixth argument, always 0 here, travels in EBP, which the compiler needs. */
static void map(uintptr_t at, size_t size)
{
	long result;

	__asm__ volatile("pushl %%ebp\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "int $0x80\n\t"
			 "popl %%ebp"
			 : "=a"(result)
			 : "a"(SYS_MMAP2), "b"(at), "c"(size), "d"(PROT_READ_WRITE),
			   "S"(MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS), "D"(-1)
			 : "memory");
	if ((uintptr_t)result != at)
		panic("mmap(%p): error %ld", (void *)at, -result);
}

static char early[EARLY_MAX] __attribute__((aligned(4096)));
static size_t early_used;

void *early_alloc(size_t size, size_t align)
{
	void *memory = early + ALIGN_UP(early_used, align);

	early_used = ALIGN_UP(early_used, align) + size;
	if (early_used > sizeof(early))
		panic("early_alloc(%u): no room", size);
	return memory;
}

void page_map_reserve(size_t frames)
{
	map(PAGE_MAP_BASE, PAGE_MAP_SIZE);
	memset((void *)(PAGE_MAP_BASE + frames), 0xff, PAGE_MAP_SIZE - frames);
}

struct memblock memblock;

bool memblock_next_free(const struct memblock *mb, phys_addr_t *at, struct memblock_region *region)
{
	(void)mb;
	*region = (struct memblock_region){ RAM_FIRST, RAM };
	if (*at >= RAM)
		return false;
	*at = RAM;
	return true;
}

phys_addr_t slow_virt_to_phys(const volatile void *virt)
{
	uintptr_t addr = (uintptr_t)virt;

	return addr - KERNEL_BASE < RAM ? addr - KERNEL_BASE : PHYS_NONE;
}

void describe_address(uintptr_t addr, char *text, size_t size)
{
	snprintf(text, size, "0x%x", addr);
}

void *vmalloc(size_t size)
{
	(void)size;
	return NULL;
}

void vfree(void *pointer)
{
	(void)pointer;
}

void vm_purge(void)
{
}

struct vm_place vm_locate(uintptr_t addr)
{
	(void)addr;
	return (struct vm_place){ VM_UNUSED, VM_NONE, 0, 0 };
}

/* --- the program -------------------------------------------------------------------- */

struct cpu cpu = { .family = 6 };

static uint64_t nanoseconds(void)
{
	long time[2]; /* seconds, nanoseconds */

	call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (long)time, 0);
	return time[0] * 1000000000ull + time[1];
}

static uint64_t ticks(void)
{
	uint64_t now;

	__asm__ volatile("rdtsc" : "=A"(now));
	return now;
}

void host_main(const char *const *words) __attribute__((noreturn));

void host_main(const char *const *words)
{
	uint64_t first_ticks = ticks();
	uint64_t first_ns = nanoseconds();

	console_register(&output);
	if (words[1])
		snprintf(cmdline, sizeof(cmdline), "%s", words[1]);
	map(KERNEL_BASE, RAM);
	zones_reserve(RAM);
	zones_init();
	kmalloc_init();
	bench_run();
	kgen_line("clock ticks=%llu ns=%llu", ticks() - first_ticks, nanoseconds() - first_ns);
	leave(0);
}

/*
 * The stack holds the number of arguments, then pointers to them. host_main() gets
 * theirs in EAX and on the stack: right with -mregparm and without.
 */
__asm__(".globl _start\n"
	"_start:\n\t"
	"xorl %ebp, %ebp\n\t"
	"leal 4(%esp), %eax\n\t"
	"andl $-16, %esp\n\t"
	"subl $12, %esp\n\t"
	"pushl %eax\n\t"
	"call host_main\n");
