/*
 * vmalloc's slow paths: checking and describing addresses, and verifying entries, arena,
 * ring and lists, which mm/vmalloc.c explains.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/printk.h>
#include <mm/vm_state.h>
#include <mm/vmalloc.h>

static const char *const owners[] = {
	[VM_PAGES] = "it belongs to an allocator",
	[VM_ALLOC] = "it is vmalloc()'s",
	[VM_IO] = "it is ioremap()'s",
};

const char *vm_fault(uintptr_t virt, enum vm_kind kind)
{
	size_t page = page_of(virt);

	if (virt < ARENA_BASE || page >= vm.arena.pages)
		return "not an address of the arena";
	if (entry_is_stale(vm.entries[page]))
		return "unmapped already";
	if (!entry_is_mapped(vm.entries[page]))
		return "nothing is mapped there: unmapped already?";
	if (!entry_kind(vm.entries[page]) || virt % PAGE_SIZE)
		return "not the start of a mapping";
	if (entry_kind(vm.entries[page]) != kind)
		return owners[entry_kind(vm.entries[page])];
	return NULL;
}

/* --- explaining ------------------------------------------------------------------ */

/* The mapping of a mapped page. */
static struct vm_place place_mapped(size_t page)
{
	while (page && !entry_kind(vm.entries[page]))
		page--;
	return (struct vm_place){ VM_MAPPED, entry_kind(vm.entries[page]), address_of(page),
				  pages_from(page) };
}

/* The last mapping that contained this page, if the ring remembers it. */
static struct vm_place place_freed(size_t page)
{
	for (size_t i = 1; i <= VMALLOC_LAZY; i++) {
		const struct vm_range *range = range_back(i);

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

	if (page >= vm.arena.pages)
		return (struct vm_place){ VM_UNUSED, VM_NONE, 0, 0 };
	if (entry_is_mapped(vm.entries[page]))
		return place_mapped(page);
	if (vm.entries[page] != ENTRY_GUARD)
		return place_freed(page);
	while (page && vm.entries[page] == ENTRY_GUARD)
		page--;
	place = entry_is_mapped(vm.entries[page]) ? place_mapped(page) : place_freed(page);
	if (place.state == VM_MAPPED)
		place.state = VM_GUARD;
	return place;
}

void vm_describe(uintptr_t addr, char *text, size_t size)
{
	static const char *const names[] = {
		[VM_PAGES] = "kmalloc",
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

/* Whether the lists of spare addresses have `pages` pages, all marked. */
static bool spares_are(size_t pages)
{
	for (size_t reach = 1; reach <= SPARE_MAX; reach++) {
		for (size_t at = vm.spare[reach]; at; at = vm.entries[at - 1] >> ENTRY_NEXT_SHIFT) {
			for (size_t i = 0; i < reach; i++) {
				if (!(vm.entries[at - 1 + i] & ENTRY_SPARE) || !pages--)
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

	if (!arena_check(&vm.arena))
		return "the arena's tree is inconsistent";
	for (size_t page = 0; page < vm.arena.pages; page++) {
		uint32_t entry = vm.entries[page];

		if ((entry != ENTRY_FREE) != arena_is_taken(&vm.arena, address_of(page)))
			return "arena and page tables disagree";
		kind = entry_kind(entry) || !entry_is_mapped(entry) ? entry_kind(entry) : kind;
		if (entry_is_mapped(entry) && !kind)
			return "a mapping has no first page";
		live += kind == VM_PAGES || kind == VM_ALLOC;
		waiting += entry_is_stale(entry);
		spares += !entry_is_mapped(entry) && (entry & ENTRY_SPARE);
	}
	if (live != vmalloc_stats.live_pages)
		return "pages are mapped that nobody owns";
	for (size_t i = vm.lazy.count; i; i--)
		waiting -= range_back(i)->pages;
	if (waiting)
		return "pages wait for a flush that will not come";
	return spares_are(spares) ? NULL : "the lists of spare addresses are broken";
}
