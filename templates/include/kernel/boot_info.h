/*
 * What the loader told us, copied out of its memory before anything else could
 * overwrite it. The copy lives as long as the kernel.
 */
#ifndef KERNEL_BOOT_INFO_H
#define KERNEL_BOOT_INFO_H

#include <generated/config.h>
#include <kernel/cmdline.h>
#include <kernel/types.h>
#include <mm/memmap.h>

/* Limits for a loader's lists. A longer list is not believed, and not walked. */
#define MODULES_LISTED 256
#define MULTIBOOT_MAP_MAX 0x10000 /* bytes of a memory map; a map of 64 entries has 1,536 */

/* A file that the loader put in memory beside the kernel. */
struct boot_module {
	phys_addr_t start; /* first byte */
	phys_addr_t end; /* one past the last byte */
	char name[MODULE_LINE_MAX]; /* its command line, cut if it is longer */
};

/* Addresses of a module, kept or not. */
struct module_span {
	phys_addr_t start;
	phys_addr_t end;
};

struct boot_info {
	uint32_t flags; /* Multiboot's: which of its fields are valid */
	struct memmap map; /* as reported, or made from mem_lower and mem_upper */
	bool map_made; /* the latter */
	unsigned module_count;
	unsigned modules_dropped; /* more than MODULES_MAX: reserved all the same */
	struct boot_module modules[MODULES_MAX + 1]; /* never of size zero */
};

extern struct boot_info boot_info;

/* All modules of the loader's list, in its order. The first ones are those that are kept. */
extern struct module_span module_spans[MODULES_LISTED];

static inline unsigned modules_listed(void)
{
	return boot_info.module_count + boot_info.modules_dropped;
}

/*
 * Copy the Multiboot information at `info`. Refuses to boot if the magic is not
 * Multiboot's, or a count or length is impossible.
 */
void multiboot_read(uint32_t magic, phys_addr_t info);

/*
 * Refuse to boot if `what`, at `from`, has more than `most` bytes or reaches beyond 4
 * GiB.
 */
void multiboot_believe(const char *what, phys_addr_t from, uint64_t bytes, uint32_t most);

/* Copy a string of the loader's, as printable ASCII, cut to `size` bytes with the NUL. */
void multiboot_read_string(phys_addr_t from, char *to, size_t size);

/* Copy the loader's list of modules. Refuses to boot if one is impossible. */
void modules_read(phys_addr_t list, uint32_t count);

/* Refuse to boot if a module is outside of the loader's available memory, or overlaps something. */
void modules_check(void);

/*
 * Add the entries of a Multiboot memory map of `length` bytes at `from` to `map`.
 * Each entry begins with the size of the rest of it. The walk ends at the first invalid
 * or truncated entry.
 */
void multiboot_read_map(phys_addr_t from, uint32_t length, struct memmap *map);

#endif /* KERNEL_BOOT_INFO_H */
