/* Finds the region of an address in the address map of generated/layout.h. */
#include <arch/paging.h>
#include <arch/sections.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>
#include <mm/place.h>

static bool in_area(uintptr_t addr, uintptr_t base, size_t size)
{
	return addr - base < size;
}

bool in_image(uintptr_t addr, const char *from, const char *to)
{
	return addr >= ALIGN_DOWN((uintptr_t)from, PAGE_SIZE) &&
	       addr < ALIGN_UP((uintptr_t)to, PAGE_SIZE);
}

void describe_address(uintptr_t addr, char *text, size_t size)
{
	if (addr < PAGE_SIZE)
		snprintf(text, size, "null page");
	else if (addr < KERNEL_BASE)
		snprintf(text, size, "user space, where nothing is mapped");
	else if (in_image(addr, boot_stack_guard, boot_stack))
		snprintf(text, size, "guard below the boot stack");
	else if (in_image(addr, fault_stack_guard, fault_stack))
		snprintf(text, size, "guard below the double fault's stack");
	else if (in_image(addr, _kernel_start, _etext))
		snprintf(text, size, "read-only text");
	else if (in_image(addr, _rodata, _erodata))
		snprintf(text, size, "read-only data");
	else if (in_image(addr, _kernel_start, _end))
		snprintf(text, size, "the kernel's own data");
	else if (in_area(addr, KERNEL_BASE, DIRECT_MAP_LIMIT) && slow_virt_to_phys((void *)addr))
		snprintf(text, size, "direct map: physical 0x%x", VIRT_TO_PHYS(addr));
	else if (in_area(addr, KERNEL_BASE, DIRECT_MAP_LIMIT))
		snprintf(text, size, "direct-map hole: physical 0x%x is not mapped",
			 VIRT_TO_PHYS(addr));
	else if (in_area(addr, ARENA_BASE, ARENA_SIZE))
		kmalloc_describe(addr, text, size);
	else if (in_area(addr, PAGE_MAP_BASE, PAGE_MAP_SIZE))
		snprintf(text, size, "page map, beyond the last frame");
	else if (in_area(addr, FIXMAP_BASE, FIXMAP_SLOTS * PAGE_SIZE))
		snprintf(text, size, "empty fixmap slot");
	else
		snprintf(text, size, "gap between the areas");
}
