/*
 * The heap: blocks of any size inside chunks of KHEAP_CHUNK bytes, for what is too
 * large for slabs and too small for pages of its own.
 *
 * No printing, errors as codes; pages come through mm/kblock.h. Host tests build it for
 * i386, because of arch/bitops.h.
 */
#ifndef MM_KHEAP_H
#define MM_KHEAP_H

#include <generated/config.h>
#include <kernel/types.h>
#include <mm/kblock.h>

/* Sizes of blocks are counted in granules. */
#define KHEAP_GRANULE 16 /* bytes: the smallest free block, and every result's alignment */

/* In front of each block's bytes. */
struct kheap_block {
	union {
		uint32_t size; /* live: bytes asked for */
		uint32_t tag; /* free: KHEAP_FREE | granules */
	};
	union {
		uint32_t magic; /* live: KMALLOC_MAGIC */
		struct kheap_block *next; /* free: in the list of its size */
	};
	struct kheap_block **link; /* free: what points at this block */
};

/* At each block's end there is its tag: one of these | granules. */
#define KHEAP_FREE 0xf7ee0000u /* no live size has these bits */
#define KHEAP_LIVE 0x11fe0000u

/*
 * One list for each size below 256 granules, then 128 lists for each doubling, up to the
 * largest chunk. The last row is always empty, so that a search needs no test for the
 * end.
 */
#define KHEAP_EXACT 256
#define KHEAP_LISTS (KHEAP_EXACT + 5 * 128 + 32)

struct kheap_chunk;

/* There is one heap. */
struct kheap {
	uint32_t rows; /* a bit for each word of `filled` that is not 0 */
	uint32_t filled[KHEAP_LISTS / 32]; /* a bit for each list that is not empty */
	struct kheap_block *lists[KHEAP_LISTS];
	struct kheap_chunk *chunks; /* all there are */
	struct kheap_chunk *spare; /* one that had no live blocks when noted; or NULL */
	size_t chunk_count;
	size_t chunk_peak;
	unsigned long allocs; /* blocks handed out, ever */
	unsigned long frees;
};

extern struct kheap kheap;

enum kheap_error {
	KHEAP_OK = 0,
	KHEAP_ERR_NOT_HEAP, /* in no chunk, or not where a block can begin */
	KHEAP_ERR_DOUBLE, /* free already */
	KHEAP_ERR_MAGIC, /* its header does not have the magic: overwritten, or not a start */
	KHEAP_ERR_SIZE, /* its header has an impossible size */
	KHEAP_ERR_TAIL, /* the bytes past its end were overwritten */
	KHEAP_ERR_NEIGHBOUR, /* the free block before or after it was overwritten */
	/* from kheap_check() alone: */
	KHEAP_BAD_CHUNK, /* a list of chunks is broken */
	KHEAP_BAD_LIST, /* a list of free blocks is broken: written after a free? */
	KHEAP_BAD_COUNT, /* a counter is wrong */
	KHEAP_BAD_UNMERGED, /* two neighbours are both free */
};

/*
 * Largest size that kheap_alloc() may be asked for. An empty chunk's list is found
 * for all that rounds up to it: lists are at most 1/256 of a chunk apart.
 */
#define KHEAP_MAX (KHEAP_CHUNK - MAX(2u * KHEAP_GRANULE, KHEAP_CHUNK / 256) - KHEAP_GRANULE)

/* Start from nothing: forget all chunks. */
void kheap_init(void);

/*
 * Allocate `size` bytes, 1 to KHEAP_MAX, aligned to KHEAP_GRANULE, after kmalloc's
 * header. If no chunk can be allocated, returns what kheap_exhausted() returns.
 */
void *kheap_alloc(size_t size);

/*
 * The same, aligned to `align`, a power of two; size + align must not exceed KHEAP_MAX.
 * Returns NULL if no chunk can be allocated.
 */
void *kheap_alloc_aligned(size_t size, size_t align);

/* Free memory. A pointer with an error goes to kheap_refused(), and nothing is changed. */
void kheap_free(void *pointer);

/* Change a block's size in place, 1 to KHEAP_MAX. Returns false if there is no room after it. */
bool kheap_resize(void *pointer, size_t size);

/* Check a pointer that is to be freed. O(1): reads the ends of the block and of its neighbours. */
enum kheap_error kheap_fault(const void *pointer);

/* Returns the bytes that fit into a live block: as many as requested, or more. */
size_t kheap_room(const void *pointer);

/* The block in which an address lies. */
struct kheap_place {
	const void *bytes; /* after its header */
	size_t size; /* live: asked for; free: all it has */
	bool is_live;
};

/* Find the block of an address. Returns false outside of blocks, or if one before it is broken. */
bool kheap_locate(const void *pointer, struct kheap_place *place);

/* Return the chunks without live blocks to the page allocator. Returns their number. */
size_t kheap_shrink(void);

static inline struct kheap_block *kheap_block_of(const void *pointer)
{
	return (struct kheap_block *)((uintptr_t)pointer - 2 * sizeof(uint32_t));
}

/* Verify the invariants stated in kheap.c. */
enum kheap_error kheap_check(void);

/* Describe a code in words. */
const char *kheap_strerror(enum kheap_error error);

#endif /* MM_KHEAP_H */
