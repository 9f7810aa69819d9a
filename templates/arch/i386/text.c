/*
 * The checksum of text and read-only data: FNV-1a over 32-bit words. It finds
 * accidents, not attacks, and only afterwards; but a 386 has nothing better.
 */
#include <arch/cpu.h>
#include <arch/sections.h>
#include <arch/text.h>
#include <kernel/panic.h>

#define FNV_OFFSET 0x811c9dc5u
#define FNV_PRIME 0x01000193u

static uint32_t sealed;

static uint32_t checksum(uint32_t sum, const char *from, const char *to)
{
	const uint32_t *word = (const uint32_t *)from;

	for (; word < (const uint32_t *)to; word++)
		sum = (sum ^ *word) * FNV_PRIME;
	return sum;
}

static uint32_t checksum_all(void)
{
	return checksum(checksum(FNV_OFFSET, _kernel_start, _etext), _rodata, _erodata);
}

void text_seal(void)
{
	if (!cpu.wp)
		sealed = checksum_all();
}

void text_verify(void)
{
	if (!cpu.wp && checksum_all() != sealed)
		panic("read-only text or data was overwritten (this CPU does not protect it)");
}
