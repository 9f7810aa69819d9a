/*
 * The modules: files that the loader has put in memory beside the kernel.
 *
 * A loader's data is checked before it is used. The length of the list is bounded before
 * it is walked. Each module must be in available memory of the loader's own map, and must
 * not overlap the kernel or another module. A module that fails this is refused by name,
 * as its content cannot be right.
 *
 * The description says how many modules are kept with their command lines. The addresses
 * of all others are noted as well, so that their memory stays untouched.
 */
#include <arch/fixmap.h>
#include <arch/paging.h>
#include <arch/sections.h>
#include <kernel/boot_info.h>
#include <kernel/panic.h>
#include <mm/memmap.h>

struct multiboot_module {
	uint32_t start;
	uint32_t end;
	uint32_t cmdline; /* physical address of a string */
	uint32_t reserved;
};

struct module_span module_spans[MODULES_LISTED];

static void keep(int i, const struct multiboot_module *raw)
{
	struct boot_module *module;

	if (i >= MODULES_MAX) {
		boot_info.modules_dropped++;
		return;
	}
	module = &boot_info.modules[i];
	module->start = raw->start;
	module->end = raw->end;
	if (raw->cmdline)
		multiboot_read_string(raw->cmdline, module->name, sizeof(module->name));
	boot_info.module_count++;
}

void modules_read(phys_addr_t list, uint32_t count)
{
	struct multiboot_module raw;

	multiboot_believe("list of modules", list, (uint64_t)count * sizeof(raw),
			  MODULES_LISTED * sizeof(raw));
	for (uint32_t i = 0; i < count; i++) {
		phys_read(list + i * sizeof(raw), &raw, sizeof(raw));
		if (raw.end < raw.start)
			refuse_boot("module %u ends at 0x%x, before its start at 0x%x (use another "
				    "loader)",
				    i, raw.end, raw.start);
		module_spans[i] = (struct module_span){ raw.start, raw.end };
		keep(i, &raw);
	}
}

static bool overlap(const struct module_span *span, phys_addr_t start, phys_addr_t end)
{
	return span->start < end && start < span->end;
}

static void check_place(unsigned i)
{
	const struct module_span *span = &module_spans[i];
	phys_addr_t image = VIRT_TO_PHYS((uintptr_t)_kernel_start);
	phys_addr_t image_end = VIRT_TO_PHYS((uintptr_t)_end);

	if (overlap(span, image, image_end))
		refuse_boot("module %u, 0x%x-0x%x, overlaps the kernel, 0x%x-0x%x (load it "
			    "elsewhere)",
			    i, span->start, span->end - 1, image, image_end - 1);
	if (overlap(span, LEGACY_START, LEGACY_END) ||
	    !memmap_has(&boot_info.map, span->start, span->end))
		refuse_boot("module %u, 0x%x-0x%x, is where the loader's map has no memory (%s)", i,
			    span->start, span->end - 1,
			    boot_info.map.dropped ? "raise memblock.map_entries" :
						    "add RAM, or load less");
	for (unsigned j = 0; j < i; j++) {
		if (overlap(span, module_spans[j].start, module_spans[j].end))
			refuse_boot("module %u, 0x%x-0x%x, overlaps module %u, 0x%x-0x%x (load it "
				    "elsewhere)",
				    i, span->start, span->end - 1, j, module_spans[j].start,
				    module_spans[j].end - 1);
	}
}

void modules_check(void)
{
	for (unsigned i = 0; i < modules_listed(); i++) {
		if (module_spans[i].start < module_spans[i].end)
			check_place(i);
	}
}
