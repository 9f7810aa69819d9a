/*
 * Watched allocations: kmalloc() in kernels whose description asks for debugging.
 *
 * Each request is made larger, and data around its bytes detects mistakes:
 *
 *                                            v result, aligned
 *     | the tier's block: ... | struct watch | bytes asked for | red zone |
 *                               … size magic
 *
 *   1. Allocate a block that has room for all of it, fill the red zone, put the
 *      watch into the list of live ones, with the call site.
 *   2. To free: check that a live watch is in front, in the list, with the magic, and
 *      that the red zone is unchanged. Then note who freed it. After an error the list
 *      tells which allocation the address belongs to: a write rarely destroys a whole
 *      watch.
 *   3. With a quarantine the block waits, filled with a pattern, until the quarantine's
 *      limit of blocks or of bytes pushes it out. If the pattern has changed then,
 *      someone wrote to freed memory: report who allocated and freed it.
 *   4. Return the block to its tier. Before any request fails, mm/reclaim.c empties the
 *      quarantine.
 *
 * The red zone is at least 8 bytes and starts at the first byte that was not asked
 * for, so even one byte too many is noticed, when the memory is freed or by
 * kmalloc_check().
 *
 * krealloc() always moves, so that the use of stale pointers is detected.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/paging.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
//% if debug.fail
#include <kernel/fail.h>
//% endif
#include <mm/kdebug.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
//% if debug.trace
#include <mm/ktrace.h>
//% endif
//% if debug.quarantine
#include <mm/page.h>
//% endif
#include <mm/poison.h>
//% if debug.quarantine
#include <mm/reclaim.h>
//% endif
#include <mm/tiers.h>

/* Call sites are return addresses. */
typedef const void *site_t;

struct watch {
	union {
		struct watch *next; /* live ones */
		size_t room; /* in quarantine: bytes that its block has */
	};
	struct watch **link; /* what points at this one; NULL once it is freed */
	void *block; /* the tier's */
	size_t size; /* bytes asked for: the header has it, too, and is overwritten first */
	site_t site; /* who allocated it */
	site_t freed_by;
	//% if debug.trace
	size_t event; /* of its allocation, in the trace */
	//% endif
	block_header_t header; /* as without debugging, right in front of the result */
};

#define DEAD 0xdeadb10cu /* instead of the magic, once freed */

//% if debug.redzone
#define RED_ZONE 8 /* bytes at least */
//% else
#define RED_ZONE 0
//% endif

static struct watch *live;

/* --- watches ----------------------------------------------------------------------- */

static inline struct watch *watch_of(const void *pointer)
{
	return (struct watch *)pointer - 1;
}

static inline void *bytes_of(const struct watch *watch)
{
	return (void *)(watch + 1);
}

/* Whether memory for a whole watch is mapped there. */
static bool is_mapped(const struct watch *watch)
{
	return slow_virt_to_phys(watch) && slow_virt_to_phys(&watch->header.magic);
}

/* Bytes of the red zone: up to the next multiple of 8, and 8 more. */
static inline size_t zone_size(size_t size)
{
	return RED_ZONE ? ALIGN_UP(size, RED_ZONE) - size + RED_ZONE : 0;
}

static bool zone_is_intact(const struct watch *watch)
{
	size_t size = watch->size;

	return !poison_broken((char *)bytes_of(watch) + size, zone_size(size), POISON_ZONE);
}

/* Panic with the error and the call sites that allocated and freed. */
static void report(const char *caller, const void *pointer, const char *fault,
		   const struct watch *watch) __attribute__((noreturn, cold));

static void report(const char *caller, const void *pointer, const char *fault,
		   const struct watch *watch)
{
	char freed[24] = "";

	if (watch->header.magic == DEAD)
		snprintf(freed, sizeof(freed), ", freed from %p", watch->freed_by);
	panic("%s(%p): %s (%u bytes at %p, allocated from %p%s)", caller, pointer, fault,
	      watch->size, bytes_of(watch), watch->site, freed);
}

/* --- freeing ------------------------------------------------------------------------- */

/* Whether the size in the header, plus the red zone, fits into the tier's block. */
static bool fits_its_block(const struct watch *watch)
{
	size_t offset = (char *)bytes_of(watch) - (char *)watch->block;
	size_t room = tier_room(watch->block);
	size_t size = watch->size;

	return offset <= room && size <= room - offset && zone_size(size) <= room - offset - size;
}

static const char no_magic[] = "its header does not have the magic: overwritten, or not a start";
static const char not_there[] = "nothing is allocated there: freed already?";

const char *kmalloc_fault(const void *pointer)
{
	const struct watch *watch = watch_of(pointer);
	const char *fault;

	if (!IS_ALIGNED((uintptr_t)pointer, KMALLOC_ALIGNMENT))
		return "not the start of an allocation";
	if (!is_mapped(watch))
		return not_there;
	if (watch->header.magic == DEAD)
		return "it is free already";
	//% if debug.poison
	if (!poison_broken(&watch->header, sizeof(watch->header), POISON_FREE))
		return "it is free already";
	//% endif
	if (watch->header.magic != kmalloc_magic(pointer, watch->header.size))
		return no_magic;
	if (!slow_virt_to_phys(watch->link) || *watch->link != watch)
		return "its header was overwritten, or copied";
	fault = tier_fault(watch->block);
	if (fault)
		return fault;
	if (watch->header.size != watch->size || !fits_its_block(watch))
		return "its header has a size that its block does not: overwritten?";
	return zone_is_intact(watch) ? NULL : "bytes past its end were overwritten";
}

/*
 * Find the live watch with this address in it or in its bytes. The search ends at a
 * broken link. Returns NULL if it finds none.
 */
static const struct watch *owner_of(const void *pointer)
{
	struct watch *const *link = &live;
	const struct watch *watch = live;

	while (watch && is_mapped(watch) && watch->link == link) {
		if ((uintptr_t)pointer - (uintptr_t)watch <= sizeof(*watch) + watch->size)
			return watch;
		link = &watch->next;
		watch = watch->next;
	}
	return NULL;
}

static void verify(const char *caller, const void *pointer)
{
	const char *fault = kmalloc_fault(pointer);
	const struct watch *watch;

	if (!fault)
		return;
	watch = owner_of(pointer);
	if (watch && bytes_of(watch) != pointer)
		report(caller, pointer, "not the start of an allocation", watch);
	if (watch)
		report(caller, pointer, fault == no_magic ? "its header was overwritten" : fault,
		       watch);
	if (is_mapped(watch_of(pointer)) && watch_of(pointer)->header.magic == DEAD &&
	    IS_ALIGNED((uintptr_t)pointer, KMALLOC_ALIGNMENT))
		report(caller, pointer, fault, watch_of(pointer));
	/* Not an address of this layer: the tiers describe it. */
	if (fault == no_magic || fault == not_there)
		fault = tier_fault(pointer) ?: fault;
	kmalloc_refuse(caller, pointer, fault);
}

//% if debug.quarantine
/* The oldest and the `count` - 1 next ones; their blocks have `bytes`, of `most` that they may. */
static struct {
	struct watch *ring[DEBUG_QUARANTINE];
	unsigned oldest;
	unsigned count;
	size_t bytes;
	size_t most;
} quarantine;

/* Release the oldest, after checking that nobody wrote to it. */
static void release_oldest(void)
{
	struct watch *watch = quarantine.ring[quarantine.oldest];

	quarantine.oldest = (quarantine.oldest + 1) % DEBUG_QUARANTINE;
	quarantine.count--;
	quarantine.bytes -= watch->room;
	if (poison_broken(bytes_of(watch), watch->size, POISON_FREE))
		report("quarantine", bytes_of(watch), "it was written after it was freed", watch);
	tier_free(watch->block);
}

static void retire(struct watch *watch)
{
	size_t room = tier_room(watch->block);

	if (room > quarantine.most) {
		tier_free(watch->block);
		return;
	}
	while (quarantine.count == DEBUG_QUARANTINE || room > quarantine.most - quarantine.bytes)
		release_oldest();
	memset(bytes_of(watch), POISON_FREE, watch->size);
	quarantine.ring[(quarantine.oldest + quarantine.count) % DEBUG_QUARANTINE] = watch;
	quarantine.count++;
	quarantine.bytes += room;
	watch->room = room;
}

static size_t shrink_quarantine(void)
{
	size_t count = quarantine.count;

	while (quarantine.count)
		release_oldest();
	return count;
}

void quarantine_init(void)
{
	quarantine.most =
		MIN(free_page_count(), paging_stats.arena_pages) / QUARANTINE_PART * PAGE_SIZE;
	reclaim_register(RECLAIM_QUARANTINE, shrink_quarantine);
}

//% else
static void retire(struct watch *watch)
{
	tier_free(watch->block);
}

//% endif
static void free_from(const char *caller, void *pointer, site_t site)
{
	struct watch *watch = watch_of(pointer);

	if (!pointer || pointer == ZERO_SIZE_PTR)
		return;
	verify(caller, pointer);
	//% if debug.trace
	ktrace_free(watch->event);
	//% endif
	*watch->link = watch->next;
	if (watch->next)
		watch->next->link = watch->link;
	watch->link = NULL;
	watch->freed_by = site;
	watch->header.magic = DEAD;
	retire(watch);
}

/* --- allocating ---------------------------------------------------------------------- */

void *kmalloc_from(size_t size, size_t align, const void *site)
{
	size_t offset = ALIGN_UP(sizeof(struct watch), MAX(align, (size_t)KMALLOC_ALIGNMENT));
	struct watch *watch;
	size_t whole;
	char *block;

	if (!size)
		return ZERO_SIZE_PTR;
	//% if debug.fail
	if (fail_from(FAIL_KMALLOC, site)) {
		kmalloc_failures++;
		return NULL;
	}
	//% endif
	if (align & (align - 1) || !align)
		return bad_alignment(size, align, site);
	if (__builtin_add_overflow(size, offset + zone_size(size), &whole))
		return out_of_memory(size, site);
	block = tier_alloc_aligned(whole, align);
	if (!block)
		return out_of_memory(size, site);
	watch = watch_of(block + offset);
	*watch = (struct watch){
		.next = live,
		.link = &live,
		.block = block,
		.size = size,
		.site = site,
		.header = { size, kmalloc_magic(block + offset, size) },
	};
	//% if debug.trace
	watch->event = ktrace_alloc(size);
	//% endif
	if (live)
		live->link = &watch->next;
	live = watch;
	memset(block + offset + size, POISON_ZONE, zone_size(size));
	return block + offset;
}

/* --- the public functions ---------------------------------------------------------- */

void *kmalloc(size_t size)
{
	return kmalloc_from(size, KMALLOC_ALIGNMENT, __builtin_return_address(0));
}

void *kmalloc_aligned(size_t size, size_t align)
{
	return kmalloc_from(size, align, __builtin_return_address(0));
}

void kfree(void *pointer)
{
	free_from("kfree", pointer, __builtin_return_address(0));
}

size_t ksize(const void *pointer)
{
	if (!pointer || pointer == ZERO_SIZE_PTR)
		return 0;
	verify("ksize", pointer);
	return watch_of(pointer)->header.size;
}

void *krealloc(void *pointer, size_t size)
{
	site_t site = __builtin_return_address(0);
	void *moved;

	if (!pointer || pointer == ZERO_SIZE_PTR)
		return kmalloc_from(size, KMALLOC_ALIGNMENT, site);
	verify("krealloc", pointer);
	moved = kmalloc_from(size, KMALLOC_ALIGNMENT, site);
	if (!moved)
		return NULL;
	if (size)
		memcpy(moved, pointer, MIN(size, watch_of(pointer)->size));
	free_from("krealloc", pointer, site);
	return moved;
}

/* --- looking at everything ------------------------------------------------------------- */

const char *kmalloc_check(void)
{
	for (const struct watch *watch = live; watch; watch = watch->next) {
		const char *fault = kmalloc_fault(bytes_of(watch));

		if (fault) {
			printk("kmalloc_check: %u bytes at %p, allocated from %p\n", watch->size,
			       bytes_of(watch), watch->site);
			return fault;
		}
	}
	return tiers_check();
}

//% if debug.leaks
/* One line for each call site: the first watch of a site prints it for all. */
void kmalloc_print_leaks(void)
{
	size_t all_count = 0;
	size_t all_bytes = 0;

	for (const struct watch *watch = live; watch; watch = watch->next) {
		const struct watch *first = live;
		size_t count = 0;
		size_t bytes = 0;

		all_count++;
		all_bytes += watch->size;
		while (first->site != watch->site)
			first = first->next;
		if (first != watch)
			continue;
		for (const struct watch *at = watch; at; at = at->next) {
			count += at->site == watch->site;
			bytes += at->site == watch->site ? at->size : 0;
		}
		kgen_line("leak site=%p count=%u bytes=%u", watch->site, count, bytes);
	}
	kgen_stat(all_count, "leaks.count");
	kgen_stat(all_bytes, "leaks.bytes");
}
//% endif
