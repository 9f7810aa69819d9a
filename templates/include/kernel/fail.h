/*
 * Failure injection, in kernels with `debug.fail`: an allocator asks here whether a
 * request is to fail.
 */
#ifndef KERNEL_FAIL_H
#define KERNEL_FAIL_H

#include <kernel/types.h>

//% if debug.fail
/* Kinds of requests. */
enum fail_kind {
	FAIL_KMALLOC, /* kmalloc() and its kin */
	FAIL_CACHE, /* a cache, or an object of one */
	FAIL_PAGE, /* alloc_pages() */
	FAIL_ADDRESS, /* addresses of the arena, for vmalloc() and ioremap() */
	FAIL_KINDS,
};

/* Read the command line. Call once, before the first request. */
void fail_init(void);

/* Count a request of the code at `site`. Returns true if it is to fail. */
bool fail_from(enum fail_kind kind, const void *site);

/* The same for whoever calls the caller of this macro. */
#define fail_here(kind) fail_from(kind, __builtin_return_address(0))

/* The requests that fail together with the nth. */
enum fail_reach {
	FAIL_ALONE,
	FAIL_ITS_KIND, /* all later ones of the same kind */
	FAIL_ALL,
};

/* Count requests of all kinds from now on, and let the nth fail; with 0, no request fails. */
void fail_arm(unsigned long nth, enum fail_reach reach);

/* Tests begin: stop the failures of the command line if it has fail.until=tests. */
void fail_boot_is_over(void);

/* Since the start, or since fail_arm(). */
struct fail_counts {
	unsigned long requests; /* of the kinds that count */
	unsigned long injected; /* that were made to fail */
};

extern struct fail_counts fail_counts;

/* Print them as `# kgen:stat` lines. */
void fail_report(void);
//% else
/* No request is made to fail here. */
static inline void fail_report(void)
{
}
//% endif

#endif /* KERNEL_FAIL_H */
