/*
 * Replaying another machine's memory map.
 *
 * A module named "kgen.map" has a map as text. Each line is an entry of three numbers:
 * base and length in hexadecimal, type in decimal (`kgen boot --map` makes it):
 *
 *     0x0 0x9fc00 1
 *     0x9fc00 0x400 2
 *
 * The kernel then starts from that map instead of the firmware's. Memory that does not
 * exist cannot be used: everything outside of the real map's available ranges is added to
 * the replayed map as reserved, and the stricter entry wins when the map is normalised.
 */
#include <arch/fixmap.h>
#include <kernel/boot_info.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/replay.h>
#include <kernel/string.h>

#define REPLAY_MAX 0x4000 /* bytes: 256 of the longest lines are fewer */

struct reader {
	phys_addr_t at;
	phys_addr_t end;
};

static char next(struct reader *reader)
{
	char c;

	if (reader->at == reader->end)
		return '\0';
	phys_read(reader->at++, &c, 1);
	return c;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/*
 * Read the next number, hexadecimal after "0x". Returns false at the end of the text, or
 * if it is not a number.
 */
static bool read_number(struct reader *reader, uint64_t *value)
{
	unsigned base = 10;
	char c;

	do {
		c = next(reader);
	} while (c == ' ' || c == '\n');
	if (digit(c) < 0)
		return false;
	for (*value = 0; digit(c) >= 0 || (c == 'x' && !*value); c = next(reader)) {
		if (c == 'x')
			base = 16;
		else
			*value = *value * base + digit(c);
	}
	return true;
}

/* Everything outside the available ranges of the real map becomes reserved. */
static void reserve_what_is_not_there(const struct memmap_ranges *real)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < real->count; i++) {
		const struct memmap_range *range = &real->ranges[i];

		if (range->type != MEMORY_AVAILABLE)
			continue;
		if (range->start > at)
			memmap_add(&boot_info.map, at, range->start - at, MEMORY_RESERVED);
		at = range->end;
	}
	memmap_add(&boot_info.map, at, UINT64_MAX - at, MEMORY_RESERVED);
}

/* Some loaders pass a module's path and arguments with its name, others do not. */
static bool is_map(const char *name)
{
	const size_t length = strlen(REPLAY_MODULE);

	for (const char *at = name; *at && *at != ' '; at++) {
		if ((at == name || at[-1] == '/') && !strncmp(at, REPLAY_MODULE, length) &&
		    (!at[length] || at[length] == ' '))
			return true;
	}
	return false;
}

static const struct boot_module *find_module(void)
{
	for (unsigned i = 0; i < boot_info.module_count; i++) {
		if (is_map(boot_info.modules[i].name))
			return &boot_info.modules[i];
	}
	return NULL;
}

void replay_map(void)
{
	static struct memmap_ranges real;
	const struct boot_module *module = find_module();
	struct reader reader;
	uint64_t base;
	uint64_t length;
	uint64_t type;

	if (!module)
		return;
	memmap_normalise(&boot_info.map, &real);
	boot_info.map.count = 0;
	boot_info.map_made = false;
	if (module->end - module->start > REPLAY_MAX)
		refuse_boot("the map to replay has %u bytes, a map has %u at most (make it with "
			    "kgen boot --map)",
			    module->end - module->start, REPLAY_MAX);
	reader = (struct reader){ module->start, module->end };
	while (read_number(&reader, &base) && read_number(&reader, &length) &&
	       read_number(&reader, &type))
		memmap_add(&boot_info.map, base, length, (uint32_t)type);
	printk("multiboot: replaying a map of %u entries\n", boot_info.map.count);
	reserve_what_is_not_there(&real);
}
