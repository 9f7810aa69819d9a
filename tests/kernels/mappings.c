/*
 * A load on the arena: mappings of one page to half a MiB, from vmalloc, kmalloc and
 * ioremap, some short-lived, some not. Counts what it took of the TLB.
 */
#include <arch/tlb.h>
#include <kernel/main.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>
#include <mm/vmalloc.h>

#define LIVE 48
#define STEPS 20000

enum kind { NOTHING, MEMORY, ALLOCATION, DEVICE };

static struct {
	enum kind kind;
	void *pointer;
} live[LIVE];

static void end(unsigned i)
{
	switch (live[i].kind) {
	case NOTHING:
		break;
	case MEMORY:
		vfree(live[i].pointer);
		break;
	case ALLOCATION:
		kfree(live[i].pointer);
		break;
	case DEVICE:
		iounmap(live[i].pointer);
	}
	live[i].kind = NOTHING;
}

/* Few pages most of the time, up to 127 now and then. */
static size_t some_size(uint32_t seed)
{
	return ((seed >> 8) % 127 + 1) * PAGE_SIZE >> (seed >> 16) % 6;
}

static void begin(unsigned i, uint32_t seed)
{
	live[i].kind = MEMORY + (seed >> 24) % 3;
	if (live[i].kind == MEMORY)
		live[i].pointer = vmalloc(some_size(seed));
	else if (live[i].kind == ALLOCATION)
		live[i].pointer = kmalloc(KMALLOC_HEAP_LIMIT + some_size(seed));
	else
		live[i].pointer = ioremap(0xa0000, 0x20000);
	BUG_ON(!live[i].pointer);
}

void kernel_main(void)
{
	struct vmalloc_stats maps = vmalloc_stats;
	struct tlb_stats tlb = tlb_stats;
	uint32_t seed = 1;

	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i;

		seed = seed * 1664525 + 1013904223; /* Numerical Recipes' generator */
		i = (seed >> 12) % LIVE;
		end(i);
		begin(i, seed);
	}
	for (unsigned i = 0; i < LIVE; i++)
		end(i);
	kgen_stat(vmalloc_stats.unmaps - maps.unmaps, "load.unmaps");
	kgen_stat(vmalloc_stats.flushes - maps.flushes, "load.flushes");
	kgen_stat(tlb_stats.flush_all - tlb.flush_all, "load.flush_all");
	kgen_stat(tlb_stats.flush_page - tlb.flush_page, "load.flush_page");
}
