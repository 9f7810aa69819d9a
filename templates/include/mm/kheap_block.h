/*
 * Blocks and chunks of the heap, for the files that it is made of: kheap.c, which
 * allocates blocks, and kheap_check.c, which verifies them.
 */
#ifndef MM_KHEAP_BLOCK_H
#define MM_KHEAP_BLOCK_H

#include <kernel/bits.h>
#include <mm/kheap.h>

#define CHUNK_MAGIC 0xc4a2c4a2u
#define GRANULES_MASK 0xffffu
#define STEPS (KHEAP_EXACT / 2) /* lists for each doubling */

/*
 * A chunk begins with this and ends with two words of zero, the header of a block
 * that is never free. Blocks begin 8 bytes before a multiple of 16.
 */
struct kheap_chunk {
	uint32_t magic;
	uint32_t chunk_size; /* bytes */
	struct kheap_chunk *next;
	struct kheap_chunk *prev;
	uint32_t pad;
	uint32_t tail; /* KHEAP_LIVE: nothing before the first block is free */
};

#define CHUNK_BYTES (KHEAP_CHUNK - sizeof(struct kheap_chunk) - 2 * sizeof(uint32_t))
#define CHUNK_GRANULES (CHUNK_BYTES / KHEAP_GRANULE)

_Static_assert(CHUNK_BYTES % KHEAP_GRANULE == 0, "blocks fill a chunk");
_Static_assert(CHUNK_GRANULES < 8192, "the largest block has a list");
_Static_assert(KHEAP_MAX + 12 <= ALIGN_DOWN(CHUNK_BYTES, MAX(KHEAP_GRANULE, KHEAP_CHUNK / 256)),
	       "the largest request finds the list of an empty chunk");

static inline size_t granules_for(size_t size)
{
	return (size + 3 * sizeof(uint32_t) + KHEAP_GRANULE - 1) / KHEAP_GRANULE;
}

static inline struct kheap_block *block_after(const struct kheap_block *block, size_t granules)
{
	return (struct kheap_block *)((uintptr_t)block + granules * KHEAP_GRANULE);
}

/* A free tag has its sign bit set; sizes and KHEAP_LIVE never do. */
static inline bool tag_is_free(uint32_t tag)
{
	return (int32_t)tag < 0;
}

/* The word at the end of the block before this one. */
static inline uint32_t *tail_before(const struct kheap_block *block)
{
	return (uint32_t *)block - 1;
}

static inline struct kheap_chunk *chunk_of(const void *pointer)
{
	return (struct kheap_chunk *)ALIGN_DOWN((uintptr_t)pointer, KHEAP_CHUNK);
}

static inline struct kheap_block *first_block(const struct kheap_chunk *chunk)
{
	return (struct kheap_block *)(chunk + 1);
}

/* For KHEAP_EXACT granules or more: the number of low bits that the choice of a list ignores. */
static inline unsigned ignored_bits(size_t granules)
{
	return highest_bit(granules) - lowest_bit(STEPS);
}

/* The list for free blocks of this many granules. */
static inline unsigned list_of(size_t granules)
{
	unsigned ignored;

	if (likely(granules < KHEAP_EXACT))
		return granules;
	ignored = ignored_bits(granules);
	return ignored * STEPS + (granules >> ignored);
}

#endif /* MM_KHEAP_BLOCK_H */
