/*
 * The Multiboot information (Multiboot 0.6.96, 3.3), read once and copied.
 *
 * It may lie anywhere in physical memory: right after the image (QEMU), below
 * 640 KiB (GRUB), in memory that the map calls available. So nothing may be
 * allocated before this has run, and it is read through a fixmap slot, byte
 * ranges at a time, whether or not the boot page tables reach it.
 *
 *   1. Test each flag before its field is used: loaders differ in the fields that they
 *      fill.
 *   2. Walk the map by size + 4 (size does not count itself, and may grow).
 *   3. Where there is no map, make one from mem_lower and mem_upper.
 *   4. Bound each count and length before walking what it counts.
 */
#include <arch/fixmap.h>
#include <kernel/boot_info.h>
#include <kernel/cmdline.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>

#define MULTIBOOT_LOADER_MAGIC 0x2badb002

enum {
	INFO_MEMORY = 1u << 0, /* mem_lower, mem_upper */
	INFO_CMDLINE = 1u << 2,
	INFO_MODULES = 1u << 3,
	INFO_MMAP = 1u << 6,
};

struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower; /* KiB from 0; at most 640 */
	uint32_t mem_upper; /* KiB from 1 MiB to the first hole */
	uint32_t boot_device;
	uint32_t cmdline; /* physical address of a string */
	uint32_t mods_count;
	uint32_t mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length; /* bytes */
	uint32_t mmap_addr;
};

struct multiboot_mmap {
	uint32_t size; /* of what follows, 20 or more */
	uint64_t base;
	uint64_t length;
	uint32_t type;
} __attribute__((packed));

struct boot_info boot_info;

#define FOUR_GIB (1ull << 32)
#define UPPER_START 0x100000 /* what mem_upper counts from */
#define LOWER_KIB 640 /* mem_lower at most: the screen follows */

/* A PC starts in the ROM that ends at 4 GiB: no memory reaches that far. */
#define UPPER_KIB ((0xffff0000u - UPPER_START) >> 10)

void multiboot_believe(const char *what, phys_addr_t from, uint64_t bytes, uint32_t most)
{
	if (bytes > most)
		refuse_boot("the loader's %s at 0x%x has %llu bytes, %u at most are believed (use "
			    "another loader)",
			    what, from, bytes, most);
	if (from + bytes > FOUR_GIB)
		refuse_boot("the loader's %s, %llu bytes at 0x%x, ends above 4 GiB (use another "
			    "loader)",
			    what, bytes, from);
}

void multiboot_read_string(phys_addr_t from, char *to, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size; i++) {
		phys_read(from + i, &to[i], 1);
		if (!to[i])
			return;
		if (to[i] < ' ' || to[i] > '~') /* the log is printable ASCII */
			to[i] = '?';
	}
	to[i] = '\0';
}

void multiboot_read_map(phys_addr_t from, uint32_t length, struct memmap *map)
{
	struct multiboot_mmap entry;
	uint32_t at = 0;

	while (at <= length && length - at >= sizeof(entry)) {
		phys_read(from + at, &entry, sizeof(entry));
		if (entry.size < sizeof(entry) - sizeof(entry.size))
			break; /* not an entry: what follows can't be found */
		memmap_add(map, entry.base, entry.length, entry.type);
		if (entry.size > length - at - sizeof(entry.size))
			break; /* cut short */
		at += entry.size + sizeof(entry.size);
	}
}

static void make_map(uint32_t lower_kib, uint32_t upper_kib)
{
	if (upper_kib > UPPER_KIB)
		refuse_boot("the loader says %u KiB from 1 MiB on (mem_upper), more than a PC has "
			    "below 4 GiB (use another loader)",
			    upper_kib);
	if (lower_kib > LOWER_KIB)
		printk("multiboot: mem_lower is %u KiB, of which %u are believed\n", lower_kib,
		       LOWER_KIB);
	boot_info.map_made = true;
	memmap_add(&boot_info.map, 0, MIN(lower_kib, LOWER_KIB) << 10, MEMORY_AVAILABLE);
	memmap_add(&boot_info.map, UPPER_START, (uint64_t)upper_kib << 10, MEMORY_AVAILABLE);
}

void multiboot_read(uint32_t magic, phys_addr_t info)
{
	struct multiboot_info raw;

	if (magic != MULTIBOOT_LOADER_MAGIC)
		refuse_boot("not started by a Multiboot loader (EAX is 0x%x)", magic);
	multiboot_believe("information", info, sizeof(raw), sizeof(raw));
	phys_read(info, &raw, sizeof(raw));
	boot_info.flags = raw.flags;
	if (raw.flags & INFO_CMDLINE)
		multiboot_read_string(raw.cmdline, cmdline, sizeof(cmdline));
	if (raw.flags & INFO_MMAP) {
		multiboot_believe("memory map", raw.mmap_addr, raw.mmap_length, MULTIBOOT_MAP_MAX);
		multiboot_read_map(raw.mmap_addr, raw.mmap_length, &boot_info.map);
	} else if (raw.flags & INFO_MEMORY) {
		make_map(raw.mem_lower, raw.mem_upper);
	}
	if (raw.flags & INFO_MODULES)
		modules_read(raw.mods_addr, raw.mods_count);
}
