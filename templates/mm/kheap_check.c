/*
 * Checks of the heap: of a block that is to be freed, and of the whole heap.
 *
 * kheap_fault() reads the ends of a block and of its neighbours; kheap_check() walks
 * through all chunks and lists, and verifies the invariants that kheap.c states.
 */
#include <mm/kheap_block.h>
#include <mm/kmalloc.h>

enum kheap_error kheap_fault(const void *pointer)
{
	const struct kheap_block *block = kheap_block_of(pointer);
	const struct kheap_chunk *chunk = chunk_of(pointer);
	const struct kheap_block *next;
	size_t granules;
	uint32_t before;

	if (unlikely(chunk->magic != CHUNK_MAGIC ||
		     !IS_ALIGNED((uintptr_t)pointer, KHEAP_GRANULE) ||
		     (uintptr_t)block < (uintptr_t)first_block(chunk)))
		return KHEAP_ERR_NOT_HEAP;
	if (unlikely(block->size - 1 >= KHEAP_MAX))
		return tag_is_free(block->tag) ? KHEAP_ERR_DOUBLE : KHEAP_ERR_SIZE;
	if (unlikely(block->magic != kmalloc_magic(pointer, block->size)))
		return KHEAP_ERR_MAGIC;
	granules = granules_for(block->size);
	next = block_after(block, granules);
	if (unlikely((uintptr_t)next >= (uintptr_t)chunk + KHEAP_CHUNK))
		return KHEAP_ERR_SIZE;
	if (unlikely(*tail_before(next) != (KHEAP_LIVE | granules)))
		return KHEAP_ERR_TAIL;
	before = *tail_before(block);
	if (tag_is_free(before) ?
		    block_after(block, -(size_t)(before & GRANULES_MASK))->tag != before :
		    (before & ~GRANULES_MASK) != KHEAP_LIVE)
		return KHEAP_ERR_NEIGHBOUR;
	return KHEAP_OK;
}

bool kheap_locate(const void *pointer, struct kheap_place *place)
{
	const struct kheap_chunk *chunk = chunk_of(pointer);
	const struct kheap_block *block = first_block(chunk);
	const struct kheap_block *end = block_after(block, CHUNK_GRANULES);

	if (chunk->magic != CHUNK_MAGIC || (uintptr_t)pointer < (uintptr_t)block)
		return false;
	while (block < end) {
		bool is_live = !tag_is_free(block->tag);
		size_t granules = is_live ? granules_for(block->size) : block->tag & GRANULES_MASK;

		if (block->tag - 1 >= KHEAP_MAX && (is_live || !granules))
			return false;
		if ((uintptr_t)pointer < (uintptr_t)block_after(block, granules)) {
			place->bytes = &block->link;
			place->size = is_live ? block->size : granules * KHEAP_GRANULE;
			place->is_live = is_live;
			return true;
		}
		block = block_after(block, granules);
	}
	return false;
}

static enum kheap_error check_chunk(const struct kheap_chunk *chunk, size_t *live, size_t *free)
{
	const struct kheap_block *block = first_block(chunk);
	const struct kheap_block *end = block_after(block, CHUNK_GRANULES);
	bool was_free = false;

	if (chunk->magic != CHUNK_MAGIC || chunk->tail != KHEAP_LIVE || end->tag || end->magic)
		return KHEAP_BAD_CHUNK;
	while (block < end) {
		size_t granules = block->tag & GRANULES_MASK;

		if (tag_is_free(block->tag)) {
			if (was_free)
				return KHEAP_BAD_UNMERGED;
			if (!granules || block_after(block, granules) > end)
				return KHEAP_BAD_LIST;
			if (*tail_before(block_after(block, granules)) != block->tag ||
			    *block->link != block)
				return KHEAP_BAD_LIST;
			++*free;
		} else {
			enum kheap_error error = kheap_fault(&block->link);

			if (error)
				return error;
			granules = granules_for(block->size);
			++*live;
		}
		was_free = tag_is_free(block->tag);
		block = block_after(block, granules);
	}
	return KHEAP_OK;
}

/*
 * Check that the lists have `free` blocks, each in the list of its size, and that the
 * bits are right.
 */
static enum kheap_error check_lists(size_t free)
{
	for (unsigned list = 0; list < KHEAP_LISTS; list++) {
		struct kheap_block *const *link = &kheap.lists[list];
		bool bit = kheap.filled[list / 32] >> (list % 32) & 1;
		bool row = kheap.rows >> (list / 32) & 1;

		if ((*link && !bit) || (bit && !row))
			return KHEAP_BAD_LIST;
		for (const struct kheap_block *at = *link; at; link = &at->next, at = *link) {
			if (!free-- || at->link != link || !tag_is_free(at->tag) ||
			    list_of(at->tag & GRANULES_MASK) != list)
				return KHEAP_BAD_LIST;
		}
	}
	return free ? KHEAP_BAD_COUNT : KHEAP_OK;
}

enum kheap_error kheap_check(void)
{
	size_t live = 0;
	size_t free = 0;
	size_t chunks = 0;

	for (const struct kheap_chunk *chunk = kheap.chunks; chunk; chunk = chunk->next) {
		enum kheap_error error;

		if (chunk->next && chunk->next->prev != chunk)
			return KHEAP_BAD_CHUNK;
		error = check_chunk(chunk, &live, &free);
		if (error)
			return error;
		if (++chunks > kheap.chunk_count)
			return KHEAP_BAD_COUNT;
	}
	if (chunks != kheap.chunk_count || live != kheap.allocs - kheap.frees)
		return KHEAP_BAD_COUNT;
	return check_lists(free);
}

const char *kheap_strerror(enum kheap_error error)
{
	switch (error) {
	case KHEAP_OK:
		return "no error";
	case KHEAP_ERR_NOT_HEAP:
		return "not an allocation";
	case KHEAP_ERR_DOUBLE:
		return "it is free already";
	case KHEAP_ERR_MAGIC:
		return "its header does not have the magic: overwritten, or not a start";
	case KHEAP_ERR_SIZE:
		return "its header has an impossible size: overwritten?";
	case KHEAP_ERR_TAIL:
		return "the bytes past its end were overwritten";
	case KHEAP_ERR_NEIGHBOUR:
		return "the end of the free memory before it was overwritten";
	case KHEAP_BAD_CHUNK:
		return "a chunk's header, or the list of chunks, is broken";
	case KHEAP_BAD_LIST:
		return "a list of free blocks is broken: written after a free?";
	case KHEAP_BAD_COUNT:
		return "a counter is wrong";
	case KHEAP_BAD_UNMERGED:
		return "two neighbours are both free";
	}
	return "unknown error";
}
