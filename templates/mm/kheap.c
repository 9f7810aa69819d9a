/*
 * The heap: blocks of any size, found by a two-level index, merged at once.
 *
 * Words: a *chunk* is KHEAP_CHUNK bytes from the page allocator, aligned to its
 * size; a *block* is a piece of one, in granules of 16 bytes; a block's *neighbours*
 * are those right before and right after it in its chunk.
 *
 *   1. To allocate n granules, look in the list for blocks of n granules, then in the
 *      next list that is not empty, found with two words of bits. Any block there is
 *      large enough: no list is walked.
 *   2. Put the rest of the block, beyond n granules, on the list of its size.
 *   3. To free, merge the block with its free neighbours, and put the result on the list
 *      of its size. Hence two neighbours are never both free.
 *   4. A chunk without live blocks is kept as the spare; a second such chunk goes
 *      back to the page allocator.
 *
 * (Masmano et al., "TLSF", 2004, with Knuth's boundary tags.)
 *
 *     live     | size | magic | bytes ................... | tag  |
 *     free     | tag  | next  | link |  .....              | tag  |
 *                             ^ multiple of 16
 *     tag      0x11fe if live, 0xf7ee if free (16 bits); granules (16 bits)
 *
 * The length of a live block follows from its size: 12 bytes more, rounded up. The tag at
 * its end costs 4 bytes. It tells the next block that this one is not free, and detects a
 * write past the end.
 *
 * The lists: one for each size below 256 granules, that is 4 KiB; above, each doubling
 * has 128. With s = log2(n) - 7, the number of low bits that are ignored, the list of n
 * is s * 128 + (n >> s): 256 for 256 and 257, 257 for 258 and 259, … 384 for 512 to 515,
 * and so on. Rounding n up to the next step finds the first list in which every block is
 * large enough. So up to 4 KiB the best fit is found, and 1/128 more than asked for is
 * cut at worst.
 *
 * The worst case: one live block in each of many chunks keeps them all, KHEAP_CHUNK bytes
 * for each. Without that, a live block takes at most 27 bytes more than its size: 12 for
 * header and tag, 15 to the next granule; 8 % of the 329 bytes at which the heap begins
 * by default.
 *
 * Invariants, verified by kheap_check(): blocks follow each other without gap from
 * a chunk's first to its last byte; no two free ones are neighbours; each free
 * block is in the list of its size and its bits are set; the counters match.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/bits.h>
#include <kernel/string.h>
#include <mm/kheap_block.h>
#include <mm/kmalloc.h>
//% if debug.poison
#include <mm/poison.h>
//% endif

struct kheap kheap;

/* --- the index --------------------------------------------------------------- */

/* The first list in which every block has at least this many granules. */
static inline unsigned list_above(size_t granules)
{
	unsigned ignored;

	if (likely(granules < KHEAP_EXACT))
		return granules;
	ignored = ignored_bits(granules);
	return ignored * STEPS + ((granules + (1u << ignored) - 1) >> ignored);
}

/* Make [block, block + granules) one free block, in `list`, the list of its size. */
static inline void put(struct kheap_block *block, size_t granules, size_t list)
{
	struct kheap_block **head = &kheap.lists[list];
	struct kheap_block *next = *head;
	uint32_t tag = KHEAP_FREE | granules;

	*head = block;
	block->tag = tag;
	*tail_before(block_after(block, granules)) = tag;
	block->next = next;
	block->link = head;
	if (next) {
		next->link = &block->next;
		return;
	}
	set_bit(kheap.filled, list);
	set_bit(&kheap.rows, list / 32);
}

static inline void insert(struct kheap_block *block, size_t granules)
{
	put(block, granules, list_of(granules));
}

/* Unlink a free block from its list. */
static inline void take(struct kheap_block *block)
{
	struct kheap_block *next = block->next;
	struct kheap_block **link = block->link;

	//% if debug.poison
	if (*link != block) /* the caller's first word, while the block was live */
		poison_found(&block->link);
	//% endif
	*link = next;
	if (next)
		next->link = link;
}

/* The first list in later rows that may have blocks. Returns 0 if there is no such list. */
static NOINLINE size_t list_beyond(size_t list)
{
	uint32_t rows = kheap.rows & (UINT32_MAX << 1 << (list / 32));

	for (; rows; rows &= rows - 1) {
		size_t row = lowest_bit(rows);
		uint32_t bits = kheap.filled[row];

		if (likely(bits))
			return row * 32 + lowest_bit(bits);
		clear_bit(&kheap.rows, row);
	}
	return 0;
}

/*
 * Take the first block of the first non-empty list from `list` on. Returns NULL if all
 * are empty.
 *
 * A list that take() empties keeps its bit until a search finds it empty; and so does a
 * row that loses its last bit.
 */
static inline struct kheap_block *take_from(size_t list)
{
	struct kheap_block *block;
	struct kheap_block *next;

	for (;;) {
		uint32_t bits = kheap.filled[list / 32] >> (list % 32);

		list = likely(bits) ? list + lowest_bit(bits) : list_beyond(list);
		if (unlikely(!list))
			return NULL;
		block = kheap.lists[list];
		if (likely(block))
			break;
		clear_bit(kheap.filled, list);
	}
	//% if debug.poison
	if (block->link != &kheap.lists[list])
		poison_found(&block->link);
	//% endif
	next = block->next;
	kheap.lists[list] = next;
	if (next)
		next->link = &kheap.lists[list];
	else
		clear_bit(kheap.filled, list);
	return block;
}

//% if debug.poison
/*
 * A free block is poison but for its first three words and its tag. When blocks are
 * merged or cut, such words come to lie inside and are filled again.
 */
static void poison(void *start, size_t size)
{
	memset(start, POISON_FREE, size);
}

/* The first `granules` of a free block that has `have` are about to be used. */
static void check_poison(const struct kheap_block *block, size_t granules, size_t have)
{
	size_t size = granules * KHEAP_GRANULE - sizeof(*block);
	const void *broken;

	if (granules == have)
		size -= sizeof(uint32_t);
	broken = poison_broken(block + 1, size, POISON_FREE);
	if (broken)
		poison_found(broken);
}

//% endif
/* --- chunks -------------------------------------------------------------------- */

void kheap_init(void)
{
	memset(&kheap, 0, sizeof(kheap));
}

static void add_chunk(void)
{
	struct kheap_chunk *chunk = kblock_alloc(KHEAP_ORDER);

	if (!chunk)
		return;
	*chunk =
		(struct kheap_chunk){ CHUNK_MAGIC, KHEAP_CHUNK, kheap.chunks, NULL, 0, KHEAP_LIVE };
	if (kheap.chunks)
		kheap.chunks->prev = chunk;
	kheap.chunks = chunk;
	kheap.chunk_count++;
	kheap.chunk_peak = MAX(kheap.chunk_peak, kheap.chunk_count);
	memset(block_after(first_block(chunk), CHUNK_GRANULES), 0, 2 * sizeof(uint32_t));
	//% if debug.poison
	poison(first_block(chunk), CHUNK_GRANULES * KHEAP_GRANULE);
	//% endif
	insert(first_block(chunk), CHUNK_GRANULES);
}

static void return_chunk(struct kheap_chunk *chunk)
{
	take(first_block(chunk));
	if (chunk->prev)
		chunk->prev->next = chunk->next;
	else
		kheap.chunks = chunk->next;
	if (chunk->next)
		chunk->next->prev = chunk->prev;
	kheap.chunk_count--;
	chunk->magic = 0; /* it must not be mistaken for a chunk any more */
	kblock_free(chunk, KHEAP_ORDER);
}

static bool is_empty(const struct kheap_chunk *chunk)
{
	return first_block(chunk)->tag == (KHEAP_FREE | CHUNK_GRANULES);
}

/*
 * The chunk has no live block left: keep it as the spare, or return it if there is an
 * empty spare.
 */
static COLD void chunk_emptied(struct kheap_chunk *chunk)
{
	if (kheap.spare && kheap.spare != chunk && is_empty(kheap.spare))
		return_chunk(chunk);
	else
		kheap.spare = chunk;
}

size_t kheap_shrink(void)
{
	size_t before = kheap.chunk_count;

	if (kheap.spare && is_empty(kheap.spare))
		return_chunk(kheap.spare);
	kheap.spare = NULL;
	return before - kheap.chunk_count;
}

/* --- allocating ------------------------------------------------------------------ */

/* Allocate from the present chunks. Returns NULL if no free block is large enough. */
static inline __attribute__((always_inline)) void *try_alloc(size_t size)
{
	size_t granules = granules_for(size);
	struct kheap_block *block;
	struct kheap_block *rest;
	size_t have;

	block = take_from(list_above(granules));
	if (unlikely(!block))
		return NULL;
	have = block->tag & GRANULES_MASK;
	rest = block_after(block, granules);
	//% if debug.poison
	check_poison(block, granules, have);
	//% endif
	block->size = size;
	block->magic = kmalloc_magic(&block->link, size);
	*tail_before(rest) = KHEAP_LIVE | granules;
	kheap.allocs++;
	if (have != granules)
		insert(rest, have - granules);
	return &block->link;
}

static COLD void *alloc_from_new_chunk(size_t size)
{
	void *pointer;

	add_chunk(); /* even if that fails, reclaim may have freed blocks */
	pointer = try_alloc(size);
	return pointer ? pointer : kheap_exhausted(size);
}

void *kheap_alloc(size_t size)
{
	void *pointer = try_alloc(size);

	return likely(pointer) ? pointer : alloc_from_new_chunk(size);
}

/* Put a block that may be as large as a chunk, which is empty then. */
static NOINLINE void put_large(struct kheap_block *block, size_t granules)
{
	insert(block, granules);
	if (granules == CHUNK_GRANULES)
		chunk_emptied(chunk_of(block));
}

/*
 * Make [block, block + granules), live until now, free; merge it with its neighbours.
 * A neighbour counts as free if both of its ends say so.
 */
static inline void merge_and_put(struct kheap_block *block, size_t granules)
{
	struct kheap_block *next = block_after(block, granules);
	uint32_t tag = next->tag;
	uint32_t before;

	//% if debug.poison
	poison(block, granules * KHEAP_GRANULE);
	//% endif
	if (tag_is_free(tag) &&
	    likely(*tail_before(block_after(next, tag & GRANULES_MASK)) == tag)) {
		granules += tag & GRANULES_MASK;
		take(next);
		//% if debug.poison
		poison(next, sizeof(*next));
		//% else
		*tail_before(next) = 0; /* a stale tag must not confirm a wrong size */
//% endif
	}
	before = *tail_before(block);
	if (tag_is_free(before) &&
	    likely(block_after(block, -(size_t)(before & GRANULES_MASK))->tag == before)) {
		//% if debug.poison
		poison(tail_before(block), sizeof(uint32_t) + sizeof(block->tag));
		//% else
		block->tag = KHEAP_FREE; /* detects a second free */
//% endif
		granules += before & GRANULES_MASK;
		block = block_after(block, -(size_t)(before & GRANULES_MASK));
		take(block);
	}
	if (likely(granules < MIN(KHEAP_EXACT, CHUNK_GRANULES)))
		put(block, granules, granules);
	else
		put_large(block, granules);
}

/* Granules of a free block, 0 if it is live; as in merge_and_put(), both ends must say so. */
static inline size_t free_granules(const struct kheap_block *block)
{
	size_t granules = tag_is_free(block->tag) ? block->tag & GRANULES_MASK : 0;

	return *tail_before(block_after(block, granules)) == block->tag ? granules : 0;
}

bool kheap_resize(void *pointer, size_t size)
{
	struct kheap_block *block = kheap_block_of(pointer);
	size_t have = granules_for(block->size);
	size_t granules = granules_for(size);
	struct kheap_block *next = block_after(block, have);

	if (granules > have) {
		size_t room = free_granules(next);

		if (granules > have + room)
			return false;
		take(next);
		if (have + room > granules)
			insert(block_after(block, granules), have + room - granules);
		*tail_before(block_after(block, granules)) = KHEAP_LIVE | granules;
	} else if (granules < have) {
		*tail_before(block_after(block, granules)) = KHEAP_LIVE | granules;
		merge_and_put(block_after(block, granules), have - granules);
	}
	block->size = size;
	block->magic = kmalloc_magic(pointer, size);
	return true;
}

/*
 * Allocate enough to find an aligned place inside, and give back what lies before
 * it and after: whole granules, as both places are multiples of one.
 */
void *kheap_alloc_aligned(size_t size, size_t align)
{
	size_t reach = size + (align > KHEAP_GRANULE ? align - KHEAP_GRANULE : 0);
	char *pointer = try_alloc(reach);
	struct kheap_block *block;
	char *aligned;
	size_t have;

	if (!pointer) {
		add_chunk();
		pointer = try_alloc(reach);
	}
	if (!pointer)
		return NULL;
	aligned = (char *)ALIGN_UP((uintptr_t)pointer, align);
	block = kheap_block_of(aligned);
	if (aligned != pointer) {
		//% if debug.poison
		poison(pointer, (char *)block - pointer);
		//% endif
		block->size = reach - (aligned - pointer);
		block->magic = kmalloc_magic(aligned, block->size);
		insert(kheap_block_of(pointer), (aligned - pointer) / KHEAP_GRANULE);
		have = granules_for(block->size);
		*tail_before(block_after(block, have)) = KHEAP_LIVE | have;
	}
	kheap_resize(aligned, size);
	return aligned;
}

/* --- freeing --------------------------------------------------------------------- */

void kheap_free(void *pointer)
{
	struct kheap_block *block = kheap_block_of(pointer);
	size_t granules = granules_for(block->size);

	/* kheap_fault() makes its other checks only if one of these fails. */
	if (unlikely(block->size > KHEAP_MAX) ||
	    unlikely(*tail_before(block_after(block, granules)) != (KHEAP_LIVE | granules))) {
		kheap_refused(pointer);
		return;
	}
	kheap.frees++;
	merge_and_put(block, granules);
}

size_t kheap_room(const void *pointer)
{
	return granules_for(kheap_block_of(pointer)->size) * KHEAP_GRANULE - 3 * sizeof(uint32_t);
}
