/*
 * TLB flushes, by INVLPG where the CPU has it and by reloading CR3 where not.
 *
 * INVLPG came with the 486. A 386 can only flush everything, which costs a page walk for
 * each page that it touches next. Callers therefore collect pages and pass them to
 * flush_tlb_range() together, and flushes are counted. Global pages survive the reload:
 * only the direct map, which never changes, is global.
 */
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/tlb.h>
#include <kernel/printk.h>

struct tlb_stats tlb_stats;

/*
 * From this number of pages on, refilling the TLB is cheaper than INVLPG for each: a
 * 486's TLB has 32 entries, a Pentium's 64 for data.
 */
#define RANGE_MAX 32

static inline void invlpg(uintptr_t virt)
{
	__asm__ volatile(CPU_GUARD(4) "invlpg (%0)" : : "r"(virt) : "memory");
	tlb_stats.flush_page++;
}

void flush_tlb_all(void)
{
	write_cr3(read_cr3());
	tlb_stats.flush_all++;
}

bool flush_is_by_page(size_t pages)
{
	//% if not derived.invlpg_always
	if (!cpu.invlpg)
		return false;
	//% endif
	return pages <= RANGE_MAX;
}

void flush_tlb_range(uintptr_t virt, size_t pages)
{
	if (!flush_is_by_page(pages)) {
		flush_tlb_all();
		return;
	}
	for (; pages; pages--, virt += PAGE_SIZE)
		invlpg(virt);
}

void flush_tlb_page(uintptr_t virt)
{
	flush_tlb_range(virt, 1);
}

//% if features.user_space
void flush_tlb_pair(uintptr_t one, uintptr_t other)
{
	if (!flush_is_by_page(2)) {
		flush_tlb_all();
		return;
	}
	invlpg(one);
	invlpg(other);
}

//% endif
void tlb_report(void)
{
	kgen_stat(tlb_stats.flush_page, "tlb.flush_page");
	kgen_stat(tlb_stats.flush_all, "tlb.flush_all");
}
