/*
 * The heap: blocks of any size, found by a two-level index, merged at once.
 *
 * Words: a *chunk* is KHEAP_CHUNK bytes from the page allocator, aligned to its
 * size; a *block* is a piece of one, in granules of 16 bytes; a block's *neighbours*
 * are those right before and right behind it in its chunk.
 *
 *   1. To allocate n granules, look in the list for blocks of n granules, then in
 *      the next list that is not empty, which two words of bits tell. Any block
 *      there is large enough: no list is walked.
 *   2. What is more than n granules goes back to the list of its size.
 *   3. To free, merge the block with its neighbours as far as they are free, and
 *      put the result on the list of its size. Hence no two neighbours are ever
 *      both free.
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
 * The length of a live block follows from its size: 12 bytes more, rounded up. The
 * tag at its end costs 4 bytes, tells the block behind that this one is not free,
 * and gives away whoever writes past the end.
 *
 * The lists: one for each size below 256 granules, that is 4 KiB; above, each
 * doubling has 128. With s = log2(n) - 7 the number of low bits that do not
 * matter, the list of n is s * 128 + (n >> s): 256 for 256 and 257, 257 for 258
 * and 259, … 384 for 512 to 515, and so on. Rounding n up to the next step finds
 * the first list in which every block is large enough. So up to 4 KiB the best fit
 * is found, and 1/128 more than asked for is cut at worst.
 *
 * Invariants, verified by kheap_check(): blocks follow each other without gap from
 * a chunk's first to its last byte; no two free ones are neighbours; each free
 * block is in the list of its size and its bits are set; the counters match.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <mm/kheap.h>
#include <mm/kmalloc.h>
//% if debug.poison
#include <mm/poison.h>
//% endif

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

struct kheap kheap;

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
_Static_assert(KHEAP_MAX + 12 <= CHUNK_BYTES, "the largest request fits into a chunk");

/* --- blocks ------------------------------------------------------------------ */

static inline size_t granules_for(size_t size)
{
	return (size + 3 * sizeof(uint32_t) + KHEAP_GRANULE - 1) / KHEAP_GRANULE;
}

static inline struct kheap_block *behind(const struct kheap_block *block, size_t granules)
{
	return (struct kheap_block *)((uintptr_t)block + granules * KHEAP_GRANULE);
}

/* Told by the sign bit, which sizes and KHEAP_LIVE do not have. */
static inline bool is_free(uint32_t tag)
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

/* --- the index --------------------------------------------------------------- */

/* Low bits of a number of granules, KHEAP_EXACT or more, that its list does not tell. */
static inline unsigned ignored_bits(size_t granules)
{
	return 31 - __builtin_clz(granules) - __builtin_ctz(STEPS);
}

/* The list for blocks of so many granules. */
static inline unsigned list_of(size_t granules)
{
	unsigned ignored;

	if (likely(granules < KHEAP_EXACT))
		return granules;
	ignored = ignored_bits(granules);
	return ignored * STEPS + (granules >> ignored);
}

/* The first list in which every block has at least so many granules. */
static inline unsigned list_above(size_t granules)
{
	unsigned ignored;

	if (likely(granules < KHEAP_EXACT))
		return granules;
	ignored = ignored_bits(granules);
	return ignored * STEPS + ((granules + (1u << ignored) - 1) >> ignored);
}

/* Make [block, block + granules) one free block in its list. */
static inline void insert(struct kheap_block *block, size_t granules)
{
	unsigned list = list_of(granules);
	struct kheap_block **head = &kheap.lists[list];
	struct kheap_block *next = *head;

	block->tag = KHEAP_FREE | granules;
	*tail_before(behind(block, granules)) = KHEAP_FREE | granules;
	block->next = next;
	block->link = head;
	*head = block;
	if (next) {
		next->link = &block->next;
		return;
	}
	kheap.filled[list / 32] |= 1u << (list % 32);
	kheap.rows |= 1u << (list / 32);
}

/* Take a free block out of its list, wherever it stands. */
static inline void take(struct kheap_block *block)
{
	struct kheap_block *next = block->next;
	struct kheap_block **link = block->link;

	*link = next;
	if (next)
		next->link = link;
}

/* The first row after this one that may have blocks; 0 if there is none. */
static inline unsigned row_after(unsigned row)
{
	uint32_t rows = kheap.rows & (UINT32_MAX << 1 << row);

	return rows ? __builtin_ctz(rows) : 0;
}

/*
 * Take the first block of the first list from `list` on that is not empty; NULL if
 * all are.
 *
 * A list that take() empties keeps its bit until somebody looks for blocks there
 * in vain; and so does a row that loses its last bit.
 */
static inline struct kheap_block *take_from(unsigned list)
{
	unsigned row = list / 32;
	uint32_t bits = kheap.filled[row] & (UINT32_MAX << (list % 32));
	struct kheap_block *block;

	for (;;) {
		while (!bits) {
			row = row_after(row);
			if (unlikely(!row))
				return NULL;
			bits = kheap.filled[row];
		}
		block = kheap.lists[row * 32 + __builtin_ctz(bits)];
		if (block)
			break;
		kheap.filled[row] ^= bits & -bits;
		bits &= bits - 1;
	}
	take(block);
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

static bool add_chunk(void)
{
	struct kheap_chunk *chunk = kblock_alloc(KHEAP_ORDER);

	if (!chunk)
		return false;
	*chunk =
		(struct kheap_chunk){ CHUNK_MAGIC, KHEAP_CHUNK, kheap.chunks, NULL, 0, KHEAP_LIVE };
	if (kheap.chunks)
		kheap.chunks->prev = chunk;
	kheap.chunks = chunk;
	kheap.chunk_count++;
	kheap.chunk_peak = MAX(kheap.chunk_peak, kheap.chunk_count);
	memset(behind(first_block(chunk), CHUNK_GRANULES), 0, 2 * sizeof(uint32_t));
	//% if debug.poison
	poison(first_block(chunk), CHUNK_GRANULES * KHEAP_GRANULE);
	//% endif
	insert(first_block(chunk), CHUNK_GRANULES);
	return true;
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
	chunk->magic = 0; /* nobody takes it for a chunk any more */
	kblock_free(chunk, KHEAP_ORDER);
}

static bool is_empty(const struct kheap_chunk *chunk)
{
	return first_block(chunk)->tag == (KHEAP_FREE | CHUNK_GRANULES);
}

/* The chunk has no live block left: keep it, unless another is kept that has none. */
static __attribute__((noinline, cold)) void chunk_emptied(struct kheap_chunk *chunk)
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

/* A live block from what is free now; NULL if no free block is large enough. */
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
	rest = behind(block, granules);
	//% if debug.poison
	check_poison(block, granules, have);
	//% endif
	if (have != granules)
		insert(rest, have - granules);
	*tail_before(rest) = KHEAP_LIVE | granules;
	block->size = size;
	block->magic = kmalloc_magic(&block->link, size);
	kheap.allocs++;
	return &block->link;
}

static __attribute__((noinline, cold)) void *alloc_from_new_chunk(size_t size)
{
	return add_chunk() ? kheap_alloc(size) : kheap_exhausted(size);
}

HOT_LEAF void *kheap_alloc(size_t size)
{
	void *pointer = try_alloc(size);

	return likely(pointer) ? pointer : alloc_from_new_chunk(size);
}

/*
 * Make [block, block + granules), live until now, free; merge it with its neighbours.
 * A neighbour counts as free if both of its ends say so.
 */
static inline void release(struct kheap_block *block, size_t granules)
{
	struct kheap_block *next = behind(block, granules);
	uint32_t before = *tail_before(block);
	uint32_t tag = next->tag;

	//% if debug.poison
	poison(block, granules * KHEAP_GRANULE);
	//% endif
	block->tag = KHEAP_FREE; /* even if it vanishes in a larger one */
	if (is_free(tag) && likely(*tail_before(behind(next, tag & GRANULES_MASK)) == tag)) {
		granules += tag & GRANULES_MASK;
		take(next);
		//% if debug.poison
		poison(next, sizeof(*next));
		//% else
		*tail_before(next) = 0; /* no stale tag may vouch for a wrong size */
//% endif
	}
	if (is_free(before) &&
	    likely(behind(block, -(size_t)(before & GRANULES_MASK))->tag == before)) {
		//% if debug.poison
		poison(tail_before(block), sizeof(uint32_t) + sizeof(block->tag));
		//% endif
		granules += before & GRANULES_MASK;
		block = behind(block, -(size_t)(before & GRANULES_MASK));
		take(block);
	}
	insert(block, granules);
	if (unlikely(granules == CHUNK_GRANULES))
		chunk_emptied(chunk_of(block));
}

bool kheap_resize(void *pointer, size_t size)
{
	struct kheap_block *block = kheap_block_of(pointer);
	size_t have = granules_for(block->size);
	size_t granules = granules_for(size);
	struct kheap_block *next = behind(block, have);

	if (granules > have) {
		size_t room = is_free(next->tag) ? next->tag & GRANULES_MASK : 0;

		if (granules > have + room)
			return false;
		take(next);
		if (have + room > granules)
			insert(behind(block, granules), have + room - granules);
		*tail_before(behind(block, granules)) = KHEAP_LIVE | granules;
	} else if (granules < have) {
		*tail_before(behind(block, granules)) = KHEAP_LIVE | granules;
		release(behind(block, granules), have - granules);
	}
	block->size = size;
	block->magic = kmalloc_magic(pointer, size);
	return true;
}

/*
 * Allocate enough to find an aligned place inside, and give back what lies before
 * it and behind: whole granules, as both places are multiples of one.
 */
void *kheap_alloc_aligned(size_t size, size_t align)
{
	size_t reach = size + (align > KHEAP_GRANULE ? align - KHEAP_GRANULE : 0);
	char *pointer = try_alloc(reach);
	struct kheap_block *block;
	char *aligned;
	size_t have;

	if (!pointer && add_chunk())
		pointer = try_alloc(reach);
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
		*tail_before(behind(block, have)) = KHEAP_LIVE | have;
	}
	kheap_resize(aligned, size);
	return aligned;
}

/* --- freeing --------------------------------------------------------------------- */

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
		return is_free(block->tag) ? KHEAP_ERR_DOUBLE : KHEAP_ERR_SIZE;
	if (unlikely(block->magic != kmalloc_magic(pointer, block->size)))
		return KHEAP_ERR_MAGIC;
	granules = granules_for(block->size);
	next = behind(block, granules);
	if (unlikely((uintptr_t)next >= (uintptr_t)chunk + KHEAP_CHUNK))
		return KHEAP_ERR_SIZE;
	if (unlikely(*tail_before(next) != (KHEAP_LIVE | granules)))
		return KHEAP_ERR_TAIL;
	before = *tail_before(block);
	if (is_free(before) ? behind(block, -(size_t)(before & GRANULES_MASK))->tag != before :
			      (before & ~GRANULES_MASK) != KHEAP_LIVE)
		return KHEAP_ERR_NEIGHBOUR;
	return KHEAP_OK;
}

HOT_LEAF void kheap_free(void *pointer)
{
	struct kheap_block *block = kheap_block_of(pointer);
	size_t granules = granules_for(block->size);

	/* The rest of kheap_fault()'s questions are for when these are answered wrongly. */
	if (unlikely(block->size > KHEAP_MAX) ||
	    unlikely(*tail_before(behind(block, granules)) != (KHEAP_LIVE | granules))) {
		kheap_refused(pointer);
		return;
	}
	kheap.frees++;
	release(block, granules);
}

size_t kheap_room(const void *pointer)
{
	return granules_for(kheap_block_of(pointer)->size) * KHEAP_GRANULE - 3 * sizeof(uint32_t);
}

/* --- verifying ------------------------------------------------------------------- */

static enum kheap_error check_chunk(const struct kheap_chunk *chunk, size_t *live, size_t *free)
{
	const struct kheap_block *block = first_block(chunk);
	const struct kheap_block *end = behind(block, CHUNK_GRANULES);
	bool was_free = false;

	if (chunk->magic != CHUNK_MAGIC || chunk->tail != KHEAP_LIVE || end->tag || end->magic)
		return KHEAP_BAD_CHUNK;
	while (block < end) {
		size_t granules = block->tag & GRANULES_MASK;

		if (is_free(block->tag)) {
			if (was_free)
				return KHEAP_BAD_UNMERGED;
			if (!granules || behind(block, granules) > end)
				return KHEAP_BAD_LIST;
			if (*tail_before(behind(block, granules)) != block->tag ||
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
		was_free = is_free(block->tag);
		block = behind(block, granules);
	}
	return KHEAP_OK;
}

/* The lists have as many blocks as are free, each its own size, and the bits to find them. */
static enum kheap_error check_lists(size_t free)
{
	for (unsigned list = 0; list < KHEAP_LISTS; list++) {
		struct kheap_block *const *link = &kheap.lists[list];
		bool bit = kheap.filled[list / 32] >> (list % 32) & 1;
		bool row = kheap.rows >> (list / 32) & 1;

		if ((*link && !bit) || (bit && !row))
			return KHEAP_BAD_LIST;
		for (const struct kheap_block *at = *link; at; link = &at->next, at = *link) {
			if (!free-- || at->link != link || !is_free(at->tag) ||
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
		return "the bytes behind it were overwritten";
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
