/*
 * Mapping: a page of the arena mapped, touched and unmapped. A 386 can only flush
 * the whole TLB, a 486 one page of it; `cpu=386` and `cpu=486` on the command line
 * choose. The cost of a flush that serves many unmappings is spread over them.
 */
#include <kernel/bench.h>
#include <mm/vmalloc.h>

bool bench_map(struct bench *bench)
{
	for (unsigned i = 0; i < BENCH_MAP_PAIRS; i++) {
		volatile uint32_t *page = timed_vmalloc(&bench->alloc, PAGE_SIZE);

		if (!page)
			return false;
		*page = i;
		timed_vfree(&bench->free, (void *)page);
	}
	return true;
}
