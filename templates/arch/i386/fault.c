/*
 * Explains faults: the address map of generated/layout.h, asked backwards.
 */
#include <arch/fault.h>
#include <arch/paging.h>
#include <arch/sections.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>

/* Error code of a page fault: Intel SDM vol. 3, 4.7. */
#define PF_WRITE 2

#define FAR_JUMP 0xea /* ljmp $selector, $offset */

static bool in_area(uintptr_t addr, uintptr_t base, size_t size)
{
	return addr - base < size;
}

static bool in_image(uintptr_t addr, const char *from, const char *to)
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
	else if (in_area(addr, KERNEL_BASE, DIRECT_MAP_LIMIT) && virt_to_phys((void *)addr))
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

static void describe_page_fault(const struct trap_frame *frame, uint32_t cr2, char *text,
				size_t size)
{
	const char *what = frame->error & PF_WRITE ? "write to" : "read from";
	char region[72];

	if (cr2 == frame->eip)
		what = "jump to";
	describe_address(cr2, region, sizeof(region));
	snprintf(text, size, "page fault: %s 0x%x: %s", what, cr2, region);
}

/* A stack that has run into its guard can't take the page fault's frame. */
static void describe_double_fault(uint32_t cr2, char *text, size_t size)
{
	if (in_image(cr2, boot_stack_guard, boot_stack))
		snprintf(text, size, "stack overflow: 0x%x: guard below the boot stack", cr2);
	else
		snprintf(text, size, "double fault");
}

static void describe_protection(const struct trap_frame *frame, char *text, size_t size)
{
	const uint8_t *code = (const uint8_t *)frame->eip;

	if (!in_image(frame->eip, _kernel_start, _etext))
		snprintf(text, size, "general protection: execution outside the text");
	else if (code[0] == FAR_JUMP && *(const uint32_t *)(code + 1) >= (uintptr_t)_etext)
		snprintf(text, size, "general protection: jump to 0x%x, outside the text",
			 *(const uint32_t *)(code + 1));
	else
		snprintf(text, size, "general protection");
}

void describe_fault(const struct trap_frame *frame, uint32_t cr2, char *text, size_t size)
{
	switch (frame->vector) {
	case TRAP_PAGE_FAULT:
		describe_page_fault(frame, cr2, text, size);
		break;
	case TRAP_DOUBLE_FAULT:
		describe_double_fault(cr2, text, size);
		break;
	case TRAP_GENERAL_PROTECTION:
		describe_protection(frame, text, size);
		break;
	default:
		snprintf(text, size, "%s", trap_name(frame->vector));
	}
}
