/* Tests of the page tables and of TLB flushing. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/paging.h>
#include <arch/sections.h>
#include <arch/tlb.h>
#include <entry/trap.h>
#include <kernel/ktest.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <mm/early.h>
#include <mm/kspace.h>
#include <mm/page.h>

/* A page that nobody uses, though it has a page table: past the fixmap. */
static uintptr_t spare_page(void)
{
	return FIXMAP_BASE + FIXMAP_SLOTS * PAGE_SIZE;
}

KTEST(paging, directory_is_sound)
{
	const char *fault = paging_check();

	KTEST_EXPECT_NULL(test, fault);
}

KTEST(paging, identity_map_is_gone)
{
	KTEST_EXPECT_EQ(test, slow_virt_to_phys((void *)KERNEL_LOAD), PHYS_NONE);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys((void *)0), PHYS_NONE);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys((void *)0xfff), PHYS_NONE);
}

KTEST(paging, image_is_mapped)
{
	KTEST_EXPECT_EQ(test, slow_virt_to_phys(_kernel_start), KERNEL_LOAD);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys(&cpu), VIRT_TO_PHYS((uintptr_t)&cpu));
}

static bool shows_itself(phys_addr_t page)
{
	if ((page >= VIRT_TO_PHYS((uintptr_t)boot_stack_guard) &&
	     page < VIRT_TO_PHYS((uintptr_t)boot_stack)) ||
	    page == VIRT_TO_PHYS((uintptr_t)fault_stack_guard))
		return slow_virt_to_phys(phys_to_virt(page)) == PHYS_NONE;
	return slow_virt_to_phys(phys_to_virt(page)) == page;
}

/* The first and the last page of each region of RAM that the direct map covers. */
KTEST(paging, direct_map_covers_memory)
{
	for (unsigned i = 0; i < memblock.memory.count; i++) {
		phys_addr_t first = MAX(memblock.memory.regions[i].start, PAGE_SIZE);
		phys_addr_t end =
			MIN(memblock.memory.regions[i].end, (phys_addr_t)DIRECT_MAP_LIMIT);

		if (first >= end)
			continue;
		KTEST_EXPECT(test, shows_itself(first));
		KTEST_EXPECT(test, shows_itself(end - PAGE_SIZE));
	}
}

KTEST(paging, maps_and_unmaps)
{
	uintptr_t virt = spare_page();
	phys_addr_t frame = alloc_pages(ZONE_ANY, 0);

	KTEST_ASSERT(test, frame);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys((void *)virt), PHYS_NONE);
	KTEST_EXPECT_EQ(test, map_page(virt, frame, MAP_WRITE), 0);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys((void *)(virt + 5)), frame + 5);
	KTEST_EXPECT_EQ(test, map_page(virt, frame, MAP_WRITE), -EEXIST);
	KTEST_EXPECT_EQ(test, map_page(virt + 1, frame, MAP_WRITE), -EINVAL);
	KTEST_EXPECT_EQ(test, map_page(KERNEL_BASE - PAGE_SIZE, frame, MAP_WRITE), -EFAULT);
	KTEST_EXPECT_EQ(test, unmap_page(virt), frame);
	KTEST_EXPECT_EQ(test, slow_virt_to_phys((void *)virt), PHYS_NONE);
	KTEST_EXPECT_EQ(test, unmap_page(virt), PHYS_NONE);
	free_pages(frame, 0);
}

/* Two frames at one address, one after the other: a stale TLB shows the first. */
static void remap(struct ktest *test, phys_addr_t first, phys_addr_t second)
{
	volatile uint32_t *word = (volatile uint32_t *)spare_page();

	BUG_ON(map_page((uintptr_t)word, second, MAP_WRITE));
	*word = 2;
	unmap_page((uintptr_t)word);
	BUG_ON(map_page((uintptr_t)word, first, MAP_WRITE));
	*word = 1;
	unmap_page((uintptr_t)word);
	BUG_ON(map_page((uintptr_t)word, second, MAP_WRITE));
	KTEST_EXPECT_EQ(test, *word, 2);
	unmap_page((uintptr_t)word);
}

KTEST(paging, unmapping_flushes)
{
	phys_addr_t first = alloc_pages(ZONE_ANY, 0);
	phys_addr_t second = alloc_pages(ZONE_ANY, 0);

	if (KTEST_EXPECT(test, first && second))
		remap(test, first, second);
	if (first)
		free_pages(first, 0);
	if (second)
		free_pages(second, 0);
}

KTEST(paging, mapping_does_not_flush)
{
	unsigned long flushes = tlb_stats.flush_page + tlb_stats.flush_all;
	phys_addr_t frame = alloc_pages(ZONE_ANY, 0);

	KTEST_ASSERT(test, frame);
	KTEST_EXPECT_EQ(test, map_page(spare_page(), frame, MAP_WRITE), 0);
	KTEST_EXPECT_EQ(test, tlb_stats.flush_page + tlb_stats.flush_all, flushes);
	unmap_page(spare_page());
	KTEST_EXPECT_EQ(test, tlb_stats.flush_page + tlb_stats.flush_all, flushes + 1);
	free_pages(frame, 0);
}

/* Aligned stretches of 4 MiB that are RAM throughout, above the image. */
static size_t whole_stretches(void)
{
	phys_addr_t above = ALIGN_UP(VIRT_TO_PHYS((uintptr_t)_end), TABLE_SPAN);
	size_t count = 0;

	for (unsigned i = 0; i < memblock.memory.count; i++) {
		const struct memblock_region *region = &memblock.memory.regions[i];
		phys_addr_t end = MIN(region->end, (phys_addr_t)DIRECT_MAP_LIMIT);
		phys_addr_t start = MIN(region->start, end); /* rounded up, a higher one may wrap */

		start = ALIGN_UP(MAX(start, above), TABLE_SPAN);
		count += start < end ? (end - start) / TABLE_SPAN : 0;
	}
	return count;
}

/* 4 MiB pages wherever one fits, if the CPU has them. */
KTEST(paging, large_pages_follow_the_cpu)
{
	KTEST_EXPECT_GE(test, paging_stats.large_pages, cpu.pse ? whole_stretches() : 0);
	KTEST_EXPECT(test, cpu.pse || !paging_stats.large_pages);
	KTEST_EXPECT_GE(test, paging_stats.direct_pages, paging_stats.large_pages * 1024);
}

/*
 * In place of the page fault's own gate while write_is_refused() writes: EAX says that
 * it faulted, and the next instruction is after the write.
 */
void write_faulted(void);
__asm__("	.text\n"
	"write_faulted:\n"
	"	movl $1, %eax\n"
	"	addl $4, %esp\n" /* the error code */
	"	movl $write_is_over, (%esp)\n"
	"	iret\n");

struct idt {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

/* Write 2 to a word. Returns whether that faulted. */
static NOINLINE bool write_is_refused(volatile uint32_t *word)
{
	static uint32_t gates[TRAP_COUNT][2]; /* Intel SDM vol. 3, 6.11 */
	uint32_t *gate = gates[TRAP_PAGE_FAULT];
	uintptr_t handler = (uintptr_t)write_faulted;
	struct idt ours = { sizeof(gates) - 1, (uintptr_t)gates };
	struct idt idt;
	bool refused;

	__asm__ volatile("sidt %0" : "=m"(idt));
	memcpy(gates, (const void *)idt.base, sizeof(gates));
	gate[0] = (gate[0] & 0xffff0000) | (handler & 0xffff);
	gate[1] = (gate[1] & 0xffff) | (handler & 0xffff0000);
	__asm__ volatile("lidt %2\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl $2, (%1)\n"
			 "write_is_over:\n\t"
			 "lidt %3"
			 : "=&a"(refused)
			 : "r"(word), "m"(ours), "m"(idt)
			 : "memory", "cc");
	return refused;
}

/* Test the effect, not CR0.WP: a 386 reads that bit as 1, and writes all the same. */
KTEST(paging, write_protection_follows_the_cpu)
{
	phys_addr_t frame = alloc_pages(ZONE_ANY, 0);
	volatile uint32_t *word = (volatile uint32_t *)spare_page();
	uint32_t read;
	bool refused;

	KTEST_ASSERT(test, frame);
	BUG_ON(map_page(spare_page(), frame, MAP_WRITE));
	*word = 1;
	unmap_page(spare_page());
	BUG_ON(map_page(spare_page(), frame, 0));
	refused = write_is_refused(word);
	read = *word;
	unmap_page(spare_page());
	free_pages(frame, 0);
	KTEST_EXPECT_EQ(test, refused, cpu.wp);
	KTEST_EXPECT_EQ(test, read, refused ? 1 : 2);
}

/* A page is flushed by the instruction that the CPU has, or is told to have. */
KTEST(paging, flushes_with_what_the_cpu_has)
{
	struct tlb_stats stats = tlb_stats;

	flush_tlb_page(spare_page());
	KTEST_EXPECT_EQ(test, tlb_stats.flush_page - stats.flush_page, cpu.family >= 4);
	KTEST_EXPECT_EQ(test, tlb_stats.flush_all - stats.flush_all, cpu.family < 4);
}
