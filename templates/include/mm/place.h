/* Describes addresses in words. */
#ifndef MM_PLACE_H
#define MM_PLACE_H

#include <kernel/types.h>

#define PLACE_MAX 80 /* characters enough to describe any place in words */

/* The name of the region in which a virtual address lies. */
void describe_address(uintptr_t addr, char *text, size_t size);

/* Whether an address lies in the pages from one symbol of the linker's to another. */
bool in_image(uintptr_t addr, const char *from, const char *to);

#endif /* MM_PLACE_H */
