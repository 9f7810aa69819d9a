/*
 * The Multiboot information (Multiboot 0.6.96, 3.3), read once and copied.
 *
 * It may lie anywhere in physical memory: right behind the image (QEMU), below
 * 640 KiB (GRUB), in memory that the map calls available. So nothing may be
 * allocated before this has run, and it is read through a fixmap slot, byte
 * ranges at a time, whether or not the boot page tables reach it.
 *
 *   1. Test each flag before its field is used: loaders differ in what they give.
 *   2. Walk the map by size + 4 (size does not count itself, and may grow).
 *   3. Where there is no map, make one from mem_lower and mem_upper.
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

struct multiboot_module {
	uint32_t start;
	uint32_t end;
	uint32_t cmdline;
	uint32_t reserved;
};

struct multiboot_mmap {
	uint32_t size; /* of what follows, 20 or more */
	uint64_t base;
	uint64_t length;
	uint32_t type;
} __attribute__((packed));

struct boot_info boot_info;

static void read_string(phys_addr_t from, char *to, size_t size)
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

static void read_modules(phys_addr_t from, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct multiboot_module raw;
		struct boot_module *module = &boot_info.modules[boot_info.module_count];

		phys_read(from + i * sizeof(raw), &raw, sizeof(raw));
		if (boot_info.module_count == MODULES_MAX) {
			/* Not kept, but what it occupies stays untouched. */
			memmap_add(&boot_info.map, raw.start, raw.end - raw.start, MEMORY_RESERVED);
			boot_info.modules_dropped++;
			continue;
		}
		module->start = raw.start;
		module->end = MAX(raw.end, raw.start);
		if (raw.cmdline)
			read_string(raw.cmdline, module->name, sizeof(module->name));
		boot_info.module_count++;
	}
}

void multiboot_read(uint32_t magic, phys_addr_t info)
{
	struct multiboot_info raw;

	if (magic != MULTIBOOT_LOADER_MAGIC)
		refuse_boot("not started by a Multiboot loader (EAX is 0x%x)", magic);
	phys_read(info, &raw, sizeof(raw));
	boot_info.flags = raw.flags;
	if (raw.flags & INFO_CMDLINE)
		read_string(raw.cmdline, cmdline, sizeof(cmdline));
	if (raw.flags & INFO_MMAP) {
		multiboot_read_map(raw.mmap_addr, raw.mmap_length, &boot_info.map);
	} else if (raw.flags & INFO_MEMORY) {
		boot_info.map_made = true;
		memmap_add(&boot_info.map, 0, (uint64_t)raw.mem_lower << 10, MEMORY_AVAILABLE);
		memmap_add(&boot_info.map, 0x100000, (uint64_t)raw.mem_upper << 10,
			   MEMORY_AVAILABLE);
	}
	if (raw.flags & INFO_MODULES)
		read_modules(raw.mods_addr, raw.mods_count);
}
