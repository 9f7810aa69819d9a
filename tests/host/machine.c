/* The machine of machine.h. */
#include <arch/arena_table.h>
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/tlb.h>
#include <kernel/panic.h>
#include <mm/early.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/page.h>
#include <mm/place.h>
#include <mm/vmalloc.h>

#include "bare.h"
#include "machine.h"
#include "page_map.h"

#define FLUSHED_SINGLY 8 /* pages: both ways to flush are to be seen */

struct memblock memblock;
struct paging_stats paging_stats;
struct cpu cpu = { .family = 4 };

static int frames;
static size_t frame_count;
static phys_addr_t direct_end;
static uint32_t table[ARENA_PAGES];
static size_t known[ARENA_PAGES]; /* pages of the arena that the TLB knows */
static size_t known_count;

/* --- panics and faults ---------------------------------------------------------- */

static void *landing[5]; /* for __builtin_longjmp() */
static bool stop_expected;

bool machine_stops(void (*use)(void *pointer), void *pointer)
{
	volatile bool stopped = true;

	stop_expected = true;
	if (!__builtin_setjmp(landing)) {
		use(pointer);
		stopped = false;
	}
	stop_expected = false;
	return stopped;
}

void panic(const char *format, ...)
{
	va_list args;
	char text[256];

	if (stop_expected)
		__builtin_longjmp(landing, 1);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	wrong("panic: %s", text);
}

/* A TLB miss: the entry is there, and is remembered from now on. */
static void fault(uintptr_t addr)
{
	uint32_t entry = machine_entry((void *)addr);
	size_t page = (addr - ARENA_BASE) / PAGE_SIZE;

	if (!(entry & PTE_PRESENT) || entry / PAGE_SIZE >= frame_count) {
		if (stop_expected)
			__builtin_longjmp(landing, 1);
		wrong("page fault at %p, entry 0x%x", (void *)addr, entry);
	}
	map_file(frames, entry / PAGE_SIZE, ALIGN_DOWN(addr, PAGE_SIZE));
	known[known_count++] = page;
}

/* --- arch/ ------------------------------------------------------------------------ */

uint32_t machine_entry(const void *virt)
{
	size_t page = ((uintptr_t)virt - ARENA_BASE) / PAGE_SIZE;

	return page < ARENA_PAGES ? table[page] : 0;
}

uint32_t *current_directory(void)
{
	return NULL;
}

uint32_t *table_run(const uint32_t *directory, uintptr_t virt, size_t pages)
{
	(void)directory;
	(void)virt;
	(void)pages;
	return table;
}

phys_addr_t slow_virt_to_phys(const volatile void *pointer)
{
	uintptr_t virt = (uintptr_t)pointer;
	uint32_t entry = machine_entry((const void *)virt);

	if (entry & PTE_PRESENT)
		return (entry & PTE_FRAME) | virt % PAGE_SIZE;
	if (virt >= PAGE_SIZE && virt < KERNEL_BASE)
		return virt; /* the program's own data, where a kernel has its own */
	if (virt < PHYS_TO_VIRT(RAM_FIRST * PAGE_SIZE) || VIRT_TO_PHYS(virt) >= direct_end)
		return PHYS_NONE;
	return VIRT_TO_PHYS(virt);
}

bool flush_is_by_page(size_t pages)
{
	return pages <= FLUSHED_SINGLY;
}

void flush_tlb_range(uintptr_t virt, size_t pages)
{
	size_t first = (virt - ARENA_BASE) / PAGE_SIZE;
	size_t kept = 0;

	for (size_t i = 0; i < known_count; i++) {
		if (known[i] - first < pages)
			unmap(ARENA_BASE + known[i] * PAGE_SIZE);
		else
			known[kept++] = known[i];
	}
	known_count = kept;
}

void flush_tlb_all(void)
{
	flush_tlb_range(ARENA_BASE, ARENA_PAGES);
}

void describe_address(uintptr_t addr, char *text, size_t size)
{
	snprintf(text, size, "0x%x", addr);
}

/* --- the beginning ------------------------------------------------------------------- */

void machine_begin(size_t ram, size_t arena)
{
	size_t direct = MIN(ram, DIRECT_MAP_LIMIT / PAGE_SIZE);

	frame_count = ram;
	direct_end = direct * PAGE_SIZE;
	frames = memory_file(ram);
	for (size_t frame = RAM_FIRST; frame < direct; frame++) {
		map_file(frames, frame, PHYS_TO_VIRT(frame * PAGE_SIZE));
		memset(phys_to_virt(frame * PAGE_SIZE), 0xa5, PAGE_SIZE);
	}
	on_page_fault(fault);
	paging_stats.arena_pages = arena;
	memblock_init(&memblock);
	memblock_add(&memblock, RAM_FIRST * PAGE_SIZE, ram * PAGE_SIZE);
	zones_reserve(ram * PAGE_SIZE);
	zones_init();
	vmalloc_init();
	kmalloc_init();
	if (free_page_count() != ram - RAM_FIRST)
		wrong("%lu pages handed over", (unsigned long)free_page_count());
}
