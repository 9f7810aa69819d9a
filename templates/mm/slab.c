/*
 * The slab allocator: many objects of one size (Bonwick, USENIX 1994).
 *
 * Words: a *cache* hands out objects of one size; a *slab* is a block of SLAB_SIZE
 * bytes, aligned to its size and filled with slots of one cache; a *slot* holds
 * an object, perhaps with something in front of it. As slabs are aligned, the slab
 * of an object is its address with the low bits cleared, and the slab names its
 * cache: an object's cache is found in two instructions.
 *
 *     slab     +--------+------+------+------+------+------+---+
 *              | header | live | free | live | free | free |   |
 *              +--------+------+------+------+------+------+---+
 *     header.free ---------------> |------------> |----> |--> NULL
 *
 *     slot     live   | front ... | object .................... |
 *              free   | SLOT_FREE | next | ...                  |
 *
 * A slab is full, partial or empty; a cache allocates from one of them, the
 * current one:
 *
 *   1. To allocate, take the first free slot of the current slab.
 *   2. If it has none, the longest waiting partial slab becomes current: it is likely to
 *      have most free slots. If no slab is partial, the spare slab is taken, else a slab
 *      of a lender (see below), else a new slab is made.
 *   3. To free, put the slot at the head of its slab's list: it is still in the CPU's
 *      cache. A slab that was full is appended to the partial ones. A slab that is empty
 *      now and not current is kept as the spare; a second such slab goes back to the page
 *      allocator.
 *
 * Only kmalloc's classes have *lenders*: caches of larger objects whose partial slabs
 * they may take. A slot of such a slab is larger than needed.
 *
 * The current slab's `used` is biased by SLAB_HELD, so step 3 sees it neither as full
 * nor as empty without testing for it.
 *
 * The worst case: one object left in each of many slabs keeps them all, SLAB_SIZE bytes
 * for each; with objects of 8 bytes that is 1024 times the live bytes. Without that, a
 * slab wastes its header, 32 bytes, and less than a slot: 367 of 8192 bytes, 4.5 %, for
 * slots of 336.
 *
 * Invariants, verified by slab_check(): every slab of the cache is in `all`;
 * those with free slots, but for current and spare, are in `partial`, and no
 * others; the number of a slab's free slots agrees with `used`; they are in the slab, at
 * a slot's start, and marked; the counters match.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
//% if debug.poison
#include <mm/poison.h>
//% endif
#include <mm/slab.h>

#define LENDERS 6 /* larger classes to look in before a slab is made */

struct slab no_slab = { .magic = SLAB_MAGIC };

/* --- rings of slabs ---------------------------------------------------------- */

static void ring_init(struct slab_link *head)
{
	head->next = head;
	head->prev = head;
}

/* Put `link` at the ring's end. */
static void ring_append(struct slab_link *head, struct slab_link *link)
{
	link->next = head;
	link->prev = head->prev;
	head->prev->next = link;
	head->prev = link;
}

static void ring_remove(struct slab_link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->next = NULL;
}

/* --- slabs --------------------------------------------------------------------- */

bool slab_cache_init(struct kmem_cache *cache, const char *name, size_t size, size_t align,
		     size_t front, void (*ctor)(void *object))
{
	size_t first;

	memset(cache, 0, sizeof(*cache));
	align = MAX(align, (size_t)8);
	if (size > SLAB_SIZE || align > SLAB_SIZE)
		return false;
	first = ALIGN_UP(sizeof(struct slab) + front, align) - front;
	cache->slot_size = ALIGN_UP(size + front, align);
	if (first + 2 * cache->slot_size > SLAB_SIZE)
		return false;
	cache->slots = (SLAB_SIZE - first) / cache->slot_size;
	cache->reciprocal = UINT32_MAX / cache->slot_size + 1;
	cache->current = &no_slab;
	ring_init(&cache->partial);
	ring_init(&cache->all);
	cache->front = front;
	cache->first = first;
	cache->name = name;
	cache->size = size;
	cache->ctor = ctor;
	return true;
}

static inline struct slot *slot_at(const struct slab *slab, size_t i)
{
	return (struct slot *)((uintptr_t)slab + slab->cache->first + i * slab->cache->slot_size);
}

//% if debug.poison
/*
 * Poison for a free slot after its two words. Objects with a constructor keep their
 * content, and are not poisoned.
 */
static void poison_slot(const struct kmem_cache *cache, struct slot *slot)
{
	if (!cache->ctor)
		memset(slot + 1, POISON_FREE, cache->slot_size - sizeof(*slot));
}

static void check_poison(const struct kmem_cache *cache, const struct slot *slot)
{
	const void *broken = NULL;

	if (slot->mark != SLOT_FREE)
		broken = slot;
	else if (slot->next && !slab_has(slab_of(slot), slot->next))
		broken = &slot->next;
	else if (!cache->ctor)
		broken = poison_broken(slot + 1, cache->slot_size - sizeof(*slot), POISON_FREE);
	if (broken)
		poison_found(broken);
}

//% endif
static struct slab *make_slab(struct kmem_cache *cache)
{
	struct slab *slab = kblock_alloc(SLAB_ORDER);

	if (!slab)
		return NULL;
	*slab = (struct slab){ .magic = SLAB_MAGIC, .cache = cache };
	for (size_t i = cache->slots; i--;) {
		struct slot *slot = slot_at(slab, i);

		if (cache->ctor)
			cache->ctor((char *)slot + cache->front);
		*slot = (struct slot){ SLOT_FREE, slab->free };
		slab->free = slot;
		//% if debug.poison
		poison_slot(cache, slot);
		//% endif
	}
	ring_append(&cache->all, &slab->all);
	cache->slabs++;
	cache->peak = MAX(cache->peak, cache->slabs);
	return slab;
}

static void return_slab(struct slab *slab)
{
	ring_remove(&slab->all);
	slab->cache->slabs--;
	slab->magic = 0; /* it must not be mistaken for a slab any more */
	kblock_free(slab, SLAB_ORDER);
}

/* --- allocating ------------------------------------------------------------------ */

/*
 * The cache has no partial slab: its spare, or a lender's partial slab. Returns NULL if
 * there is neither.
 */
static struct slab *spare_or_lent(struct kmem_cache *cache)
{
	struct kmem_cache *lender = cache->lender;
	struct slab *slab = cache->spare;

	cache->spare = NULL;
	for (unsigned i = 0; !slab && lender && i < LENDERS; i++, lender = lender->lender)
		slab = slab_take_partial(lender);
	return slab;
}

/* Reclaim may have freed objects of this cache meanwhile: search again. */
static COLD struct slab *find_again(struct kmem_cache *cache)
{
	struct slab *slab = slab_take_partial(cache);

	return slab ? slab : spare_or_lent(cache);
}

struct slab *slab_find(struct kmem_cache *cache)
{
	struct slab *slab = spare_or_lent(cache);

	if (slab)
		return slab;
	slab = make_slab(cache);
	if (likely(!cache->current->free))
		return likely(slab) ? slab : find_again(cache);
	/* The current slab is in no list: its free slots would be lost if it were replaced. */
	if (slab)
		slab_settle(slab);
	return cache->current;
}

static NOINLINE struct slot *take_slow(struct kmem_cache *cache)
{
	struct slab *slab = slab_take_partial(cache);

	if (!slab)
		slab = slab_find(cache);
	return slab ? slab_switch(cache, slab) : NULL;
}

void *slab_alloc(struct kmem_cache *cache)
{
	struct slab *slab = cache->current;
	struct slot *slot = slab->free;

	if (likely(slot)) {
		slab->free = slot->next;
		slab->used++;
	} else {
		slot = take_slow(cache);
		if (!slot)
			return NULL;
	}
	//% if debug.poison
	check_poison(cache, slot);
	//% endif
	cache->allocs++;
	slot->mark = 0;
	return (char *)slot + cache->front;
}

/* --- freeing --------------------------------------------------------------------- */

static bool slot_is_free(const struct slab *slab, const struct slot *slot)
{
	for (const struct slot *free = slab->free; free; free = free->next) {
		if (free == slot)
			return true;
	}
	return false;
}

enum slab_error slab_fault(const struct kmem_cache *cache, const void *object)
{
	const struct slab *slab = slab_of(object);
	const struct slot *slot = (const struct slot *)((uintptr_t)object - cache->front);

	if (unlikely(slab->magic != SLAB_MAGIC))
		return SLAB_ERR_NOT_SLAB;
	if (unlikely(slab->cache != cache))
		return SLAB_ERR_CACHE;
	if (unlikely(!slab_has(slab, slot)))
		return SLAB_ERR_INTERIOR;
	/* An object's content may look like the mark: then the list decides. */
	if (unlikely(slot->mark == SLOT_FREE) && slot_is_free(slab, slot))
		return SLAB_ERR_DOUBLE;
	return SLAB_OK;
}

enum slab_error slab_free(struct kmem_cache *cache, void *object)
{
	struct slab *slab = slab_of(object);
	struct slot *slot = (struct slot *)((char *)object - cache->front);
	enum slab_error error = slab_fault(cache, object);

	if (unlikely(error))
		return error;
	//% if debug.poison
	poison_slot(cache, slot);
	//% endif
	slot->next = slab->free;
	slot->mark = SLOT_FREE;
	slab->free = slot;
	if (unlikely(!--slab->used || !slot->next))
		slab_settle(slab);
	return SLAB_OK;
}

void slab_settle(struct slab *slab)
{
	struct kmem_cache *cache = slab->cache;

	if (slab->used >= SLAB_HELD)
		return;
	if (slab->used) {
		ring_append(&cache->partial, &slab->partial);
		return;
	}
	if (slab->partial.next)
		ring_remove(&slab->partial);
	if (cache->spare)
		return_slab(slab);
	else
		cache->spare = slab;
}

size_t slab_shrink(struct kmem_cache *cache)
{
	size_t returned = 0;

	if (cache->spare) {
		return_slab(cache->spare);
		cache->spare = NULL;
		returned++;
	}
	/* Perhaps a lender's: cache->slabs would not tell. */
	if (cache->current != &no_slab && cache->current->used == SLAB_HELD) {
		return_slab(cache->current);
		cache->current = &no_slab;
		returned++;
	}
	return returned;
}

/* --- verifying ------------------------------------------------------------------- */

size_t slab_objects(const struct kmem_cache *cache)
{
	size_t used = 0;

	for (const struct slab_link *at = cache->all.next; at != &cache->all; at = at->next)
		used += slab_of(at)->used % SLAB_HELD;
	return used;
}

static enum slab_error check_slab(const struct kmem_cache *cache, const struct slab *slab)
{
	size_t used = slab->used % SLAB_HELD;
	size_t free = 0;
	bool partial;

	for (const struct slot *slot = slab->free; slot; slot = slot->next) {
		size_t offset = (uintptr_t)slot - (uintptr_t)slab - cache->first;

		if (offset >= cache->slots * cache->slot_size || offset % cache->slot_size)
			return SLAB_BAD_FREE;
		if (slot->mark != SLOT_FREE || ++free > cache->slots)
			return SLAB_BAD_FREE;
	}
	if (used + free != cache->slots)
		return SLAB_BAD_COUNT;
	partial = free && slab->used < SLAB_HELD && slab != cache->spare;
	if (slab == cache->spare && used)
		return SLAB_BAD_LIST;
	return partial == !!slab->partial.next ? SLAB_OK : SLAB_BAD_LIST;
}

enum slab_error slab_check(const struct kmem_cache *cache)
{
	size_t slabs = 0;
	size_t partial = 0;

	for (const struct slab_link *at = cache->all.next; at != &cache->all; at = at->next) {
		const struct slab *slab = slab_of(at);
		enum slab_error error;

		if (at->next->prev != at || slab->magic != SLAB_MAGIC || slab->cache != cache)
			return SLAB_BAD_LIST;
		error = check_slab(cache, slab);
		if (error)
			return error;
		partial += !!slab->partial.next;
		if (++slabs > cache->slabs)
			return SLAB_BAD_COUNT;
	}
	for (const struct slab_link *at = cache->partial.next; at != &cache->partial;
	     at = at->next) {
		if (at->next->prev != at || !partial--)
			return SLAB_BAD_LIST;
	}
	return slabs == cache->slabs && !partial ? SLAB_OK : SLAB_BAD_COUNT;
}

const char *slab_strerror(enum slab_error error)
{
	switch (error) {
	case SLAB_OK:
		return "no error";
	case SLAB_ERR_NOT_SLAB:
		return "not an object of any cache";
	case SLAB_ERR_CACHE:
		return "it belongs to another cache";
	case SLAB_ERR_INTERIOR:
		return "not the start of an object";
	case SLAB_ERR_DOUBLE:
		return "it is free already";
	case SLAB_ERR_BUSY:
		return "objects are still allocated";
	case SLAB_BAD_LIST:
		return "a list of slabs is broken";
	case SLAB_BAD_FREE:
		return "a list of free objects is broken: written after a free?";
	case SLAB_BAD_COUNT:
		return "a counter is wrong";
	}
	return "unknown error";
}
