/*
 * What the files of kmalloc share; others use mm/kmalloc.h.
 *
 * Below the public functions are the tiers: slabs, heap, pages. Without debugging
 * mm/kmalloc.c and its companions define the public functions. Else mm/kdebug.c defines
 * them all, or mm/kmalloc_fail.c those that allocate, and calls the tiers' functions
 * under the names that mm/tier_names.h gives them.
 */
#ifndef MM_TIERS_H
#define MM_TIERS_H

#include <mm/kmalloc.h>
#include <mm/slab.h>

//% if derived.watched or debug.fail
void *tier_alloc(size_t size);
void *tier_alloc_aligned(size_t size, size_t align);

/* kmalloc_aligned() on behalf of the code at `site`. */
void *kmalloc_from(size_t size, size_t align, const void *site);
//% endif
//% if derived.watched
void tier_free(void *pointer);
size_t tier_room(const void *pointer);
const char *tier_fault(const void *pointer);
const char *tiers_check(void);
//% endif

//% if kmalloc.classes
#define CLASS_STEP 8 /* granularity of size classes, bytes */

extern struct kmem_cache kmalloc_caches[KMALLOC_CLASS_COUNT];
extern struct kmem_cache *kmalloc_cache_for[KMALLOC_SLAB_LIMIT / CLASS_STEP]; /* (size - 1) / 8 */

/* Whether a cache is one of kmalloc's. */
static inline bool is_class(const struct kmem_cache *cache)
{
	return (uintptr_t)cache - (uintptr_t)kmalloc_caches < sizeof(kmalloc_caches);
}

//% endif
/* Requests that got NULL. */
extern unsigned long kmalloc_failures;

static inline block_header_t *header_of(const void *pointer)
{
	return (block_header_t *)pointer - 1;
}

enum tier {
	TIER_SLAB,
	TIER_HEAP,
	TIER_PAGES,
};

/* The answer of tier_lookup(). */
struct lookup {
	enum tier tier; /* the pointer's tier, if there is no error */
	const char *fault; /* the error in freeing it, in words, or NULL */
};

/* Find the tier of any pointer, valid or not. O(1), except for errors and for mappings. */
struct lookup tier_lookup(const void *pointer);

/* Describe in words what is at an address, for people who debug. */
void tier_describe(const void *pointer, char *text, size_t size);

/*
 * A request failed: count it, and log the reason the first time and whenever the number
 * of failures for that reason has doubled. `site` is the call site, NULL if it is not
 * known. Returns NULL.
 */
void *out_of_memory(size_t size, const void *site) COLD;
void *bad_alignment(size_t size, size_t align, const void *site) COLD;
void *bad_product(size_t n, size_t size, const void *site) COLD;

/* The return value of a tier that has no memory. */
//% if derived.watched
#define tier_exhausted(size) ((void)(size), NULL) /* mm/kdebug.c logs it, with the call site */
//% else
#define tier_exhausted(size) out_of_memory(size, NULL)
//% endif

/* Panic with the error in a pointer, and a description of what is there. */
void kmalloc_refuse(const char *caller, const void *pointer, const char *fault)
	__attribute__((noreturn, cold));

#endif /* MM_TIERS_H */
