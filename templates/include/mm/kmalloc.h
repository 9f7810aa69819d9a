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

/* kmalloc(0) returns this: not NULL, must not be dereferenced, may be freed. */
#define ZERO_SIZE_PTR ((void *)16)

/* Call once, when pages can be mapped. */
void kmalloc_init(void);

/*
 * Allocate size bytes, aligned to KMALLOC_ALIGNMENT. Their content is undefined. Never
 * panics. Free with kfree(). Returns NULL if no memory or no addresses are left.
 */
void *kmalloc(size_t size);

/* The same, all bytes 0. */
void *kzalloc(size_t size);

/* An array of n elements of size bytes, all 0. Returns NULL also if n * size overflows. */
void *kcalloc(size_t n, size_t size);

/* As kmalloc(), aligned to `align`. Returns NULL also if that is not a power of two. */
void *kmalloc_aligned(size_t size, size_t align);

/*
 * Change the size and keep the content up to the smaller size. The result may be
 * elsewhere; it is aligned to KMALLOC_ALIGNMENT. krealloc(NULL, n) is kmalloc(n),
 * krealloc(p, 0) frees p. Returns NULL if it fails; p is unchanged then.
 */
void *krealloc(void *pointer, size_t size);

/*
 * Free memory. NULL and ZERO_SIZE_PTR are allowed. Panics on any other pointer that
 * kmalloc() did not return, that was freed already, or whose header was overwritten.
 */
void kfree(void *pointer);

/* Returns the bytes that may be used at pointer: as many as requested, or more. */
size_t ksize(const void *pointer);

/*
 * Return all memory that any allocator keeps without using it, as reclaim() does before a
 * request fails. Returns the number of pages that kmalloc and the caches gave up.
 */
size_t kmalloc_shrink(void);

/*
 * Check a pointer that is to be freed. O(1), except for errors and for large allocations
 * in the arena, whose pages are walked. Returns the error in words, or NULL.
 */
const char *kmalloc_fault(const void *pointer);

/*
 * Describe in words an arena address that faulted: the allocation after which it lies, or
 * the recently freed one in which it lies.
 */
void kmalloc_describe(uintptr_t addr, char *text, size_t size);

struct kmalloc_stats {
	unsigned long allocs;
	unsigned long frees;
	unsigned long failures; /* NULL returned */
	size_t live_pages; /* taken from the page allocator: slabs, chunks, mappings */
	size_t peak_pages;
};

/* Read the counters; those of the caches are summed. */
void kmalloc_stats_read(struct kmalloc_stats *stats);

/* Verify slabs, heap and mappings. Returns the error in words, or NULL. */
const char *kmalloc_check(void);

#endif /* MM_KMALLOC_H */
