/*
 * kmain(): the steps of a boot, in order.
 *
 * Each step ends with a report for people, and `# kgen:stage` for programs. boot.S has
 * made the first two steps; they are only reported here, as boot.S has no serial line.
 */
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/machine.h>
#include <arch/mmu.h>
#include <arch/paging.h>
#include <arch/sections.h>
#include <arch/text.h>
#include <entry/trap.h>
#include <generated/config.h>
#include <generated/stages.h>
#include <kernel/bench.h>
#include <kernel/boot_info.h>
#include <kernel/build.h>
#include <kernel/init.h>
#include <kernel/main.h>
#include <kernel/meminfo.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/replay.h>
#include <kernel/sweep.h>
#include <mm/early.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/ktrace.h>
#include <mm/page.h>
#include <mm/report.h>
#include <mm/vmalloc.h>

static void stage_done(enum boot_stage stage)
{
	static const char *const names[] = STAGE_NAMES;

	kgen_line("stage i=%d of=%d name=%s", stage, STAGE_COUNT, names[stage]);
	bench_stage(names[stage]);
}

/* Step 1, done by boot.S: print the paging structures in use. */
static void report_boot_paging(void)
{
	BUG_ON(!(read_cr0() & CR0_PG));
	BUG_ON((read_cr3() & PTE_FRAME) != VIRT_TO_PHYS((uintptr_t)boot_page_directory));
	printk("boot paging: directory at 0x%x, %u page tables, physical 0-0x%x mapped\n",
	       read_cr3(), boot_mapped_end() / TABLE_SPAN, boot_mapped_end() - 1);
	stage_done(STAGE_BOOT_PAGING);
}

/* Step 2, done by boot.S: print where the kernel runs, and remove the identity map. */
static void leave_lower_half(void)
{
	uintptr_t eip;
	uintptr_t esp;

	__asm__ volatile("call 1f\n1:\tpopl %0\n\tmovl %%esp, %1" : "=r"(eip), "=r"(esp));
	BUG_ON(eip < KERNEL_BASE || esp < KERNEL_BASE);
	boot_drop_identity();
	printk("higher half: eip=0x%x esp=0x%x, identity map gone\n", eip, esp);
	stage_done(STAGE_HIGHER_HALF);
}

/* Step 3: check the loader's information, which multiboot_read() has copied. */
static void check_boot_info(void)
{
	modules_check(); /* against the map of this machine */
	replay_map();
	boot_info_report();
	stage_done(STAGE_MULTIBOOT);
}

/* Step 4: a bump allocator, and the allocations that must exist before the next step. */
static void start_memblock(void)
{
	phys_addr_t ram_end = memory_init();

	memblock_regions_report();
	zones_reserve(ram_end); /* reported before, as allocations join adjacent regions */
	paging_reserve(ram_end);
	BUG_ON(memblock_check(&memblock));
	memblock_report();
	stage_done(STAGE_MEMBLOCK);
}

/* Step 5: all pages that are left go to the buddies. */
static void start_buddy(void)
{
	zones_init();
	memory_account();
	BUG_ON(pages_check());
	zones_report();
	memory_report();
	stage_done(STAGE_BUDDY);
}

/* Step 6: the permanent page directory. */
static void start_paging(void)
{
	const char *fault;

	paging_init();
	fault = paging_check();
	if (fault)
		panic("page directory: %s", fault);
	paging_report();
	stage_done(STAGE_PAGING);
}

/* Step 7: kmalloc, tried once. */
static void start_kmalloc(void)
{
	void *first;

	vmalloc_init();
	kmalloc_init();
	first = kmalloc(1);
	BUG_ON(first && !slow_virt_to_phys(first));
	printk("kmalloc: first address %p, in page frame 0x%x\n", first,
	       first ? slow_virt_to_phys(first) & PAGE_MASK : PHYS_NONE);
	kfree(first);
	kmalloc_shrink();
	stage_done(STAGE_KMALLOC);
}

void kmain(uint32_t magic, phys_addr_t info)
{
	struct free_profile initial;
	bool passed;
	bool succeeded;

	machine_init(); /* consoles: from here on there is a log */
	trap_init(); /* from here on a fault ends in a panic that names it */
	kgen_line("hello proto=%d name=%s build=%s base=i386", PROTO_VERSION, KERNEL_NAME,
		  kernel_build_id);
	multiboot_read(magic, info); /* copy what the loader passed: command line, map, modules */
	cpu_init(); /* detect the CPU, or believe cpu= of the command line */
	bench_stage(NULL); /* stages are timed from here on */

	report_boot_paging(); /* 1: boot.S maps physical memory twice */
	leave_lower_half(); /* 2: and jumps to the higher half; the identity map is removed */
	check_boot_info(); /* 3: the memory map, and the loader's other information */
	start_memblock(); /* 4: room for page tables and metadata */
	start_buddy(); /* 5: page frames */
	start_paging(); /* 6: the permanent page directory */
	text_seal(); /* note the checksum of text: a 386 does not protect it */
	start_kmalloc(); /* 7: allocations of any size */
	free_profile_read(&initial); /* free blocks of each order at the start */
	kernel_main(); /* 8: the user's code, or the demonstration */
	ktrace_end(); /* the tests are not part of the user's load */
	stage_done(STAGE_ALLOCATE);
	succeeded = run_programs(stage_done); /* 9: programs in ring 3, if the kernel has any */

	bench_run(); /* the standard workloads */
	kmalloc_shrink(); /* free all that is kept without being in use */
	free_profile_note(); /* free blocks now: the tests must restore them */
	passed = run_tests(); /* in-kernel tests, or a sweep of failures through them */
	text_verify(); /* verify the checksum of text */
	meminfo_report(&initial); /* counters, and the table for people */
	kernel_end(passed && succeeded); /* print the verdict, and exit */
}
