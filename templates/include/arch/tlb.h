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

/* Forget the translation of the page at virt: INVLPG, or all where there is none. */
void flush_tlb_page(uintptr_t virt);

/* Forget the translations of `pages` pages: one by one if few, else all. */
void flush_tlb_range(uintptr_t virt, size_t pages);

//% if features.user_space
/* Forget the translations of two pages, wherever they are. */
void flush_tlb_pair(uintptr_t one, uintptr_t other);

//% endif
/* Whether it is cheaper to forget so many pages one by one; never where only all can be. */
bool flush_is_by_page(size_t pages);

/* Forget every translation but the direct map's, by loading CR3 with what it holds. */
void flush_tlb_all(void);

#endif /* ARCH_TLB_H */
