/*
 * kmain(): the eight steps, in order.
 *
 * Each step ends with what it claims, for people, and `# kgen:stage` for
 * programs. The first two have happened in boot.S; here they are only reported,
 * once there is a serial line to do so.
 */
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/machine.h>
#include <arch/mmu.h>
#include <arch/paging.h>
#include <arch/sections.h>
//% if cpu.minimum == "386"
#include <arch/text.h>
//% endif
#include <arch/tlb.h>
#include <entry/trap.h>
#include <generated/config.h>
#include <generated/stages.h>
//% if features.bench
#include <kernel/bench.h>
//% endif
#include <kernel/boot_info.h>
#include <kernel/build.h>
#include <kernel/cmdline.h>
#include <kernel/ktest.h>
#include <kernel/main.h>
#include <kernel/meminfo.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/replay.h>
//% if debug.fail
#include <kernel/sweep.h>
//% endif
#include <mm/early.h>
//% if debug.fail
#include <kernel/fail.h>
//% endif
#include <mm/kmalloc.h>
#include <mm/kspace.h>
//% if debug.trace
#include <mm/ktrace.h>
//% endif
#include <mm/page.h>
#include <mm/vmalloc.h>

static void stage_done(enum boot_stage stage)
{
	static const char *const names[] = STAGE_NAMES;

	kgen_line("stage i=%d of=%d name=%s", stage, STAGE_COUNT, names[stage]);
	//% if features.bench
	bench_stage(names[stage]);
	//% endif
}

/* Step 1, done by boot.S: say what the CPU uses. */
static void report_boot_paging(void)
{
	BUG_ON(!(read_cr0() & CR0_PG));
	BUG_ON((read_cr3() & PTE_FRAME) != VIRT_TO_PHYS((uintptr_t)boot_page_directory));
	printk("boot paging: directory at 0x%x, %u page tables, physical 0-0x%x mapped\n",
	       read_cr3(), boot_mapped_end() / TABLE_SPAN, boot_mapped_end() - 1);
	stage_done(STAGE_BOOT_PAGING);
}

/* Step 2, done by boot.S: show where we are, and burn the bridge. */
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

/* Step 3: what the loader told us; multiboot_read() has copied it. */
static void report_boot_info(void)
{
	const struct memmap *map = &boot_info.map;

	modules_check(); /* against the map of this machine */
	replay_map();
	printk("multiboot: flags=0x%x, %u map entries%s, %u modules, command line \"%s\"\n",
	       boot_info.flags, map->count, boot_info.map_made ? " made from mem_upper" : "",
	       boot_info.module_count, cmdline);
	for (unsigned i = 0; i < map->count; i++) {
		const struct memmap_entry *entry = &map->entries[i];

		printk("  0x%08llx + 0x%08llx %s\n", entry->base, entry->length,
		       memmap_type_name(entry->type));
		kgen_line("mmap base=0x%llx len=0x%llx type=%u", entry->base, entry->length,
			  entry->type);
	}
	if (map->dropped)
		printk("multiboot: %u map entries did not fit (raise memblock.map_entries)\n",
		       map->dropped);
	for (unsigned i = 0; i < modules_listed(); i++)
		kgen_line("module start=0x%x end=0x%x msg=\"%s\"", module_spans[i].start,
			  module_spans[i].end,
			  i < boot_info.module_count ? boot_info.modules[i].name : "");
	if (boot_info.modules_dropped)
		printk("multiboot: %u modules not kept (raise memblock.modules)\n",
		       boot_info.modules_dropped);
	stage_done(STAGE_MULTIBOOT);
}

/* A reserved region, and what is in it: neighbours have been joined. */
static void report_reserved(const struct memblock_region *region)
{
	phys_addr_t image = VIRT_TO_PHYS((uintptr_t)_kernel_start);

	printk("memblock: reserved 0x%08x-0x%08x", region->start, region->end - 1);
	if (!region->start)
		printk(" page 0");
	if (image >= region->start && image < region->end)
		printk(" image");
	for (unsigned i = 0; i < modules_listed(); i++) {
		const struct module_span *module = &module_spans[i];

		if (module->start >= region->start && module->end <= region->end)
			printk(" module %u", i);
	}
	printk("\n");
}

/* Step 4: a bump allocator, and from it what must exist before the next step. */
static void start_memblock(void)
{
	phys_addr_t ram_end = memory_init();

	for (unsigned i = 0; i < memblock.memory.count; i++)
		printk("memblock: memory   0x%08x-0x%08x\n", memblock.memory.regions[i].start,
		       memblock.memory.regions[i].end - 1);
	for (unsigned i = 0; i < memblock.reserved.count; i++)
		report_reserved(&memblock.reserved.regions[i]);
	zones_reserve(ram_end); /* what they are given touches others' regions, and joins them */
	paging_reserve(ram_end);
	BUG_ON(memblock_check(&memblock));
	printk("memblock: %u KiB handed out for page tables and metadata, the last below 0x%08x\n",
	       memblock.allocated >> 10, memblock.cursor);
	kgen_stat(memblock.allocated, "memblock.allocated");
	stage_done(STAGE_MEMBLOCK);
}

/* Step 5: all pages that are left go to the buddies. */
static void start_buddy(void)
{
	zones_init();
	memory_account();
	BUG_ON(pages_check());
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		const buddy_t *b = &zones[i].buddy;

		if (b->pages)
			printk("buddy: zone %s from 0x%x, %u pages, %u free\n", zones[i].name,
			       b->base, b->pages, buddy_free_pages(b));
		else
			printk("buddy: zone %s from 0x%x: no memory there\n", zones[i].name,
			       b->base);
		kgen_stat(buddy_free_pages(b), "buddy.%s.free_pages", zones[i].name);
	}
	memory_print_stats();
	stage_done(STAGE_BUDDY);
}

/* Step 6: the page directory that stays. */
static void start_paging(void)
{
	const char *fault;

	paging_init();
	fault = paging_check();
	if (fault)
		panic("page directory: %s", fault);
	printk("paging: directory at 0x%x, %u page tables, %u pages mapped directly (%u x 4 MiB), "
	       "%u MiB of arena\n",
	       read_cr3(), paging_stats.tables, paging_stats.direct_pages, paging_stats.large_pages,
	       paging_stats.arena_pages >> 8);
	kgen_stat(paging_stats.direct_pages, "paging.direct_pages");
	kgen_stat(paging_stats.large_pages, "paging.large_pages");
	kgen_stat(paging_stats.tables, "paging.tables");
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

static bool run_tests(void)
{
	//% if debug.fail
	fail_boot_is_over();
	if (sweep_is_wanted())
		return sweep_run();
	//% endif
	return ktest_run_all();
}

void kmain(uint32_t magic, phys_addr_t info)
{
	struct free_profile initial;
	bool passed;

	machine_init(); /* the log */
	trap_init();
	kgen_line("hello proto=%d name=%s build=%s base=i386", PROTO_VERSION, KERNEL_NAME,
		  kernel_build_id);
	multiboot_read(magic, info); /* the command line may force the CPU */
	cpu_init();
	//% if features.bench
	bench_stage(NULL); /* from here on */
	//% endif

	report_boot_paging();
	leave_lower_half();
	report_boot_info();
	start_memblock();
	start_buddy();
	start_paging();
	//% if cpu.minimum == "386"
	text_seal();
	//% endif
	start_kmalloc();
	free_profile_read(&initial);

	kernel_main(); /* step 8 */
	//% if debug.trace
	ktrace_end(); /* tests are no load of the user's */
	//% endif
	stage_done(STAGE_ALLOCATE);
	//% if features.bench
	bench_run();
	//% endif

	kmalloc_shrink();
	free_profile_note(); /* the tests must leave it as it is now */
	passed = run_tests();
	//% if cpu.minimum == "386"
	text_verify();
	//% endif
	meminfo_report(&initial);
	kernel_end(passed);
}
