/*
 * vmalloc: mappings in the arena, and their lazy end.
 *
 * To map:
 *   1. The arena gives a run of free addresses, guard pages included.
 *   2. The page allocator gives frames, one by one: any will do.
 *   3. They are entered in the page tables. They were absent: no TLB flush.
 *
 * To unmap costs a flush before frames or addresses may serve again: else somebody
 * would write through a stale translation into memory that has another owner. A 386
 * can only flush everything. So it is done for many at once:
 *   1. The entries lose their present bit, and keep the frames.
 *   2. The range is noted in a ring. Its addresses stay taken.
 *   3. When VMALLOC_LAZY ranges or VMALLOC_LAZY_PAGES pages have gathered, or when
 *      frames or addresses run out, vm_purge() flushes once, and then frees frames
 *      and addresses of them all.
 *
 *     entries   |M1 M  M  G |S  S  G |0  0 |M2 G |S  G |P  P  P |0 ...
 *                mapped      stale    free        stale spare
 *     ring                   [range]              [range]   2 ranges, 3 pages
 *
 * Addresses of a small range do not go back to the arena at once: they are spare, in
 * a list for each size, and the next mapping of that size takes the last one. That
 * makes the common case O(1), and cheap. Where addresses run out, the arena gets them
 * all and puts together what lies together.
 *
 * The entries are all the bookkeeping there is (arch/arena_table.h): the first of a
 * mapping names its kind, and a mapping ends where a page is not mapped or is the
 * first of another. The ring remembers the last ranges, flushed or not, so that a
 * fault can be explained.
 *
 * Invariants, verified by vm_check(): an entry is 0 just where the arena's page is
 * free; the ranges in the ring that wait are stale, and nothing else is; frames are
 * mapped as often as live_pages says.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/arena_table.h>
#include <arch/cpu.h>
#include <arch/fault.h>
#include <arch/paging.h>
#include <arch/tlb.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/arena.h>
#include <mm/early.h>
#include <mm/page.h>
#include <mm/vmalloc.h>

struct vmalloc_stats vmalloc_stats;

static struct arena arena;
static uint32_t *slots; /* the arena's page-table entries */

/* A mapping that is no more. */
struct range {
	size_t page; /* of the arena */
	size_t pages; /* that were mapped */
	size_t reach; /* with the guards */
	enum vm_kind kind;
};

static struct {
	struct range ring[VMALLOC_LAZY];
	size_t next; /* where the next goes */
	size_t count; /* the last so many wait for a flush */
	size_t pages; /* in them */
} lazy;

/*
 * Free addresses, guards included, in lists by size: the first page of the first range
 * plus 1, 0 if there is none. The entry of a range's first page links to the next.
 */
#define SPARE_MAX 32 /* pages, guards included */

static size_t spare[SPARE_MAX + 1];

void vmalloc_init(void)
{
	slots = arena_table();
	arena_init(&arena, ARENA_BASE, paging_stats.arena_pages);
}

static inline uintptr_t address_of(size_t page)
{
	return ARENA_BASE + page * PAGE_SIZE;
}

static inline size_t page_of(uintptr_t virt)
{
	return (virt - ARENA_BASE) / PAGE_SIZE;
}

/* Whether the entry belongs to the mapping of the page before. */
static inline bool continues(size_t page)
{
	return page < arena.pages && slot_is_mapped(slots[page]) && !slot_kind(slots[page]);
}

/* Pages of the mapping that begins at `page`. */
static size_t pages_from(size_t page)
{
	size_t pages = 1;

	while (continues(page + pages))
		pages++;
	return pages;
}

/* --- spare addresses ------------------------------------------------------------- */

static void put_spare(size_t page, size_t reach)
{
	slots[page] = spare[reach] << SLOT_NEXT_SHIFT | SLOT_SPARE;
	spare[reach] = page + 1;
}

/* First page of a spare range of just this size, plus 1; 0 if there is none. */
static inline size_t take_spare(size_t reach)
{
	size_t found = reach <= SPARE_MAX ? spare[reach] : 0;

	if (found) {
		spare[reach] = slots[found - 1] >> SLOT_NEXT_SHIFT;
		slots[found - 1] = SLOT_SPARE; /* a link must not pass for a frame */
	}
	return found;
}

/* Give all spare addresses back to the arena. */
static __attribute__((cold)) void drain_spares(void)
{
	for (size_t reach = 1; reach <= SPARE_MAX; reach++) {
		size_t found;

		while ((found = take_spare(reach))) {
			for (size_t i = 0; i < reach; i++)
				slots[found - 1 + i] = SLOT_FREE;
			BUG_ON(!arena_free(&arena, address_of(found - 1), reach));
		}
	}
}

/* --- the end of a mapping ----------------------------------------------------- */

/* The i-th range from the end: 1 is the last. */
static struct range *range_back(size_t i)
{
	return &lazy.ring[(lazy.next + VMALLOC_LAZY - i) % VMALLOC_LAZY];
}

static void flush(void)
{
	vmalloc_stats.flushes++;
	if (!flush_is_by_page(lazy.pages)) {
		flush_tlb_all();
		return;
	}
	for (size_t i = lazy.count; i; i--)
		flush_tlb_range(address_of(range_back(i)->page), range_back(i)->pages);
}

/* Free the frames and the addresses of a range that no TLB knows any more. */
static void release(const struct range *range)
{
	bool small = range->reach <= SPARE_MAX;

	for (size_t page = range->page; page < range->page + range->reach; page++) {
		phys_addr_t frame = slots[page] & PTE_FRAME;

		slots[page] = small ? SLOT_SPARE : SLOT_FREE;
		if (frame)
			free_pages(frame, 0);
	}
	if (small)
		put_spare(range->page, range->reach);
	else
		BUG_ON(!arena_free(&arena, address_of(range->page), range->reach));
}

void vm_purge(void)
{
	if (!lazy.count)
		return;
	flush();
	for (; lazy.count; lazy.count--)
		release(range_back(lazy.count));
	lazy.pages = 0;
}

/* Unmap; the frames stay in the entries unless the mapping only showed them. */
static void retire(struct range range)
{
	uint32_t keep = range.kind == VM_IO ? 0 : PTE_FRAME;

	for (size_t i = range.page; i < range.page + range.pages; i++)
		slots[i] = (slots[i] & keep) | SLOT_STALE;
	lazy.ring[lazy.next] = range;
	lazy.next = (lazy.next + 1) % VMALLOC_LAZY;
	lazy.count++;
	lazy.pages += range.pages;
	vmalloc_stats.peak_lazy_pages = MAX(vmalloc_stats.peak_lazy_pages, lazy.pages);
	if (range.kind != VM_IO)
		vmalloc_stats.live_pages -= range.pages;
	if (lazy.count == VMALLOC_LAZY || lazy.pages >= VMALLOC_LAZY_PAGES)
		vm_purge();
}

static void unmap(size_t page, size_t pages, enum vm_kind kind)
{
	size_t reach = pages;

	while (page + reach < arena.pages && slots[page + reach] == SLOT_GUARD)
		reach++;
	vmalloc_stats.unmaps++;
	retire((struct range){ page, pages, reach, kind });
}

/* --- the beginning -------------------------------------------------------------- */

/* Addresses that nobody else had for long: from the arena. 0 if there are none. */
static __attribute__((noinline)) uintptr_t take_from_arena(size_t reach, size_t align, size_t skew)
{
	uintptr_t virt = arena_alloc(&arena, reach, align, skew);

	if (!virt) {
		vm_purge();
		drain_spares();
		virt = arena_alloc(&arena, reach, align, skew);
	}
	return virt;
}

/* Addresses, with the guards' entries made; 0 if there are none. */
static uintptr_t reserve(size_t pages, size_t align, size_t skew, size_t guard)
{
	size_t reach = pages + guard;
	size_t found = 0;
	uintptr_t virt;

	if (!pages || pages > arena.pages || guard > arena.pages - pages)
		return 0;
	if (align == 1)
		found = take_spare(reach);
	virt = found ? address_of(found - 1) : take_from_arena(reach, align, skew);
	for (size_t i = pages; virt && i < reach; i++)
		slots[page_of(virt) + i] = SLOT_GUARD;
	return virt;
}

static phys_addr_t take_frame(void)
{
	phys_addr_t frame = alloc_pages(ZONE_ANY, 0);

	if (!frame && lazy.count) {
		vm_purge();
		frame = alloc_pages(ZONE_ANY, 0);
	}
	return frame;
}

static inline uint32_t mark_of(size_t i, enum vm_kind kind)
{
	return i ? 0 : (uint32_t)kind << SLOT_KIND_SHIFT;
}

/* Map fresh frames to `pages` pages from `page` on; how many there were. */
static size_t populate(size_t page, size_t pages, enum vm_kind kind)
{
	size_t done = 0;

	for (; done < pages; done++) {
		phys_addr_t frame = take_frame();

		if (!frame)
			break;
		slots[page + done] = frame | PTE_PRESENT | PTE_WRITE | mark_of(done, kind);
	}
	vmalloc_stats.live_pages += done;
	vmalloc_stats.peak_pages = MAX(vmalloc_stats.peak_pages, vmalloc_stats.live_pages);
	return done;
}

/* Pages from which on it pays to ask first how many frames are free. */
#define WORTH_ASKING 64

/* A mapping of fresh frames; 0, and nothing left behind, if there is no room for it. */
static uintptr_t map_fresh(size_t pages, size_t align, size_t skew, size_t guard, enum vm_kind kind)
{
	uintptr_t virt = 0;
	size_t done = 0;

	/* More frames than there are can't be had: don't even try. Few cost less than asking. */
	if (pages < WORTH_ASKING || pages <= free_page_count() + lazy.pages)
		virt = reserve(pages, align, skew, guard);
	if (virt)
		done = populate(page_of(virt), pages, kind);
	if (virt && done == pages) {
		vmalloc_stats.maps++;
		return virt;
	}
	vmalloc_stats.failures++;
	if (virt) {
		retire((struct range){ page_of(virt), done, pages + guard, kind });
		vm_purge();
	}
	return 0;
}

uintptr_t vm_map(size_t pages, size_t align, size_t skew, size_t guard)
{
	return map_fresh(pages, align, skew, guard, VM_PAGES);
}

void *vmalloc(size_t size)
{
	size_t pages = size / PAGE_SIZE + (size % PAGE_SIZE != 0);

	return (void *)map_fresh(pages, 1, 0, VMALLOC_GUARD_PAGES, VM_ALLOC);
}

void *vzalloc(size_t size)
{
	void *pointer = vmalloc(size);

	if (pointer)
		memset(pointer, 0, size);
	return pointer;
}

/*
 * Whether a page of [first, last] is RAM, or was reserved though the map does not say
 * that it is: the image, a module. The page below 4 GiB never is.
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
	/* A 386 has no cache, and wants this bit to be 0. */
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
		slots[page_of(virt) + i] = (first + i * PAGE_SIZE) | flags | mark_of(i, VM_IO);
	vmalloc_stats.maps++;
	return (void *)(virt + phys % PAGE_SIZE);
}

/* --- refusing -------------------------------------------------------------------- */

static const char *const owners[] = {
	[VM_PAGES] = "it belongs to an allocator",
	[VM_ALLOC] = "it is vmalloc()'s",
	[VM_IO] = "it is ioremap()'s",
};

const char *vm_fault(uintptr_t virt, enum vm_kind kind)
{
	size_t page = page_of(virt);

	if (virt < ARENA_BASE || page >= arena.pages)
		return "not an address of the arena";
	if (slot_is_stale(slots[page]))
		return "unmapped already";
	if (!slot_is_mapped(slots[page]))
		return "nothing is mapped there: unmapped already?";
	if (!slot_kind(slots[page]) || virt % PAGE_SIZE)
		return "not the start of a mapping";
	if (slot_kind(slots[page]) != kind)
		return owners[slot_kind(slots[page])];
	return NULL;
}

/* Whether a mapping of this kind begins at virt: what vm_fault() says, in few steps. */
static inline bool is_start(uintptr_t virt, enum vm_kind kind)
{
	return virt >= ARENA_BASE && page_of(virt) < arena.pages && IS_ALIGNED(virt, PAGE_SIZE) &&
	       slot_kind(slots[page_of(virt)]) == kind;
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

/* --- explaining ------------------------------------------------------------------ */

/* The mapping of which `page` is a part. */
static struct vm_place place_mapped(size_t page)
{
	while (page && !slot_kind(slots[page]))
		page--;
	return (struct vm_place){ VM_MAPPED, slot_kind(slots[page]), address_of(page),
				  pages_from(page) };
}

/* The last mapping that ended there, if it is remembered. */
static struct vm_place place_freed(size_t page)
{
	for (size_t i = 1; i <= VMALLOC_LAZY; i++) {
		const struct range *range = range_back(i);

		if (page - range->page < range->pages)
			return (struct vm_place){ VM_FREED, range->kind, address_of(range->page),
						  range->pages };
	}
	return (struct vm_place){ VM_UNUSED, VM_NONE, 0, 0 };
}

struct vm_place vm_locate(uintptr_t addr)
{
	size_t page = page_of(addr);
	struct vm_place place;

	if (page >= arena.pages)
		return (struct vm_place){ VM_UNUSED, VM_NONE, 0, 0 };
	if (slot_is_mapped(slots[page]))
		return place_mapped(page);
	if (slots[page] != SLOT_GUARD)
		return place_freed(page);
	while (page && slots[page] == SLOT_GUARD)
		page--;
	place = slot_is_mapped(slots[page]) ? place_mapped(page) : place_freed(page);
	if (place.state == VM_MAPPED)
		place.state = VM_GUARD;
	return place;
}

void vm_describe(uintptr_t addr, char *text, size_t size)
{
	static const char *const names[] = {
		[VM_PAGES] = "allocator's",
		[VM_ALLOC] = "vmalloc",
		[VM_IO] = "ioremap",
	};
	static const char *const states[] = {
		[VM_MAPPED] = "inside a",
		[VM_GUARD] = "guard after a",
		[VM_FREED] = "freed",
	};
	struct vm_place place = vm_locate(addr);

	if (place.state == VM_UNUSED)
		snprintf(text, size, "unused part of the arena");
	else
		snprintf(text, size, "%s %s mapping of %u pages at 0x%x", states[place.state],
			 names[place.kind], place.pages, place.virt);
}

/* --- verifying ------------------------------------------------------------------- */

/* Whether the lists of spare addresses hold so many pages, and all are marked. */
static bool spares_are(size_t pages)
{
	for (size_t reach = 1; reach <= SPARE_MAX; reach++) {
		for (size_t at = spare[reach]; at; at = slots[at - 1] >> SLOT_NEXT_SHIFT) {
			for (size_t i = 0; i < reach; i++) {
				if (!(slots[at - 1 + i] & SLOT_SPARE) || !pages--)
					return false;
			}
		}
	}
	return !pages;
}

const char *vm_check(void)
{
	size_t live = 0;
	size_t waiting = 0;
	size_t spares = 0;
	enum vm_kind kind = VM_NONE; /* of the mapping that the page is in */

	if (!arena_check(&arena))
		return "the arena's tree is inconsistent";
	for (size_t page = 0; page < arena.pages; page++) {
		uint32_t slot = slots[page];

		if ((slot != SLOT_FREE) != arena_is_taken(&arena, address_of(page)))
			return "arena and page tables disagree";
		kind = slot_kind(slot) || !slot_is_mapped(slot) ? slot_kind(slot) : kind;
		if (slot_is_mapped(slot) && !kind)
			return "a mapping has no first page";
		live += kind == VM_PAGES || kind == VM_ALLOC;
		waiting += slot_is_stale(slot);
		spares += !slot_is_mapped(slot) && (slot & SLOT_SPARE);
	}
	if (live != vmalloc_stats.live_pages)
		return "pages are mapped that nobody owns";
	for (size_t i = lazy.count; i; i--)
		waiting -= range_back(i)->pages;
	if (waiting)
		return "pages wait for a flush that will not come";
	return spares_are(spares) ? NULL : "the lists of spare addresses are broken";
}
