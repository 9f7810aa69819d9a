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
 * At least size bytes in pages of their own, page-aligned; what they hold is not
 * defined. NULL if size is 0, or no memory or no addresses are left; never panics.
 */
void *vmalloc(size_t size);

/* The same, all bytes 0. */
void *vzalloc(size_t size);

/* Give memory back. NULL is fine; panics on anything else that vmalloc() did not return. */
void vfree(void *pointer);

/*
 * A view, not cached, of size bytes of a device at phys, which need not be aligned.
 * NULL if size is 0, the range wraps or is RAM, or no addresses are left.
 */
void *ioremap(phys_addr_t phys, size_t size);

/* Take the view away. NULL is fine; panics on what ioremap() did not return. */
void iounmap(void *pointer);

/* --- for allocators ---------------------------------------------------------- */

/* Whose a mapping is; its pages' entries say so. */
enum vm_kind {
	VM_NONE,
	VM_PAGES, /* vm_map() */
	VM_ALLOC, /* vmalloc() */
	VM_IO, /* ioremap() */
};

/*
 * Map `pages` fresh frames, with `guard` unmapped pages after them. The page number
 * `skew` of the mapping is aligned to `align`, a power of two; all in pages. The
 * address of the first, or 0, and then nothing has changed.
 */
uintptr_t vm_map(size_t pages, size_t align, size_t skew, size_t guard);

/* Unmap all of a mapping of vm_map()'s; panics on anything else. */
void vm_unmap(uintptr_t virt, size_t pages);

/*
 * Flush the TLB, if anything was unmapped since the last time, and free the frames
 * and the addresses that waited for it. Done by itself before pages or addresses are
 * refused to anyone.
 */
void vm_purge(void);

/*
 * What is wrong with an address as the start of a mapping of this kind, in words;
 * NULL if nothing is. O(1).
 */
const char *vm_fault(uintptr_t virt, enum vm_kind kind);

/* What an address of the arena is to the mappings. */
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

/* The same in words, for the panic of who touched it. */
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

/* Verify arena, page tables and counters against each other. NULL, or what is wrong. */
const char *vm_check(void);

#endif /* MM_VMALLOC_H */
