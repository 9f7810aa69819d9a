/* What clang 19 would make TZCNT of on a newer CPU, and a fault in a known line. */
#include <kernel/boot_info.h>
#include <kernel/main.h>
#include <kernel/printk.h>

static volatile unsigned *const nowhere = (unsigned *)8;

void kernel_main(void)
{
	unsigned flags = boot_info.flags;

	printk("lowest bit %d, none beyond %d\n", __builtin_ctz(flags), __builtin_ctz(1u << 31));
	if (boot_word("trip"))
		*nowhere = flags;
}
