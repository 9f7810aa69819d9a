/*
 * What the loader told us, copied out of its memory before anything else could
 * overwrite it. The copy lives as long as the kernel.
 */
#ifndef KERNEL_BOOT_INFO_H
#define KERNEL_BOOT_INFO_H

#include <generated/config.h>
#include <kernel/types.h>
#include <mm/memmap.h>

#define MODULE_NAME_MAX 64 /* bytes, with the NUL; what is longer is cut */

/* A file that the loader put in memory beside the kernel. */
struct boot_module {
	phys_addr_t start; /* first byte */
	phys_addr_t end; /* behind the last byte */
	char name[MODULE_NAME_MAX]; /* its command line */
};

struct boot_info {
	uint32_t flags; /* Multiboot's: which of its fields are valid */
	char cmdline[CMDLINE_MAX];
	struct memmap map; /* as reported, or made from mem_lower and mem_upper */
	bool map_made; /* the latter */
	unsigned module_count;
	unsigned modules_dropped; /* more than MODULES_MAX: reserved all the same */
	struct boot_module modules[MODULES_MAX + 1]; /* never of size zero */
};

extern struct boot_info boot_info;

/*
 * Copy the Multiboot information at `info`. Refuses to boot if the magic is not
 * Multiboot's.
 */
void multiboot_read(uint32_t magic, phys_addr_t info);

/*
 * Add the entries of a Multiboot memory map of `length` bytes at `from` to `map`.
 * Each entry begins with the size of the rest of it; the walk ends at the first
 * that cannot be one, or is cut short.
 */
void multiboot_read_map(phys_addr_t from, uint32_t length, struct memmap *map);

/*
 * Value of the option `key=value` on the command line, cut to size bytes with
 * the NUL; the last one wins. False if there is none.
 */
bool boot_option(const char *key, char *value, size_t size);

/* Whether the command line has this word, by itself. */
bool boot_word(const char *text);

#endif /* KERNEL_BOOT_INFO_H */
