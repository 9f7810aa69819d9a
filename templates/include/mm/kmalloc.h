/*
 * kmalloc: memory of any size for the kernel. Contracts are Linux's.
 *
 * Small sizes come from slabs, middle ones from the heap, large ones have pages of
 * their own (mm/kmalloc.c). The caller need not know.
 */
#ifndef MM_KMALLOC_H
#define MM_KMALLOC_H

#include <generated/config.h>
#include <kernel/types.h>

/* In front of each allocation. */
typedef struct block_header {
	size_t size; /* bytes asked for */
	uint32_t magic; /* kmalloc_magic() while allocated */
} block_header_t;

/* The magic in the header of a live allocation with this address and size. */
//% if debug.magic == "derived"
static inline uint32_t kmalloc_magic(const void *pointer, size_t size)
{
	/* The factor is odd: no two sizes have the same product. Knuth, TAOCP vol. 3, 6.4. */
	return KMALLOC_MAGIC ^ (uintptr_t)pointer ^ size * 0x9e3779b1u;
}
//% else
#define kmalloc_magic(pointer, size) KMALLOC_MAGIC
//% endif

/* What kmalloc(0) returns: not NULL, not to be touched, may be freed. */
#define ZERO_SIZE_PTR ((void *)16)

/* Call once, when pages can be mapped. */
void kmalloc_init(void);

/*
 * size bytes, aligned to KMALLOC_ALIGNMENT; what they hold is not defined. NULL
 * if no memory or no addresses are left; never panics. Free with kfree().
 */
void *kmalloc(size_t size);

/* The same, all bytes 0. */
void *kzalloc(size_t size);

/* An array of n elements of size bytes, all 0; NULL if n * size overflows. */
void *kcalloc(size_t n, size_t size);

/* The same as kmalloc(), aligned to `align`, a power of two; else NULL. */
void *kmalloc_aligned(size_t size, size_t align);

/*
 * Change the size, keeping what fits of the content; the result may be elsewhere,
 * and is aligned to KMALLOC_ALIGNMENT. krealloc(NULL, n) is kmalloc(n),
 * krealloc(p, 0) frees p. If it fails it returns NULL, and p stays as it was.
 */
void *krealloc(void *pointer, size_t size);

/*
 * Give memory back. NULL and ZERO_SIZE_PTR are fine; panics on anything else that
 * kmalloc() did not return, was freed already, or whose header was overwritten.
 */
void kfree(void *pointer);

/* Returns the bytes that may be used at pointer: as many as requested, or more. */
size_t ksize(const void *pointer);

/*
 * Return what is kept without being in use, by whomever, to the page allocator, as
 * reclaim() does before a request fails. Returns how many pages of kmalloc's and the
 * caches' that were.
 */
size_t kmalloc_shrink(void);

/*
 * What is wrong with a pointer that someone wants to free, in words; NULL if
 * nothing is. O(1), but for errors.
 */
const char *kmalloc_fault(const void *pointer);

/*
 * What an address of the arena that faulted has to do with allocations, in words:
 * after which one it lies, or in which one that was freed not long ago.
 */
void kmalloc_describe(uintptr_t addr, char *text, size_t size);

struct kmalloc_stats {
	unsigned long allocs;
	unsigned long frees;
	unsigned long failures; /* NULL returned */
	size_t live_pages; /* taken from the page allocator: slabs, chunks, mappings */
	size_t peak_pages;
};

/* Counters at this moment; the caches' are added up. */
void kmalloc_stats_read(struct kmalloc_stats *stats);

/* Verify slabs, heap and mappings. NULL, or what is wrong. */
const char *kmalloc_check(void);

#endif /* MM_KMALLOC_H */
