/*
 * vmalloc: memory that is contiguous in the arena only, and views of devices.
 *
 * Each mapping has unmapped guard pages after it. Frames and addresses of what was
 * unmapped are kept aside until one TLB flush serves for many (see vmalloc.c).
 */
#ifndef MM_VMALLOC_H
#define MM_VMALLOC_H

#include <generated/config.h>
#include <kernel/types.h>

/* Call once, when the permanent page directory is in use. */
void vmalloc_init(void);

/*
 * Allocate at least size bytes in pages of their own, page-aligned. Their content is
 * undefined. Never panics. Returns NULL if size is 0, or no memory or no addresses are
 * left.
 */
void *vmalloc(size_t size);

/* The same, all bytes 0. */
void *vzalloc(size_t size);

/* Free memory. NULL is allowed; panics on anything else that vmalloc() did not return. */
void vfree(void *pointer);

/*
 * Map size bytes of a device at phys, uncached; phys need not be aligned. Returns NULL if
 * size is 0, the range wraps or is RAM, or no addresses are left.
 */
void *ioremap(phys_addr_t phys, size_t size);

/* Unmap a device. NULL is allowed; panics on anything else that ioremap() did not return. */
void iounmap(void *pointer);

/* --- for allocators ---------------------------------------------------------- */

/* The owner of a mapping, noted in its page-table entries. */
enum vm_kind {
	VM_NONE,
	VM_PAGES, /* vm_map() */
	VM_ALLOC, /* vmalloc() */
	VM_IO, /* ioremap() */
};

/*
 * Map `pages` fresh frames, with `guard` unmapped pages after them. The page number
 * `skew` of the mapping is aligned to `align`, a power of two; all in pages. Returns the
 * address of the first page, or 0 with nothing changed.
 */
uintptr_t vm_map(size_t pages, size_t align, size_t skew, size_t guard);

/* Unmap a mapping that vm_map() made; panics on anything else. */
void vm_unmap(uintptr_t virt, size_t pages);

/*
 * Flush the TLB, if anything was unmapped since the last flush, and free the frames and
 * addresses that waited for it. reclaim() does this before any request fails.
 */
void vm_purge(void);

/*
 * Check that a mapping of this kind begins at virt. O(1). Returns the error in words, or
 * NULL.
 */
const char *vm_fault(uintptr_t virt, enum vm_kind kind);

/* The relation of an arena address to mappings. */
struct vm_place {
	enum {
		VM_UNUSED, /* nothing, or long ago */
		VM_MAPPED, /* it is in a mapping */
		VM_GUARD, /* it is after one */
		VM_FREED, /* it was in one until not long ago */
	} state;
	enum vm_kind kind; /* of that mapping */
	uintptr_t virt; /* of its first page */
	size_t pages; /* guards excluded */
};

struct vm_place vm_locate(uintptr_t addr);

/* Describe it in words, for the panic of a fault there. */
void vm_describe(uintptr_t addr, char *text, size_t size);

struct vmalloc_stats {
	unsigned long maps; /* mappings made, of all kinds */
	unsigned long unmaps;
	unsigned long failures; /* mappings not made */
	unsigned long flushes; /* one for all that was unmapped before */
	size_t live_pages; /* frames mapped at this moment */
	size_t peak_pages;
	size_t peak_lazy_pages; /* unmapped pages that waited for a flush */
};

extern struct vmalloc_stats vmalloc_stats;

/*
 * Verify arena, page tables and counters against each other. Returns the error in words,
 * or NULL.
 */
const char *vm_check(void);

#endif /* MM_VMALLOC_H */
