/*
 * kmalloc() in kernels whose requests can be made to fail: each asks kernel/fail.h
 * before it goes to the tiers.
 */
#include <kernel/fail.h>
#include <mm/kmalloc.h>
#include <mm/tiers.h>

void *kmalloc_from(size_t size, size_t align, const void *site)
{
	if (size && fail_from(FAIL_KMALLOC, site)) {
		kmalloc_failures++;
		return NULL;
	}
	return tier_alloc_aligned(size, align);
}

void *kmalloc(size_t size)
{
	return kmalloc_from(size, KMALLOC_ALIGNMENT, __builtin_return_address(0));
}

void *kmalloc_aligned(size_t size, size_t align)
{
	return kmalloc_from(size, align, __builtin_return_address(0));
}
