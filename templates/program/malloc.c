/*
 * malloc() for programs, over brk() and mmap().
 *
 * The heap is one run of memory that grows at its end. It is cut into chunks, each with a
 * header; a free chunk has its size in its last word as well, so that whoever is freed
 * next to it finds where it begins (boundary tags: Knuth, The Art of Computer Programming
 * 1, 2.5, algorithm C; Lea, A Memory Allocator).
 *
 *     chunk in use                  free chunk
 *     +-------------------+         +-------------------+
 *     | size | flags      |         | size | flags      |
 *     +-------------------+  <-     +-------------------+
 *     | what malloc()     | block   | next              |  in the list of its bin
 *     | returned          |         | previous          |
 *     |                   |         | ...               |
 *     |                   |         | size              |  the next chunk looks here
 *     +-------------------+         +-------------------+
 *
 * malloc(): the smallest bin that has a chunk that fits, found by a map of bits; the rest
 * of the chunk is a free one again. If there is none: from the top, which is what lies
 * between the last chunk and the heap's end; and if that is too small, brk() moves the end.
 * A block of 128 KiB or more has pages of its own: mmap(), and mremap() to change its size.
 *
 * free(): merged with free neighbours, into a bin or into the top. A top that is large
 * goes back to the kernel.
 *
 * Bins: one for each size up to 256 bytes, then four for each power of two. In a bin of
 * several sizes the best of the first few that fit is taken; one from a higher bin fits
 * in any case.
 *
 * calloc() clears no memory that the kernel has cleared and nobody has had: it keeps in
 * mind how far the heap was ever used, so large blocks stay promises until they are touched.
 *
 * Invariants, which malloc_check() verifies: chunks follow one another without a gap, up
 * to the top; no two free ones are neighbours, and none is next to the top; each free one
 * is in the list of its bin, and its size is in its last word; a bin's bit says whether it
 * has any.
 *
 * A program that frees what it must not is ended, with a line that says so.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define UNIT 8u /* sizes and addresses of blocks are multiples of this */
#define HEADER sizeof(uint32_t)
#define LEAST 16u /* bytes of a chunk: it must hold what a free one has */

#define IN_USE 1u /* this chunk */
#define BEFORE_IN_USE 2u /* the one in front of it */
#define MAPPED 4u /* it has pages of its own */
#define FLAGS 7u

#define MAP_FROM (128u << 10) /* blocks of so many bytes are mapped */
#define GROW (64u << 10) /* the heap grows by this much at least */
#define TRIM (256u << 10) /* and shrinks when the top is so large */

#define SMALL_BINS 32u /* of 8 bytes each */
#define BINS (SMALL_BINS + 4 * 24)
#define TRIES 16 /* chunks of a bin that are looked at */

struct chunk {
	uint32_t head; /* size and flags */
	struct chunk *next, *previous; /* if it is free */
};

static struct heap {
	struct chunk *bins[BINS];
	uint32_t map[(BINS + 31) / 32]; /* which bins have any */
	uint8_t *start; /* the first chunk; NULL: there is no heap yet */
	uint8_t *top; /* where the next chunk from the top begins */
	uint8_t *end; /* of the heap */
	uint8_t *clean; /* nobody has had what lies from here to the end */
	bool top_after_used; /* the chunk in front of the top is in use */
} heap;

static void fail(const char *what, const void *block) __attribute__((noreturn));

static void fail(const char *what, const void *block)
{
	dprintf(STDERR_FILENO, "malloc: %p: %s\n", block, what);
	abort();
}

/* --- chunks --------------------------------------------------------------------- */

static uint32_t size_of(const struct chunk *chunk)
{
	return chunk->head & ~FLAGS;
}

static void *block_of(struct chunk *chunk)
{
	return (uint8_t *)chunk + HEADER;
}

static struct chunk *chunk_of(const void *block)
{
	return (struct chunk *)((uint8_t *)block - HEADER);
}

static struct chunk *after(const struct chunk *chunk)
{
	return (struct chunk *)((uint8_t *)chunk + size_of(chunk));
}

/* Only if the chunk in front is free. */
static struct chunk *before(const struct chunk *chunk)
{
	return (struct chunk *)((uint8_t *)chunk - ((const uint32_t *)chunk)[-1]);
}

/* Say of the chunk that follows, or of the top, whether this one is in use. */
static void tell_next(struct chunk *chunk, bool used)
{
	struct chunk *next = after(chunk);

	if ((uint8_t *)next == heap.top)
		heap.top_after_used = used;
	else if (used)
		next->head |= BEFORE_IN_USE;
	else
		next->head &= ~BEFORE_IN_USE;
}

/* Bytes of the chunk for a block of n; 0 if there is no such size. */
static uint32_t chunk_size(size_t n)
{
	uint32_t size;

	if (n > PTRDIFF_MAX - PAGE)
		return 0;
	size = (uint32_t)((n + HEADER + UNIT - 1) & ~(UNIT - 1));
	return size < LEAST ? LEAST : size;
}

/* --- bins ----------------------------------------------------------------------- */

static unsigned bin_of(uint32_t size)
{
	unsigned power;

	if (size < SMALL_BINS * UNIT)
		return size / UNIT;
	power = 31 - (unsigned)__builtin_clz(size); /* 8 or more */
	return SMALL_BINS + 4 * (power - 8) + ((size >> (power - 2)) & 3);
}

static void insert(struct chunk *chunk)
{
	uint32_t size = size_of(chunk);
	unsigned bin = bin_of(size);

	chunk->head &= ~IN_USE;
	((uint32_t *)after(chunk))[-1] = size;
	tell_next(chunk, false);
	chunk->previous = NULL;
	chunk->next = heap.bins[bin];
	if (chunk->next)
		chunk->next->previous = chunk;
	heap.bins[bin] = chunk;
	heap.map[bin / 32] |= 1u << bin % 32;
}

static void take(struct chunk *chunk)
{
	unsigned bin = bin_of(size_of(chunk));

	if (chunk->next)
		chunk->next->previous = chunk->previous;
	if (chunk->previous)
		chunk->previous->next = chunk->next;
	else
		heap.bins[bin] = chunk->next;
	if (!heap.bins[bin])
		heap.map[bin / 32] &= ~(1u << bin % 32);
}

/* The best of the first few chunks of a bin that have `size` bytes. */
static struct chunk *best_of(unsigned bin, uint32_t size)
{
	struct chunk *best = NULL;
	unsigned tries = TRIES;

	for (struct chunk *at = heap.bins[bin]; at && tries--; at = at->next) {
		if (size_of(at) >= size && (!best || size_of(at) < size_of(best)))
			best = at;
	}
	return best;
}

/* A free chunk of `size` bytes or more, still in its bin; NULL. */
static struct chunk *find(uint32_t size)
{
	unsigned bin = bin_of(size);
	struct chunk *found = best_of(bin, size);
	uint32_t word;

	if (found || ++bin == BINS)
		return found;
	word = heap.map[bin / 32] & ~0u << bin % 32;
	for (bin /= 32; !word;) {
		if (++bin == sizeof(heap.map) / sizeof(heap.map[0]))
			return NULL;
		word = heap.map[bin];
	}
	return best_of(bin * 32 + (unsigned)__builtin_ctz(word), size);
}

/* --- the top -------------------------------------------------------------------- */

/* Where the first chunk begins: its block is aligned. */
static uint8_t *first_chunk(uint8_t *from)
{
	return (uint8_t *)((((uintptr_t)from + HEADER + UNIT - 1) & ~(UNIT - 1)) - HEADER);
}

/*
 * Somebody else has moved the heap's end, or there was none: begin anew there. The old top
 * becomes a chunk in use that nobody frees, so that no chunk is merged across what is
 * not ours.
 */
static bool begin(uint8_t *from, uint8_t *end)
{
	uint8_t *first = first_chunk(from);

	if (end < first + LEAST)
		return false;
	if (heap.start && first > heap.top) {
		struct chunk *gap = (struct chunk *)heap.top;

		gap->head = (uint32_t)(first - heap.top) | IN_USE |
			    (heap.top_after_used ? BEFORE_IN_USE : 0);
	}
	if (!heap.start)
		heap.start = first;
	heap.top = first;
	heap.top_after_used = true;
	heap.clean = first;
	heap.end = end;
	return true;
}

/* Move the heap's end so that the top has `size` bytes. */
static bool grow(uint32_t size)
{
	uint32_t room = (uint32_t)(heap.end - heap.top);
	uint32_t more = size - room > GROW ? size - room : GROW;
	uint8_t *from;

	more = (more + PAGE - 1) & ~(PAGE - 1);
	from = sbrk((intptr_t)more);
	if (from == (void *)-1)
		return false;
	if (from == heap.end) {
		heap.end += more;
		return true;
	}
	if (!begin(from, from + more))
		return false;
	return (size_t)(heap.end - heap.top) >= size || grow(size);
}

/* A chunk from the top; NULL if memory has run out. */
static struct chunk *from_top(uint32_t size)
{
	struct chunk *chunk;

	if ((size_t)(heap.end - heap.top) < size && !grow(size))
		return NULL;
	chunk = (struct chunk *)heap.top;
	chunk->head = size | IN_USE | (heap.top_after_used ? BEFORE_IN_USE : 0);
	heap.top += size;
	heap.top_after_used = true;
	return chunk;
}

/* A free chunk in front of the top becomes part of it. */
static void join_top(struct chunk *chunk)
{
	uint8_t *keep;

	heap.top = (uint8_t *)chunk;
	heap.top_after_used = chunk->head & BEFORE_IN_USE;
	if ((size_t)(heap.end - heap.top) < TRIM)
		return;
	keep = (uint8_t *)(((uintptr_t)heap.top + GROW + PAGE - 1) & ~(PAGE - 1));
	if (sbrk(0) != heap.end || sbrk(keep - heap.end) == (void *)-1)
		return;
	heap.end = keep;
	if (heap.clean > keep)
		heap.clean = keep;
}

/* --- blocks with pages of their own ------------------------------------------------ */

/*
 * The header of a mapped chunk is the word in front of the block; with another in front
 * of it, so that the block is aligned. Its size is the mapping's.
 */
#define MAP_FRONT UNIT

static void *map_block(size_t n)
{
	uint32_t size = (uint32_t)((n + MAP_FRONT + PAGE - 1) & ~(PAGE - 1));
	uint8_t *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	chunk_of(at + MAP_FRONT)->head = size | IN_USE | MAPPED;
	return at + MAP_FRONT;
}

static uint8_t *mapping_of(void *block)
{
	return (uint8_t *)block - MAP_FRONT;
}

static void unmap_block(void *block)
{
	if (munmap(mapping_of(block), size_of(chunk_of(block))))
		fail("its pages can't be given back", block);
}

static void *remap_block(void *block, size_t n)
{
	uint32_t size = (uint32_t)((n + MAP_FRONT + PAGE - 1) & ~(PAGE - 1));
	uint32_t old = size_of(chunk_of(block));
	uint8_t *at;

	if (size == old)
		return block;
	at = mremap(mapping_of(block), old, size, MREMAP_MAYMOVE);
	if (at == MAP_FAILED)
		return NULL;
	chunk_of(at + MAP_FRONT)->head = size | IN_USE | MAPPED;
	return at + MAP_FRONT;
}

/* --- what programs call ------------------------------------------------------------- */

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/* Cut off what a chunk has beyond `size`, and give it back. */
static void split(struct chunk *chunk, uint32_t size)
{
	uint32_t rest = size_of(chunk) - size;
	struct chunk *other;

	if (rest < LEAST)
		return;
	chunk->head -= rest;
	other = after(chunk);
	other->head = rest | IN_USE | BEFORE_IN_USE;
	free(block_of(other));
}

void *malloc(size_t n)
{
	uint32_t size = chunk_size(n);
	struct chunk *chunk;

	if (!size)
		return no_memory();
	if (n >= MAP_FROM) {
		void *block = map_block(n);

		if (block)
			return block; /* else there may be room in the heap */
	}
	chunk = find(size);
	if (chunk) {
		take(chunk);
		chunk->head |= IN_USE;
		tell_next(chunk, true);
		split(chunk, size);
	} else {
		chunk = from_top(size);
	}
	if (!chunk)
		return no_memory();
	if (heap.clean < (uint8_t *)after(chunk))
		heap.clean = (uint8_t *)after(chunk);
	return block_of(chunk);
}

/* A chunk that is in use, by a block that malloc() returned; ends the program otherwise. */
static struct chunk *checked(void *block)
{
	struct chunk *chunk = chunk_of(block);
	uint8_t *at = (uint8_t *)chunk;

	if ((uintptr_t)block % UNIT)
		fail("is no block: it is not aligned", block);
	if (chunk->head & MAPPED) {
		if ((uintptr_t)mapping_of(block) % PAGE || size_of(chunk) % PAGE)
			fail("is no block, or its header was overwritten", block);
		return chunk;
	}
	if (!heap.start || at < heap.start || at >= heap.top)
		fail("is no block of the heap", block);
	if (!(chunk->head & IN_USE))
		fail("was freed already", block);
	if (size_of(chunk) < LEAST || size_of(chunk) > (size_t)(heap.top - at))
		fail("its header was overwritten", block);
	return chunk;
}

void free(void *block)
{
	struct chunk *chunk;
	struct chunk *next;

	if (!block)
		return;
	chunk = checked(block);
	if (chunk->head & MAPPED) {
		unmap_block(block);
		return;
	}
	if (!(chunk->head & BEFORE_IN_USE)) {
		struct chunk *front = before(chunk);

		take(front);
		front->head += size_of(chunk);
		chunk->head &= ~IN_USE; /* so that it is known as free if it is freed again */
		chunk = front;
	}
	next = after(chunk);
	if ((uint8_t *)next != heap.top && !(next->head & IN_USE)) {
		take(next);
		chunk->head += size_of(next);
		next = after(chunk);
	}
	chunk->head &= ~IN_USE;
	if ((uint8_t *)next == heap.top)
		join_top(chunk);
	else
		insert(chunk);
}

void *calloc(size_t count, size_t size)
{
	uint8_t *clean = heap.clean;
	size_t n;
	void *block;

	if (__builtin_mul_overflow(count, size, &n))
		return no_memory();
	block = malloc(n);
	if (!block || chunk_of(block)->head & MAPPED)
		return block;
	if ((uint8_t *)block < clean) {
		size_t used = (size_t)(clean - (uint8_t *)block);

		memset(block, 0, used < n ? used : n);
	}
	return block;
}

/* Take in what is free past a chunk, so that it has `size` bytes, if there is as much. */
static bool extend(struct chunk *chunk, uint32_t size)
{
	struct chunk *next = after(chunk);
	uint32_t lacking = size - size_of(chunk);

	if ((uint8_t *)next == heap.top) {
		if ((size_t)(heap.end - heap.top) < lacking)
			return false;
		heap.top += lacking;
		chunk->head += lacking;
		if (heap.clean < heap.top)
			heap.clean = heap.top;
		return true;
	}
	if (next->head & IN_USE || size_of(next) < lacking)
		return false;
	take(next);
	chunk->head += size_of(next);
	tell_next(chunk, true);
	split(chunk, size);
	return true;
}

void *realloc(void *old, size_t n)
{
	uint32_t size = chunk_size(n);
	struct chunk *chunk;
	size_t had;
	void *block;

	if (!old)
		return malloc(n);
	if (!size)
		return no_memory();
	chunk = checked(old);
	had = malloc_usable_size(old);
	if (chunk->head & MAPPED && n >= MAP_FROM / 2) {
		block = remap_block(old, n);
		if (block)
			return block;
	} else if (!(chunk->head & MAPPED)) {
		if (size <= size_of(chunk)) {
			split(chunk, size);
			return old;
		}
		if (extend(chunk, size))
			return old;
	}
	block = malloc(n);
	if (!block)
		return NULL;
	memcpy(block, old, had < n ? had : n);
	free(old);
	return block;
}

void *aligned_alloc(size_t alignment, size_t n)
{
	uint32_t size = chunk_size(n);
	uint8_t *block;
	uint8_t *aligned;
	struct chunk *chunk;
	struct chunk *other;
	uint32_t front;

	if (!alignment || alignment & (alignment - 1)) {
		errno = EINVAL;
		return NULL;
	}
	if (alignment <= UNIT)
		return malloc(n);
	if (!size || alignment >= PTRDIFF_MAX / 2 || size + alignment + LEAST >= PTRDIFF_MAX / 2)
		return no_memory();
	chunk = find(size + (uint32_t)alignment + LEAST);
	block = NULL;
	if (chunk) {
		take(chunk);
		chunk->head |= IN_USE;
		tell_next(chunk, true);
	} else {
		chunk = from_top(size + (uint32_t)alignment + LEAST);
	}
	if (!chunk)
		return no_memory();
	if (heap.clean < (uint8_t *)after(chunk))
		heap.clean = (uint8_t *)after(chunk);
	block = block_of(chunk);
	aligned = (uint8_t *)(((uintptr_t)block + alignment - 1) & ~(alignment - 1));
	if (aligned != block) {
		if ((size_t)(aligned - block) < LEAST)
			aligned += alignment;
		front = (uint32_t)(aligned - block);
		other = chunk_of(aligned);
		other->head = (size_of(chunk) - front) | IN_USE | BEFORE_IN_USE;
		chunk->head -= size_of(other);
		free(block);
		chunk = other;
	}
	split(chunk, size);
	return aligned;
}

size_t malloc_usable_size(const void *block)
{
	const struct chunk *chunk;

	if (!block)
		return 0;
	chunk = chunk_of(block);
	return size_of(chunk) - (chunk->head & MAPPED ? MAP_FRONT : HEADER);
}

/* --- the check ---------------------------------------------------------------------- */

static bool is_listed(const struct chunk *chunk)
{
	for (struct chunk *at = heap.bins[bin_of(size_of(chunk))]; at; at = at->next)
		if (at == chunk)
			return true;
	return false;
}

static const char *check_chunks(uint32_t *free_chunks)
{
	bool used = true; /* the one in front */
	uint8_t *at = heap.start;

	while (at < heap.top) {
		const struct chunk *chunk = (const struct chunk *)at;

		if (size_of(chunk) < LEAST && chunk->head & IN_USE && size_of(chunk) < UNIT)
			return "a chunk is too small";
		if (size_of(chunk) > (size_t)(heap.top - at))
			return "a chunk reaches past the top";
		if (!(chunk->head & BEFORE_IN_USE) == used)
			return "a chunk is wrong about the one in front of it";
		if (!(chunk->head & IN_USE)) {
			if (!used)
				return "two free chunks are neighbours";
			if (((const uint32_t *)after(chunk))[-1] != size_of(chunk))
				return "a free chunk's size is not in its last word";
			if (!is_listed(chunk))
				return "a free chunk is in no bin";
			(*free_chunks)++;
		}
		used = chunk->head & IN_USE;
		at += size_of(chunk);
	}
	if (at != heap.top)
		return "the chunks do not end at the top";
	if (heap.start && used != heap.top_after_used)
		return "the top is wrong about the chunk in front of it";
	if (!used)
		return "a free chunk is next to the top";
	return NULL;
}

const char *malloc_check(void)
{
	uint32_t free_chunks = 0;
	uint32_t listed = 0;
	const char *fault = check_chunks(&free_chunks);

	if (fault)
		return fault;
	if (heap.clean < heap.top || heap.clean > heap.end)
		return "it is wrong about what nobody has had";
	for (unsigned bin = 0; bin < BINS; bin++) {
		if ((heap.bins[bin] != NULL) != (heap.map[bin / 32] >> bin % 32 & 1))
			return "a bin's bit is wrong";
		for (struct chunk *at = heap.bins[bin]; at; at = at->next) {
			if (bin_of(size_of(at)) != bin || at->head & IN_USE)
				return "a bin has what does not belong there";
			listed++;
		}
	}
	return listed == free_chunks ? NULL : "a bin has a chunk that is not there";
}
