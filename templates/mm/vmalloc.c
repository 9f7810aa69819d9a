/*
 * vmalloc: mappings in the arena, unmapped lazily.
 *
 * To map:
 *   1. The arena gives a run of free addresses, guard pages included.
 *   2. The page allocator gives frames, one by one: any will do.
 *   3. They are entered in the page tables. They were absent: no TLB flush.
 *
 * Unmapping takes a TLB flush before frames or addresses may be reused: otherwise a write
 * through a stale translation would reach memory that has another owner. A 386 can only
 * flush everything. So one flush serves many mappings:
 *   1. The entries lose their present bit, and keep the frames.
 *   2. The range is noted in a ring. Its addresses stay taken.
 *   3. When VMALLOC_LAZY ranges have gathered, vm_purge() flushes once, and then
 *      frees frames and addresses of them all. reclaim() calls it earlier if frames or
 *      addresses run out.
 *
 *     entries   |M1 M  M  G |S  S  G |0  0 |M2 G |S  G |P  P  P |0 ...
 *                mapped      stale    free        stale spare
 *     ring                   [range]              [range]   2 ranges, 3 pages
 *
 * Addresses of a small range do not go back to the arena at once. They become spare, in a
 * list for each size, and the next mapping of that size takes the last one. So the common
 * case is O(1), and cheap. When addresses run out, all spare ranges go back to the arena,
 * where adjacent ones merge.
 *
 * The page-table entries are the only bookkeeping (arch/arena_table.h). A mapping's first
 * entry names its kind; the mapping ends where a page is not mapped or is the first of
 * another one. The ring remembers the last ranges, flushed or not, so that
 * mm/vmalloc_check.c can explain faults.
 *
 * Invariants, verified by vm_check(): an entry is 0 if and only if the arena's page is
 * free; exactly the waiting ranges of the ring are stale; live_pages is the number of
 * mapped frames.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/tlb.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/early.h>
#include <mm/kspace.h>
#include <mm/place.h>
//% if debug.fail
#include <kernel/fail.h>
//% endif
#include <mm/page.h>
#include <mm/reclaim.h>
#include <mm/vm_state.h>
#include <mm/vmalloc.h>

struct vmalloc_stats vmalloc_stats;
struct vm_state vm;

static size_t shrink_spares(void);
static size_t shrink_lazy(void);

void vmalloc_init(void)
{
	vm.entries = table_run(current_directory(), ARENA_BASE, paging_stats.arena_pages);
	BUG_ON(!vm.entries);
	arena_init(&vm.arena, ARENA_BASE, paging_stats.arena_pages);
	reclaim_register(RECLAIM_ADDRESSES, shrink_spares);
	reclaim_register(RECLAIM_FLUSH, shrink_lazy);
}

/* --- spare addresses ------------------------------------------------------------- */

static void put_spare(size_t page, size_t reach)
{
	vm.entries[page] = vm.spare[reach] << ENTRY_NEXT_SHIFT | ENTRY_SPARE;
	vm.spare[reach] = page + 1;
}

/* Take a spare range of exactly this size. Returns its first page plus 1, 0 if there is none. */
static inline size_t take_spare(size_t reach)
{
	size_t found = reach <= SPARE_MAX ? vm.spare[reach] : 0;

	if (found) {
		vm.spare[reach] = vm.entries[found - 1] >> ENTRY_NEXT_SHIFT;
		vm.entries[found - 1] = ENTRY_SPARE; /* a link must not look like a frame */
	}
	return found;
}

/* Return all spare addresses to the arena. Returns the number of ranges. */
static COLD size_t shrink_spares(void)
{
	size_t ranges = 0;

	for (size_t reach = 1; reach <= SPARE_MAX; reach++) {
		size_t found;

		while ((found = take_spare(reach))) {
			for (size_t i = 0; i < reach; i++)
				vm.entries[found - 1 + i] = ENTRY_FREE;
			BUG_ON(!arena_free(&vm.arena, address_of(found - 1), reach));
			ranges++;
		}
	}
	return ranges;
}

/* --- the end of a mapping ----------------------------------------------------- */

static void flush(void)
{
	vmalloc_stats.flushes++;
	if (!flush_is_by_page(vm.lazy.pages)) {
		flush_tlb_all();
		return;
	}
	for (size_t i = vm.lazy.count; i; i--)
		flush_tlb_range(address_of(range_back(i)->page), range_back(i)->pages);
}

/* Free the frames and the addresses of a range that was flushed from the TLB. */
static void free_flushed(const struct vm_range *range)
{
	bool small = range->reach <= SPARE_MAX;

	for (size_t page = range->page; page < range->page + range->reach; page++) {
		phys_addr_t frame = vm.entries[page] & PTE_FRAME;

		vm.entries[page] = small ? ENTRY_SPARE : ENTRY_FREE;
		if (frame)
			free_pages(frame, 0);
	}
	if (small)
		put_spare(range->page, range->reach);
	else
		BUG_ON(!arena_free(&vm.arena, address_of(range->page), range->reach));
}

void vm_purge(void)
{
	if (!vm.lazy.count)
		return;
	flush();
	for (; vm.lazy.count; vm.lazy.count--)
		free_flushed(range_back(vm.lazy.count));
	vm.lazy.pages = 0;
}

static size_t shrink_lazy(void)
{
	size_t ranges = vm.lazy.count;

	vm_purge();
	return ranges;
}

/* Unmap. The frames stay in the entries, unless they belong to a device. */
static void retire(struct vm_range range)
{
	uint32_t keep = range.kind == VM_IO ? 0 : PTE_FRAME;

	for (size_t i = range.page; i < range.page + range.pages; i++)
		vm.entries[i] = (vm.entries[i] & keep) | ENTRY_STALE;
	vm.lazy.ring[vm.lazy.next] = range;
	vm.lazy.next = (vm.lazy.next + 1) % VMALLOC_LAZY;
	vm.lazy.count++;
	vm.lazy.pages += range.pages;
	vmalloc_stats.peak_lazy_pages = MAX(vmalloc_stats.peak_lazy_pages, vm.lazy.pages);
	if (range.kind != VM_IO)
		vmalloc_stats.live_pages -= range.pages;
	if (vm.lazy.count == VMALLOC_LAZY)
		vm_purge();
}

static void unmap(size_t page, size_t pages, enum vm_kind kind)
{
	size_t reach = pages;

	while (page + reach < vm.arena.pages && vm.entries[page + reach] == ENTRY_GUARD)
		reach++;
	vmalloc_stats.unmaps++;
	retire((struct vm_range){ page, pages, reach, kind });
}

/* --- the beginning -------------------------------------------------------------- */

/* Allocate addresses from the arena. Returns 0 if there are none. */
static NOINLINE uintptr_t take_from_arena(size_t reach, size_t align, size_t skew)
{
	uintptr_t virt = arena_alloc(&vm.arena, reach, align, skew);

	for (unsigned step = 0; !virt && reclaim(&step);)
		virt = arena_alloc(&vm.arena, reach, align, skew);
	return virt;
}

/* Allocate addresses and write the guards' entries. Returns 0 if there are none. */
static uintptr_t reserve(size_t pages, size_t align, size_t skew, size_t guard)
{
	size_t reach = pages + guard;
	size_t found = 0;
	uintptr_t virt;

	if (!pages || pages > vm.arena.pages || guard > vm.arena.pages - pages)
		return 0;
	//% if debug.fail
	if (fail_here(FAIL_ADDRESS))
		return 0;
	//% endif
	if (align == 1)
		found = take_spare(reach);
	virt = found ? address_of(found - 1) : take_from_arena(reach, align, skew);
	for (size_t i = pages; virt && i < reach; i++)
		vm.entries[page_of(virt) + i] = ENTRY_GUARD;
	return virt;
}

static inline uint32_t mark_of(size_t i, enum vm_kind kind)
{
	return i ? 0 : (uint32_t)kind << ENTRY_KIND_SHIFT;
}

/*
 * Map fresh frames to `pages` pages from `page` on. Returns the number of frames that
 * were available.
 */
static size_t populate(size_t page, size_t pages, enum vm_kind kind)
{
	size_t done = 0;

	for (; done < pages; done++) {
		phys_addr_t frame = alloc_pages(ZONE_ANY, 0);

		if (!frame)
			break;
		vm.entries[page + done] = frame | PTE_PRESENT | PTE_WRITE | mark_of(done, kind);
	}
	vmalloc_stats.live_pages += done;
	vmalloc_stats.peak_pages = MAX(vmalloc_stats.peak_pages, vmalloc_stats.live_pages);
	return done;
}

/* From this number of pages on, the free frames are counted first. */
#define WORTH_ASKING 64

/* Whether `pages` frames are free, if necessary after reclaim. */
static COLD bool has_frames(size_t pages)
{
	bool enough = pages <= free_page_count() + vm.lazy.pages;

	for (unsigned step = 0; !enough && pages <= vm.arena.pages && reclaim(&step);)
		enough = pages <= free_page_count() + vm.lazy.pages;
	return enough;
}

/* Make a mapping of fresh frames. Returns 0, with nothing changed, if that is impossible. */
static uintptr_t map_fresh(size_t pages, size_t align, size_t skew, size_t guard, enum vm_kind kind)
{
	uintptr_t virt = 0;
	size_t done = 0;

	/*
	 * Do not start a mapping that has too few frames. For a small one, counting would
	 * cost more.
	 */
	if (pages < WORTH_ASKING || has_frames(pages))
		virt = reserve(pages, align, skew, guard);
	if (virt)
		done = populate(page_of(virt), pages, kind);
	if (virt && done == pages) {
		vmalloc_stats.maps++;
		return virt;
	}
	vmalloc_stats.failures++;
	if (virt) {
		retire((struct vm_range){ page_of(virt), done, pages + guard, kind });
		vm_purge();
	}
	return 0;
}

uintptr_t vm_map(size_t pages, size_t align, size_t skew, size_t guard)
{
	return map_fresh(pages, align, skew, guard, VM_PAGES);
}

/* Out of memory: log the free memory, but not each time. */
static COLD void *fail_vmalloc(size_t size)
{
	static unsigned long times;
	bool possible = size < ARENA_SIZE;

	if (!size || !is_news(++times))
		return NULL;
	printk("vmalloc(%u): %s, failure %lu", size,
	       possible ? "no memory or no addresses" : "more than there are addresses",
	       vmalloc_stats.failures);
	if (possible)
		page_print_free();
	printk("\n");
	return NULL;
}

void *vmalloc(size_t size)
{
	size_t pages = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
	uintptr_t virt = map_fresh(pages, 1, 0, VMALLOC_GUARD_PAGES, VM_ALLOC);

	return likely(virt) ? (void *)virt : fail_vmalloc(size);
}

void *vzalloc(size_t size)
{
	void *pointer = vmalloc(size);

	if (pointer)
		memset(pointer, 0, size);
	return pointer;
}

/*
 * Whether a page of [first, last] is RAM, or is reserved outside of the map's RAM, as
 * image and modules may be. The page below 4 GiB never is.
 */
static bool is_memory(phys_addr_t first, phys_addr_t last)
{
	phys_addr_t end = MIN(last, PAGE_MASK - 1) + 1;
	bool reserved = false;

	for (unsigned i = 0; i < memblock.reserved.count; i++)
		reserved |= first < memblock.reserved.regions[i].end &&
			    end > memblock.reserved.regions[i].start;
	return reserved || memblock_memory_in(&memblock, first, end);
}

void *ioremap(phys_addr_t phys, size_t size)
{
	phys_addr_t first = ALIGN_DOWN(phys, PAGE_SIZE);
	phys_addr_t last = phys + size - 1;
	/* A 386 has no cache, and requires this bit to be 0. */
	uint32_t flags = PTE_PRESENT | PTE_WRITE | (cpu.family > 3 ? PTE_CACHE_DISABLE : 0);
	size_t pages = (last - first) / PAGE_SIZE + 1;
	uintptr_t virt = 0;

	if (size && last >= phys && !is_memory(first, last))
		virt = reserve(pages, 1, 0, VMALLOC_GUARD_PAGES);
	if (!virt) {
		vmalloc_stats.failures++;
		return NULL;
	}
	for (size_t i = 0; i < pages; i++)
		vm.entries[page_of(virt) + i] = (first + i * PAGE_SIZE) | flags | mark_of(i, VM_IO);
	vmalloc_stats.maps++;
	return (void *)(virt + phys % PAGE_SIZE);
}

/* --- refusing -------------------------------------------------------------------- */

/* Whether a mapping of this kind begins at virt: the fast form of vm_fault(). */
static inline bool is_start(uintptr_t virt, enum vm_kind kind)
{
	return virt >= ARENA_BASE && page_of(virt) < vm.arena.pages &&
	       IS_ALIGNED(virt, PAGE_SIZE) && entry_kind(vm.entries[page_of(virt)]) == kind;
}

static __attribute__((cold, noreturn)) void refuse(const char *caller, uintptr_t virt,
						   enum vm_kind kind)
{
	const char *fault = vm_fault(virt, kind);
	char place[PLACE_MAX];

	describe_address(virt, place, sizeof(place));
	panic("%s(0x%x): %s (%s)", caller, virt, fault ? fault : "the mapping is of another size",
	      place);
}

void vm_unmap(uintptr_t virt, size_t pages)
{
	if (!is_start(virt, VM_PAGES) || pages_from(page_of(virt)) != pages)
		refuse("vm_unmap", virt, VM_PAGES);
	unmap(page_of(virt), pages, VM_PAGES);
}

void vfree(void *pointer)
{
	uintptr_t virt = (uintptr_t)pointer;

	if (!pointer)
		return;
	if (!is_start(virt, VM_ALLOC))
		refuse("vfree", virt, VM_ALLOC);
	unmap(page_of(virt), pages_from(page_of(virt)), VM_ALLOC);
}

void iounmap(void *pointer)
{
	uintptr_t virt = ALIGN_DOWN((uintptr_t)pointer, PAGE_SIZE);

	if (!pointer)
		return;
	if (!is_start(virt, VM_IO))
		refuse("iounmap", virt, VM_IO);
	unmap(page_of(virt), pages_from(page_of(virt)), VM_IO);
}
