/* Address spaces in words and numbers: as Linux shows them in /proc/self/maps, and in lines for people. */
#include <kernel/printk.h>
#include <kernel/string.h>
#include <user/space_state.h>

#define NAME_COLUMN 49 /* of a line of /proc/PID/maps: where the name begins */
#define PATH_SHOWN 100 /* bytes of a path, with the NUL */
#define LINE_SIZE (NAME_COLUMN + PATH_SHOWN + 1)

/* "rw-p" */
static void write_access(const struct area_use *use, char access[5])
{
	access[0] = use->prot & PROT_READ ? 'r' : '-';
	access[1] = use->prot & PROT_WRITE ? 'w' : '-';
	access[2] = use->prot & PROT_EXEC ? 'x' : '-';
	access[3] = use->flags & AREA_SHARED ? 's' : 'p';
	access[4] = '\0';
}

/* The name of an area, as Linux has it; empty for anonymous memory. */
static void write_name(const struct area_use *use, char *name, size_t size)
{
	if (use->node)
		node_path(use->node, name, size);
	else
		snprintf(name, size, "%s",
			 use->shared		 ? "/dev/zero (deleted)" :
			 use->kind == AREA_HEAP	 ? "[heap]" :
			 use->kind == AREA_STACK ? "[stack]" :
						   "");
}

/* One line, with its newline. Returns its length. */
static size_t write_line(const struct area *area, char line[LINE_SIZE])
{
	bool backed = area->use.node || area->use.shared;
	char name[PATH_SHOWN];
	char access[5];
	int length;

	write_access(&area->use, access);
	write_name(&area->use, name, sizeof(name));
	length = snprintf(line, LINE_SIZE, "%08x-%08x %s %08x 00:00 0 ", area->start, area->end,
			  access, backed ? area->use.offset * PAGE_SIZE : 0);
	if (name[0])
		length += snprintf(line + length, LINE_SIZE - length, "%*s%s", NAME_COLUMN - length,
				   "", name);
	line[length++] = '\n';
	return length;
}

size_t space_maps(struct space *space, char *to, size_t size, uint32_t skip)
{
	char line[LINE_SIZE];
	size_t written = 0;

	for (const struct area *area = space->areas.first; area && written < size;
	     area = area->next) {
		size_t length = write_line(area, line);
		size_t part;

		if (skip >= length) {
			skip -= length;
			continue;
		}
		part = MIN(length - skip, size - written);
		memcpy(to + written, line + skip, part);
		written += part;
		skip = 0;
	}
	return written;
}

void space_print(struct space *space)
{
	char line[LINE_SIZE];

	for (const struct area *area = space->areas.first; area; area = area->next)
		printk("  %.*s", (int)write_line(area, line), line);
	printk("  %u pages resident, %u promised, %u page tables\n", space->resident,
	       space->committed, space->tables);
}

/* Frames with a count above 1, or not the space's at all. */
uint32_t space_shared(const struct space *space)
{
	uint32_t *first = space->directory;
	uint32_t *last = first + KERNEL_PDE;
	uint32_t shared = 0;

	for (uint32_t *pde = next_entry(first, last); pde < last; pde = next_entry(pde + 1, last)) {
		uint32_t *entry = page_entry(first, (pde - first) * TABLE_SPAN);
		uint32_t *end = entry + TABLE_ENTRIES;

		for (entry = next_entry(entry, end); entry < end;
		     entry = next_entry(entry + 1, end)) {
			if (*entry & PTE_OWNED)
				shared += frame_counts[FRAME_NUMBER(*entry)] > 1;
			else
				shared += *entry / PTE_NODE & 1;
		}
	}
	return shared;
}

void space_use(const struct space *space, struct space_use *use)
{
	*use = (struct space_use){
		.resident = space->resident,
		.committed = space->committed,
		.tables = space->tables,
		.peak = space->peak,
		.faults = space->faults,
	};
}

bool space_resident(struct space *space, uint32_t addr, uint32_t pages, uint8_t *resident)
{
	for (; pages; pages--, addr += PAGE_SIZE) {
		const struct area *area = area_find(&space->areas, addr);
		const uint32_t *entry;
		uint32_t bytes; /* of the file, from the area's start on */

		if (!area)
			return false;
		entry = entry_find(space, addr);
		*resident = entry && *entry;
		if (!*resident && area->use.node) { /* all files are in memory */
			bytes = node_size(area->use.node);
			*resident = area->use.offset + (addr - area->start) / PAGE_SIZE <
				    bytes / PAGE_SIZE + !IS_ALIGNED(bytes, PAGE_SIZE);
		}
		resident++;
	}
	return true;
}

static const char *const kind_names[] = {
	[AREA_CODE] = "code",	[AREA_DATA] = "data", [AREA_HEAP] = "heap",
	[AREA_MAP] = "mapping", [AREA_FILE] = "file", [AREA_STACK] = "stack",
};

static int write_area(const struct area *area, char *to, size_t size)
{
	char access[5];

	write_access(&area->use, access);
	return snprintf(to, size, "%s 0x%x-0x%x %s", kind_names[area->use.kind], area->start,
			area->end, access);
}

void space_describe(const struct space *space, uint32_t addr, char *to, size_t size)
{
	const struct area *above = space->areas.first;
	const struct area *below = NULL;
	int length;

	for (; above && above->end <= addr; above = above->next)
		below = above;
	if (above && above->start <= addr) {
		write_area(above, to, size);
		return;
	}
	if (addr >= USER_END)
		length = snprintf(to, size, "the kernel's");
	else if (addr < PAGE_SIZE)
		length = snprintf(to, size, "page 0, which is nobody's");
	else
		length = snprintf(to, size, "nothing");
	if (below && (size_t)length < size) {
		length += snprintf(to + length, size - length, ", after ");
		if ((size_t)length < size)
			length += write_area(below, to + length, size - length);
	}
	if (above && (size_t)length < size) {
		length += snprintf(to + length, size - length, ", below ");
		if ((size_t)length < size)
			write_area(above, to + length, size - length);
	}
}
