/*
 * Flushing the TLB: the only place that does.
 *
 * A page that was not present needs no flush when it is mapped, as x86 never
 * caches absent entries (Intel SDM vol. 3, 4.10.2.3). Only unmapping and
 * tightening do.
 */
#ifndef ARCH_TLB_H
#define ARCH_TLB_H

#include <kernel/types.h>

struct tlb_stats {
	unsigned long flush_page; /* INVLPG executed */
	unsigned long flush_all; /* CR3 reloaded */
};

extern struct tlb_stats tlb_stats;

/* Print them as `# kgen:stat` lines. */
void tlb_report(void);

/* Flush the page at virt: by INVLPG, or with the whole TLB on a CPU without it. */
void flush_tlb_page(uintptr_t virt);

/* Flush `pages` pages: one by one if few, else the whole TLB. */
void flush_tlb_range(uintptr_t virt, size_t pages);

//% if features.user_space
/* Forget the translations of two pages, wherever they are. */
void flush_tlb_pair(uintptr_t one, uintptr_t other);

//% endif
/* Whether flushing this many pages one by one is cheaper than the whole TLB; never on a 386. */
bool flush_is_by_page(size_t pages);

/* Flush the whole TLB, but for global pages, by reloading CR3. */
void flush_tlb_all(void);

#endif /* ARCH_TLB_H */
