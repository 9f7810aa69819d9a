/*
 * Slabs: objects of one size each, carved out of blocks of SLAB_SIZE bytes.
 *
 * The upper part is what kernel code uses (mm/kmem.c; contracts as in Linux), the
 * lower part the core (mm/slab.c): no hardware, no printing, errors as codes;
 * also built on the host. kmalloc() stands on the core directly.
 */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include <generated/config.h>
#include <kernel/types.h>
#include <mm/kblock.h>

struct kmem_cache;

/* --- caches ---------------------------------------------------------------- */

/*
 * Create a cache of objects of `size` bytes, aligned to `align`, a power of two (0: any
 * alignment). ctor, unless NULL, is called for each object when its slab is made, not
 * when it is allocated: an object must be freed in its constructed state. `name` must
 * outlive the cache. Returns NULL if there is no memory, or if two objects do not fit
 * into a slab.
 */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align,
				     void (*ctor)(void *object));

/* An object, or NULL if no memory is left. */
void *kmem_cache_alloc(struct kmem_cache *cache);

/* Free an object; NULL is allowed. Panics on anything but a live object of this cache. */
void kmem_cache_free(struct kmem_cache *cache, void *object);

/* Return the slabs without objects to the page allocator. Returns their number. */
size_t kmem_cache_shrink(struct kmem_cache *cache);

/* Shrink all caches that there are. */
size_t kmem_shrink(void);

/* Destroy a cache; NULL is allowed. Panics if objects are still allocated. */
void kmem_cache_destroy(struct kmem_cache *cache);

/* The oldest of all caches; `next` leads to the others. */
const struct kmem_cache *kmem_caches(void);

/* Requests for a cache, or for an object of one, that returned NULL for want of memory. */
extern unsigned long kmem_failures;

/* Verify every cache. Returns the error in words, or NULL. */
const char *kmem_check(void);

/* --- the core -------------------------------------------------------------- */

/* The first words of a free slot. While an object is live they are the object's. */
struct slot {
	uint32_t mark; /* SLOT_FREE */
	struct slot *next; /* free slot of the same slab */
};

#define SLOT_FREE 0x5107f4eeu
#define SLAB_MAGIC 0x51ab51abu
#define SLAB_HELD 0x10000u /* more than any slab has slots */

struct slab_link {
	struct slab_link *next;
	struct slab_link *prev;
};

/*
 * At the start of each slab. The magic comes first: no large block, whose header would be
 * here, has that size.
 */
struct slab {
	uint32_t magic; /* SLAB_MAGIC */
	struct slot *free;
	uint32_t used; /* live slots, plus SLAB_HELD while it is the current slab of a cache */
	struct kmem_cache *cache;
	struct slab_link partial; /* unlinked: next is NULL */
	struct slab_link all; /* every slab of the cache */
};

struct kmem_cache {
	struct slab *current; /* where the next object comes from; never NULL */
	unsigned long allocs; /* objects handed out, ever */
	struct slab_link partial; /* slabs with free slots, longest waiting first */
	struct slab *spare; /* one without objects, kept; or NULL */
	struct slab_link all;
	size_t slabs; /* that exist */
	size_t peak; /* slabs at most so far */
	size_t slots; /* of a slab */
	size_t slot_size; /* bytes from one to the next */
	size_t front; /* bytes of a slot in front of the object */
	size_t first; /* offset of a slab's first slot */
	uint32_t reciprocal; /* of slot_size: see slab_has() */
	const char *name;
	size_t size; /* bytes of an object */
	void (*ctor)(void *object);
	struct kmem_cache *lender; /* a cache of larger objects, which may lend slots */
	struct kmem_cache *next; /* in the list of all caches */
};

enum slab_error {
	SLAB_OK = 0,
	SLAB_ERR_NOT_SLAB, /* not in any slab */
	SLAB_ERR_CACHE, /* an object of another cache */
	SLAB_ERR_INTERIOR, /* inside an object, or in the slab's header */
	SLAB_ERR_DOUBLE, /* free already */
	SLAB_ERR_BUSY, /* objects are still allocated */
	/* from slab_check() alone: */
	SLAB_BAD_LIST, /* a list of slabs is broken */
	SLAB_BAD_FREE, /* a list of free slots is broken: written after a free? */
	SLAB_BAD_COUNT, /* a counter is wrong */
};

/* The current slab of a cache that has none: it looks full. */
extern struct slab no_slab;

static inline struct slab *slab_of(const void *object)
{
	return (struct slab *)ALIGN_DOWN((uintptr_t)object, SLAB_SIZE);
}

/*
 * Set up a cache of objects of `size` bytes, aligned to `align`, with `front` bytes in
 * front of each. With a constructor, or a size below that of struct slot, `front` must
 * have room for a struct slot. Returns false if two do not fit into a slab.
 */
bool slab_cache_init(struct kmem_cache *cache, const char *name, size_t size, size_t align,
		     size_t front, void (*ctor)(void *object));

/* Allocate an object. Returns NULL if there is no memory for a slab. */
void *slab_alloc(struct kmem_cache *cache);

/* Free an object in which slab_fault() finds no error. */
enum slab_error slab_free(struct kmem_cache *cache, void *object);

/*
 * Take the longest waiting partial slab of a cache out of its list. Returns NULL if there
 * is no such slab.
 */
static inline struct slab *slab_take_partial(struct kmem_cache *cache)
{
	struct slab_link *link = cache->partial.next;

	if (link == &cache->partial)
		return NULL;
	cache->partial.next = link->next;
	link->next->prev = &cache->partial;
	link->next = NULL;
	return slab_of(link);
}

/*
 * Find or make a slab with free slots for a cache without a partial one. Returns NULL if
 * that fails.
 */
struct slab *slab_find(struct kmem_cache *cache);

/* Make `slab` current in place of the full one, and take a slot of it. */
static inline struct slot *slab_switch(struct kmem_cache *cache, struct slab *slab)
{
	struct slot *slot = slab->free;

	/* Nobody needs to find the full one until a slot of it is freed. */
	cache->current->used -= SLAB_HELD;
	cache->current = slab;
	slab->used += SLAB_HELD + 1;
	slab->free = slot->next;
	return slot;
}

/*
 * Whether a slot of the slab begins there. Division by slot_size is done as a
 * multiplication by 2^32 / slot_size, rounded up: exact for offsets far below 2^32 /
 * slot_size, as here.
 */
static inline bool slab_has(const struct slab *slab, const struct slot *slot)
{
	const struct kmem_cache *cache = slab->cache;
	size_t offset = (uintptr_t)slot - (uintptr_t)slab - cache->first;
	size_t i = (uint64_t)offset * cache->reciprocal >> 32;

	return i < cache->slots && i * cache->slot_size == offset;
}

/* The slow half of slab_free(): the slab was full, or is now empty. */
void slab_settle(struct slab *slab);

/* Check an object that is to be freed. O(1), except for errors. */
enum slab_error slab_fault(const struct kmem_cache *cache, const void *object);

/* Return all slabs without objects to the page allocator. Returns their number. */
size_t slab_shrink(struct kmem_cache *cache);

/* The number of live objects. */
size_t slab_objects(const struct kmem_cache *cache);

/* Verify the invariants stated in slab.c. */
enum slab_error slab_check(const struct kmem_cache *cache);

/* Describe a code in words. */
const char *slab_strerror(enum slab_error error);

#endif /* MM_SLAB_H */
