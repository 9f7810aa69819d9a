/* brk: forwards, backwards, too far; what comes back is zero. */
#include "check.h"

static uint32_t set(uint32_t end)
{
	return (uint32_t)syscall_raw(SYS_brk, end);
}

static void grown_again(uint32_t start, uint32_t pages_of_it)
{
	uint8_t *at = (uint8_t *)start;
	uint32_t end = start + pages_of_it * PAGE;

	check(set(end) == end, "grown by %u pages", pages_of_it);
	check(all_are(at, 4 * PAGE, 0), "they are zero");
	memset(at, 0x5a, pages_of_it * PAGE);
	check(set(start) == start, "shrunk again");
	check_killed(do_read, at, SIGSEGV, "what was given back");
	check(set(end) == end, "and grown");
	check(all_are(at, pages_of_it * PAGE, 0), "what comes again is zero");
	set(start);
}

static void in_a_child(void *with)
{
	uint32_t start = (uint32_t)with;
	uint8_t *at = (uint8_t *)start;

	if (!all_are(at, 8 * PAGE, 0x77))
		_exit(1);
	if (set(start) != start || set(start + 8 * PAGE) != start + 8 * PAGE)
		_exit(2);
	_exit(all_are(at, 8 * PAGE, 0) ? 0 : 3);
}

static void children(uint32_t start)
{
	uint8_t *at = (uint8_t *)start;

	set(start + 8 * PAGE);
	memset(at, 0x77, 8 * PAGE);
	check_runs(in_a_child, (void *)start, "a child shrinks and grows its own");
	check(all_are(at, 8 * PAGE, 0x77), "the parent's is as it was");
	set(start);
}

static void parts_of_pages(uint32_t start)
{
	uint8_t *at = (uint8_t *)start;

	check(set(start + 10) == start + 10, "grown by 10 bytes");
	memset(at, 1, PAGE); /* all of the page is there */
	check(set(start + 5) == start + 5, "shrunk by 5");
	check(at[0] == 1, "the page is still there");
	check(set(start + PAGE + 1) == start + PAGE + 1, "grown by a page");
	check(at[PAGE] == 0, "which is zero");
	set(start);
}

static void too_far(uint32_t start)
{
	uint32_t now = set(0);

	check(now == start, "brk(0) says where it ends");
	check(set(start - 64 * PAGE) == now, "not in front of where it began");
	check(set(1) == now, "nor to page 0");
	if (is_kgen()) {
		check(set(KERNEL) == now, "not up to the kernel");
		check(set(0xffffffff) == now, "nor to the last address");
		check(set((uint32_t)__builtin_frame_address(0)) == now, "nor into the stack");
	}
	check(set(0) == start, "and nothing changed");
}

static void into_a_mapping(uint32_t start)
{
	uint32_t at = start + 16 * PAGE;

	if (mmap((void *)at, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED)
		exit(1);
	*(uint8_t *)at = 3;
	check(set(start + 8 * PAGE) == start + 8 * PAGE, "up to near a mapping");
	check(set(start + 32 * PAGE) == start + 8 * PAGE, "but not into it");
	check(*(uint8_t *)at == 3, "which is as it was");
	munmap((void *)at, PAGE);
	check(set(start + 32 * PAGE) == start + 32 * PAGE, "when that is gone there is room");
	set(start);
}

static void holes(uint32_t start)
{
	uint8_t *at = (uint8_t *)start;

	set(start + 8 * PAGE);
	memset(at, 2, 8 * PAGE);
	check(munmap(at + 2 * PAGE, 2 * PAGE) == 0, "munmap of a part of the heap");
	check_killed(do_read, at + 2 * PAGE, SIGSEGV, "which is gone");
	check(set(start + PAGE) == start + PAGE, "shrunk across the hole");
	check(at[0] == 2, "what is left is there");
	check(set(start + 8 * PAGE) == start + 8 * PAGE, "grown again");
	check(all_are(at + PAGE, 7 * PAGE, 0), "with zeros");
	set(start);
}

int main(void)
{
	uint32_t start;

	start = (set(0) + PAGE - 1) & ~(PAGE - 1);
	set(start);
	too_far(start);
	grown_again(start, 8);
	grown_again(start, 3000); /* of several page tables */
	children(start);
	parts_of_pages(start);
	into_a_mapping(start);
	holes(start);
	return verdict();
}
