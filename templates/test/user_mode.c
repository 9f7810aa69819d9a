/*
 * Ring 3 without a process: a few instructions in a page of their own, at addresses below
 * the kernel, and what comes back from enter_user().
 */
#include <arch/paging.h>
#include <arch/timer.h>
#include <arch/tlb.h>
#include <arch/usermode.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/page.h>

#define CODE 0x08048000u /* one page: instructions, and at its end a stack */

static phys_addr_t table, page;

static bool map_code(const void *code, size_t size)
{
	uint32_t *directory = current_directory();

	table = alloc_pages(ZONE_DIRECT, 0);
	page = alloc_pages(ZONE_DIRECT, 0);
	if (!table || !page)
		return false;
	hang_table(directory, CODE, phys_to_virt(table));
	*directory_entry(directory, CODE) |= PTE_USER;
	*page_entry(directory, CODE) = page | PTE_PRESENT | PTE_WRITE | PTE_USER;
	memset(phys_to_virt(page), 0, PAGE_SIZE);
	memcpy(phys_to_virt(page), code, size);
	return true;
}

static void unmap_code(void)
{
	*directory_entry(current_directory(), CODE) = 0;
	flush_tlb_all();
	if (page)
		free_pages(page, 0);
	if (table)
		free_pages(table, 0);
}

/* Run `code` from CODE on until it traps; false without memory. */
static bool run(struct user_frame *frame, const void *code, size_t size)
{
	bool mapped = map_code(code, size);

	if (mapped) {
		frame->es = frame->ds = frame->ss = USER_DS;
		frame->trap.cs = USER_CS;
		frame->trap.eip = CODE;
		frame->trap.eflags |= EFLAGS_FIXED;
		frame->esp = CODE + PAGE_SIZE;
		enter_user(frame);
	}
	unmap_code();
	return mapped;
}

KTEST(user_mode, comes_back_with_its_registers)
{
	/* incl %ecx; pushl %edx; popl %esi; int $0x80 */
	static const uint8_t code[] = { 0x41, 0x52, 0x5e, 0xcd, 0x80 };
	struct user_frame frame = { .trap = { .eax = 20, .ecx = 6, .edx = 0x12345678 } };

	KTEST_ASSERT(test, run(&frame, code, sizeof(code)));
	KTEST_EXPECT_EQ(test, frame.trap.vector, VECTOR_SYSCALL);
	KTEST_EXPECT_EQ(test, frame.trap.eax, 20);
	KTEST_EXPECT_EQ(test, frame.trap.ecx, 7);
	KTEST_EXPECT_EQ(test, frame.trap.esi, 0x12345678);
	KTEST_EXPECT_EQ(test, frame.trap.eip, CODE + sizeof(code));
	KTEST_EXPECT_EQ(test, frame.trap.cs, USER_CS);
	KTEST_EXPECT_EQ(test, frame.esp, CODE + PAGE_SIZE);
}

KTEST(user_mode, may_not_touch_the_kernel)
{
	/* movl 0xc0100000, %eax */
	static const uint8_t code[] = { 0xa1, 0x00, 0x00, 0x10, 0xc0 };
	struct user_frame frame = { .trap = { .eax = 5 } };

	KTEST_ASSERT(test, run(&frame, code, sizeof(code)));
	KTEST_EXPECT_EQ(test, frame.trap.vector, TRAP_PAGE_FAULT);
	KTEST_EXPECT_EQ(test, frame.trap.eip, CODE);
	KTEST_EXPECT_EQ(test, frame.trap.eax, 5);
}

KTEST(user_mode, may_not_use_ports_or_mask_interrupts)
{
	static const uint8_t codes[][2] = { { 0xec, 0x90 }, { 0xfa, 0x90 }, { 0x0f, 0x06 } };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) { /* inb %dx; cli; clts */
		struct user_frame frame = { .trap = { .edx = 0x3f8 } };

		KTEST_ASSERT(test, run(&frame, codes[i], sizeof(codes[i])));
		KTEST_EXPECT_EQ(test, frame.trap.vector, TRAP_GENERAL_PROTECTION);
		KTEST_EXPECT_EQ(test, frame.trap.eip, CODE);
	}
}

KTEST(user_mode, is_interrupted_by_the_timer)
{
	static const uint8_t code[] = { 0xeb, 0xfe }; /* jmp to itself */
	struct user_frame frame = { .trap = { .eflags = EFLAGS_IF } };
	bool ran;

	timer_init();
	ran = run(&frame, code, sizeof(code));
	timer_tick();
	timer_stop();
	KTEST_ASSERT(test, ran);
	KTEST_EXPECT_EQ(test, frame.trap.vector, VECTOR_TIMER);
	KTEST_EXPECT_EQ(test, frame.trap.eip, CODE);
}

KTEST(user_mode, a_frame_that_iret_refuses_is_the_programs_fault)
{
	static const uint8_t code[] = { 0xcd, 0x80 };
	struct user_frame frame = { 0 };

	KTEST_ASSERT_OR(test, map_code(code, sizeof(code)), out);
	frame.es = frame.ds = USER_DS;
	frame.ss = USER_DS;
	frame.trap.cs = 0x0b; /* the kernel's code segment, asked for by ring 3 */
	frame.trap.eflags = EFLAGS_FIXED;
	enter_user(&frame);
	KTEST_EXPECT_EQ(test, frame.trap.vector, TRAP_GENERAL_PROTECTION);
	frame.trap.cs = USER_CS;
	frame.ds = 0x7b; /* beyond the table's end */
	frame.es = USER_DS;
	enter_user(&frame);
	KTEST_EXPECT_EQ(test, frame.trap.vector, TRAP_GENERAL_PROTECTION);
out:
	unmap_code();
}

KTEST(user_mode, an_invalid_segment_becomes_0)
{
	uint32_t fs;
	uint32_t gs;

	load_segments(USER_DS, 0x7b);
	save_segments(&fs, &gs);
	load_segments(0, 0);
	KTEST_EXPECT_EQ(test, fs, USER_DS);
	KTEST_EXPECT_EQ(test, gs, 0);
}

KTEST(user_mode, a_copy_that_faults_says_how_much_is_left)
{
	char bytes[11];

	KTEST_EXPECT_EQ(test, copy_faulting(bytes, (const void *)CODE, sizeof(bytes)),
			sizeof(bytes));
	KTEST_EXPECT_EQ(test, copy_faulting((void *)CODE, bytes, sizeof(bytes)), sizeof(bytes));
	KTEST_EXPECT_EQ(test, zero_faulting((void *)CODE, sizeof(bytes)), sizeof(bytes));
	KTEST_EXPECT_EQ(test, copy_string_faulting(bytes, (const char *)CODE, sizeof(bytes)),
			-EFAULT);
	KTEST_EXPECT_EQ(test, copy_faulting(bytes, "0123456789", sizeof(bytes)), 0);
	KTEST_EXPECT_EQ(test, copy_string_faulting(bytes, "01234", sizeof(bytes)), 5);
	KTEST_EXPECT_EQ(test, copy_string_faulting(bytes, "01234", 3), 3);
}

KTEST(user_mode, the_timer_wakes_the_kernel_when_it_waits)
{
	timer_init();
	timer_wait();
	timer_stop();
	KTEST_EXPECT_EQ(test, timer_ticks, 1);
}
