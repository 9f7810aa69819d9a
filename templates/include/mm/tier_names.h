/*
 * In kernels that watch allocations or make requests fail, kmalloc() and its kin are
 * defined by mm/kdebug.c or mm/kmalloc_fail.c, which call the tiers. There the tiers'
 * files define the same functions under the names below. Only these files include this,
 * after all other headers.
 */
#ifndef MM_TIER_NAMES_H
#define MM_TIER_NAMES_H

#define kmalloc tier_alloc
#define kmalloc_aligned tier_alloc_aligned
//% if derived.watched
#define kfree tier_free
#define ksize tier_room
#define kmalloc_fault tier_fault
#define kmalloc_check tiers_check
//% endif

#endif /* MM_TIER_NAMES_H */
