/*
 * Frames of every size run into the guard below the boot stack, and are noticed there:
 * fixed ones, alloca() and arrays of variable length, in recursion until the stack is
 * full. The double fault that ends each is caught: its task notes where it was and sends
 * the main task back, so that one boot tries them all.
 */
#include <arch/gdt.h>
#include <arch/io.h>
#include <arch/sections.h>
#include <generated/layout.h>
#include <kernel/ktest.h>
#include <kernel/main.h>
#include <kernel/printk.h>

#pragma GCC diagnostic ignored "-Wvla"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable" /* it is volatile */

#define STACK ((size_t)(boot_stack_top - boot_stack))

static struct {
	void *back[5]; /* __builtin_setjmp()'s */
	uintptr_t esp; /* to go back on */
	unsigned count; /* double faults caught, ever */
	uintptr_t touched; /* by the last: CR2 */
	uintptr_t stack; /* and its stack pointer */
} caught;

void note_fault(void);
void double_fault_entry(void);

static __attribute__((noreturn)) void go_back(void)
{
	__builtin_longjmp(caught.back, 1);
}

/* In the double-fault task: the main one goes on elsewhere. */
__attribute__((used)) void note_fault(void)
{
	caught.count++;
	caught.touched = read_cr2();
	caught.stack = tss_main.esp;
	tss_main.cr3 = read_cr3(); /* which no task switch saves */
	tss_main.eip = (uintptr_t)go_back;
	tss_main.esp = caught.esp;
}

/* IRET goes back to the task that was interrupted; the next fault continues after it. */
__asm__("	.text\n"
	"double_fault_entry:\n"
	"	call note_fault\n"
	"	addl $4, %esp\n" /* the error code */
	"	iret\n"
	"	jmp double_fault_entry\n");

/* The task's entry is in its TSS, which the GDT points to. */
static void catch_double_faults(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) gdt;
	const uint8_t *task;

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	task = (const uint8_t *)gdt.base + TASK_DOUBLE_FAULT;
	((struct tss *)(task[2] | task[3] << 8 | task[4] << 16 | (uint32_t)task[7] << 24))->eip =
		(uintptr_t)double_fault_entry;
}

/* Whether so deep a recursion of frames of `bytes` runs into the guard, and into nothing else. */
static NOINLINE bool is_caught(void (*run)(size_t bytes, unsigned depth), size_t bytes)
{
	volatile unsigned before = caught.count;

	if (!__builtin_setjmp(caught.back)) {
		caught.esp = (uintptr_t)__builtin_frame_address(0) - 1024;
		run(bytes, STACK / bytes + 1);
	}
	if (caught.count == before + 1 && caught.touched >= (uintptr_t)boot_stack_guard &&
	    caught.touched < (uintptr_t)boot_stack && caught.stack >= (uintptr_t)boot_stack_guard &&
	    caught.stack <= (uintptr_t)boot_stack)
		return true;
	printk("%u bytes: %u faults, at 0x%x, esp 0x%x\n", bytes, caught.count - before,
	       caught.touched, caught.stack);
	return false;
}

static NOINLINE void by_alloca(size_t bytes, unsigned depth)
{
	volatile char *local = __builtin_alloca(bytes);

	local[0] = 1; /* the lowest byte: nothing else of it is touched */
	if (depth)
		by_alloca(bytes, depth - 1);
	local[bytes - 1] = 1;
}

static NOINLINE void by_array(size_t bytes, unsigned depth)
{
	volatile char local[bytes];

	local[0] = 1;
	if (depth)
		by_array(bytes, depth - 1);
	local[bytes - 1] = 1;
}

#define SIZES(X)                                                                                \
	X(1000)                                                                                 \
	X(1024) X(2048) X(4000) X(4076) X(4080) X(4084) X(4088) X(4092) X(4096) X(4100) X(6000) \
		X(8184) X(8192) X(8196) X(12000) X(16384) X(20480) X(24576) X(28672) X(32768)   \
			X(40000) X(65536) X(100000) X(131072) X(200000) X(262144) X(409600)     \
				X(500000) X(1048576)

#define FRAME(size)                                                     \
	static NOINLINE void frame_##size(size_t bytes, unsigned depth) \
	{                                                               \
		volatile char local[size];                              \
                                                                        \
		local[0] = 1;                                           \
		if (depth)                                              \
			frame_##size(bytes, depth - 1);                 \
		local[size - 1] = 1;                                    \
	}
SIZES(FRAME)

/* A page of its own: the stack pointer is rounded down first. */
static NOINLINE void aligned_frame(size_t bytes, unsigned depth)
{
	volatile char local[4096] __attribute__((aligned(4096)));

	local[0] = 1;
	if (depth)
		aligned_frame(bytes, depth - 1);
	local[4095] = 1;
}

KTEST(stack, fixed_frames_are_caught)
{
#define ENTRY(size) { size, frame_##size },
	static const struct {
		size_t bytes;
		void (*run)(size_t bytes, unsigned depth);
	} frames[] = { SIZES(ENTRY) };

	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++)
		KTEST_EXPECT(test, is_caught(frames[i].run, frames[i].bytes));
	KTEST_EXPECT(test, is_caught(aligned_frame, 4096));
}

KTEST(stack, allocas_are_caught)
{
	for (size_t bytes = 1000; bytes < 1 << 20; bytes += bytes / 16)
		KTEST_ASSERT(test, is_caught(by_alloca, bytes));
}

KTEST(stack, variable_arrays_are_caught)
{
	for (size_t bytes = 1000; bytes < 1 << 20; bytes += bytes / 16)
		KTEST_ASSERT(test, is_caught(by_array, bytes));
}

/* Wherever in its page the stack pointer is when a frame begins. */
KTEST(stack, the_place_does_not_matter)
{
	for (size_t bytes = 8192; bytes < 8192 + 4096; bytes += 16)
		KTEST_ASSERT(test, is_caught(by_alloca, bytes));
}

void kernel_main(void)
{
	catch_double_faults();
}
