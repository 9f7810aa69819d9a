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
#define CLASS_STEP 8 /* bytes: sizes are told apart so finely */

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

/* What a pointer is to the tiers. */
struct lookup {
	enum tier tier; /* whose it is, if nothing is wrong */
	const char *fault; /* what is wrong with freeing it, in words; NULL if nothing is */
};

/* Ask the tiers about a pointer, which may be any. O(1), but for errors. */
struct lookup tier_lookup(const void *pointer);

/* What lies at an address, in words, for people who debug. */
void tier_describe(const void *pointer, char *text, size_t size);

/*
 * A request can't be met: count it, say why the first time and whenever the number of
 * failures for that reason has doubled, return NULL. `site` is who asked, NULL if that
 * is not known.
 */
void *out_of_memory(size_t size, const void *site) COLD;
void *bad_alignment(size_t size, size_t align, const void *site) COLD;
void *bad_product(size_t n, size_t size, const void *site) COLD;

/* A tier's last words. */
//% if derived.watched
#define tier_exhausted(size) ((void)(size), NULL) /* mm/kdebug.c knows who asked */
//% else
#define tier_exhausted(size) out_of_memory(size, NULL)
//% endif

/* End with what is wrong with a pointer, and what lies there. */
void kmalloc_refuse(const char *caller, const void *pointer, const char *fault)
	__attribute__((noreturn, cold));

#endif /* MM_TIERS_H */
