/* What heap.c believes to be allocated: contents, owners, and the caches it uses. */
#ifndef HEAP_MODEL_H
#define HEAP_MODEL_H

#include <kernel/types.h>
#include <mm/slab.h>

#define LIVE_MAX 1024
#define CACHES 3

enum owner {
	OWNER_KMALLOC,
	OWNER_VMALLOC,
	OWNER_CACHE, /* and those after it: one for each cache */
};

struct live {
	unsigned char *pointer;
	size_t size; /* bytes asked for */
	unsigned owner;
	unsigned char seed; /* of what is in it */
};

struct model {
	struct live live[LIVE_MAX];
	size_t count;
	struct kmem_cache *caches[CACHES];
	size_t ram_pages;
	size_t arena_pages;
};

extern struct model model;

extern const struct cache_size {
	const char *name;
	size_t size;
	size_t align;
} cache_sizes[CACHES];

/* The last of them has a constructor. */
void create_caches(void);
void destroy_caches(void);

/* Every allocator's own check; `after` is for the complaint. */
void check(const char *after);

/* Note an allocation, and write to all that was promised. */
void admit(unsigned owner, unsigned char *pointer, size_t size, size_t align);

/* Forget it. */
void drop(size_t index);

/* `size` bytes at `pointer` are what was written to the block. */
void verify(const struct live *block, const unsigned char *pointer, size_t size);
void verify_all(void);

/* Free it with the function that its owner has for that. */
void give_back_to_owner(const struct live *block);

/* The same for machine_stops(). */
void free_again(void *block);

#endif /* HEAP_MODEL_H */
