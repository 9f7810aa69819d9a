/*
 * Segments and tasks.
 *
 * Segments have one use left: the limit of CS. i386 page tables cannot forbid
 * execution, but code segments end somewhere, and as text comes first in the
 * image, KERNEL_CS ends at the page in which text does: a jump into data, stack or
 * heap faults. (Emulators that do not check segment limits let a near jump pass.)
 *
//% if features.user_space
 * Programs have segments over all 4 GiB: pages keep them out of the kernel. Three more are
 * whatever the running program asked for, to find its thread-local data by.
 *
//% endif
 * Tasks have one use, too: when the stack runs into the guard below it, the page
 * fault's own frame does not fit, the CPU raises a double fault, and if the double fault
 * used the same stack, the machine would reset without a message. A task gate gives
 * vector 8 another stack, and leaves the registers in the main task's TSS.
 *
 * No frame is too large for the guard: gcc touches each page of one before the next
 * (-fstack-clash-protection). The stack pointer is at most a page below the touched word.
 * With a guard of two pages it is therefore inside the guard when the fault occurs, and
 * the page fault's frame cannot be written anywhere else.
 *
 *     | guard | double fault's stack | guard | guard | boot stack ... |
 *       4 KiB   4 KiB                  4 KiB   4 KiB
 */
#include <arch/gdt.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <arch/sections.h>
//% if features.user_space
#include <arch/usermode.h>
#include <kernel/string.h>
//% endif

struct tss tss_main;
static struct tss tss_double_fault;

_Static_assert(sizeof(struct tss) == 104, "a 32-bit TSS has 104 bytes");

/* Segment descriptor: Intel SDM vol. 3, 3.4.5. */
struct descriptor {
	uint16_t limit_low;
	uint16_t base_low;
	uint8_t base_middle;
	uint8_t access;
	uint8_t limit_high_and_flags;
	uint8_t base_high;
};
_Static_assert(sizeof(struct descriptor) == 8, "a descriptor has 8 bytes");

#define ACCESS_CODE 0x9b /* present, ring 0, code, readable, accessed */
#define ACCESS_DATA 0x93 /* present, ring 0, data, writable, accessed */
#define ACCESS_TSS 0x89 /* present, ring 0, 32-bit TSS, available */
#define FLAGS_PAGES 0xc0 /* limit in pages, 32-bit */
#define FLAGS_BYTES 0x00 /* limit in bytes */

//% if features.user_space
#define ACCESS_USER_CODE 0xfb /* the same for ring 3 */
#define ACCESS_USER_DATA 0xf3

static struct descriptor gdt[TLS_FIRST + TLS_COUNT];
//% else
static struct descriptor gdt[5];
//% endif

static struct descriptor describe(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags)
{
	return (struct descriptor){
		.limit_low = limit & 0xffff,
		.base_low = base & 0xffff,
		.base_middle = base >> 16 & 0xff,
		.access = access,
		.limit_high_and_flags = flags | (limit >> 16 & 0xf),
		.base_high = base >> 24,
	};
}

static struct descriptor describe_task(const struct tss *tss)
{
	return describe((uintptr_t)tss, sizeof(*tss) - 1, ACCESS_TSS, FLAGS_BYTES);
}

void gdt_init(void (*double_fault)(void))
{
	uint32_t text_last_page = ((uintptr_t)_etext - 1) / PAGE_SIZE;
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(gdt) - 1, (uintptr_t)gdt };

	gdt[KERNEL_CS / 8] = describe(0, text_last_page, ACCESS_CODE, FLAGS_PAGES);
	gdt[KERNEL_DS / 8] = describe(0, 0xfffff, ACCESS_DATA, FLAGS_PAGES);
	//% if features.user_space
	gdt[USER_CS / 8] = describe(0, 0xfffff, ACCESS_USER_CODE, FLAGS_PAGES);
	gdt[USER_DS / 8] = describe(0, 0xfffff, ACCESS_USER_DATA, FLAGS_PAGES);
	tss_main.ss0 = KERNEL_DS; /* esp0: enter_user() */
	//% endif
	gdt[TASK_MAIN / 8] = describe_task(&tss_main);
	gdt[TASK_DOUBLE_FAULT / 8] = describe_task(&tss_double_fault);
	tss_main.io_map = sizeof(tss_main);
	tss_double_fault = (struct tss){
		.eip = (uintptr_t)double_fault,
		.esp = (uintptr_t)boot_stack_guard,
		.eflags = 2, /* the bit that is always set */
		.cs = KERNEL_CS,
		.ss = KERNEL_DS,
		.ds = KERNEL_DS,
		.es = KERNEL_DS,
		.fs = KERNEL_DS,
		.gs = KERNEL_DS,
		.io_map = sizeof(struct tss),
	};
	gdt_follow_cr3();

	__asm__ volatile("lgdt %0\n\t"
			 "ljmp %1, $1f\n" /* reloads CS */
			 "1:\tltr %w2"
			 :
			 : "m"(pointer), "i"(KERNEL_CS), "r"(TASK_MAIN)
			 : "memory");
}

void gdt_follow_cr3(void)
{
	tss_double_fault.cr3 = read_cr3();
}
//% if features.user_space

void load_tls(const struct segment tls[TLS_COUNT])
{
	memcpy(&gdt[TLS_FIRST], tls, TLS_COUNT * sizeof(gdt[0]));
}
//% endif
