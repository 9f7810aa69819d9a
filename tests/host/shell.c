/* What page.c and its like call besides the cores: nobody reads what they print. */
#include <mm/early.h>

#include "bare.h"

void printk(const char *format, ...)
{
	(void)format;
}

void kgen_stat(unsigned long long value, const char *key, ...)
{
	(void)value;
	(void)key;
}

void *early_alloc(size_t size, size_t align)
{
	void *memory = fresh_pages((size + PAGE_SIZE - 1) / PAGE_SIZE);

	if (!IS_ALIGNED((uintptr_t)memory, align))
		wrong("metadata wants %lu", (unsigned long)align);
	return memset(memory, 0xa5, size);
}
