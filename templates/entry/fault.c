/* Explains faults, in words. */
#include <arch/sections.h>
#include <entry/trap.h>
#include <kernel/printk.h>
#include <mm/place.h>

/* Error code of a page fault: Intel SDM vol. 3, 4.7. */
#define PF_WRITE 2

#define FAR_JUMP 0xea /* ljmp $selector, $offset */

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
