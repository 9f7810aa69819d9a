/* Tests of address spaces, without programs: the kernel touches pages as its system calls do. */
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/usermode.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/page.h>
#include <user/space_state.h>

#define RW (PROT_READ | PROT_WRITE)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHARED (MAP_SHARED | MAP_ANONYMOUS)
#define STACK_TOP (USER_END - PAGE_SIZE)

/* All there is in a test: a space, loaded, or nothing if memory ran out. */
static struct space *begin(void)
{
	struct space *space;

	if (spaces_init())
		return NULL;
	space = space_create();
	if (space)
		space_switch(space);
	else
		spaces_exit();
	return space;
}

static void end(struct ktest *test, struct space *space)
{
	KTEST_ALWAYS(test, !spaces_check());
	space_switch(NULL);
	space_put(space);
	KTEST_ALWAYS(test, !spaces);
	KTEST_ALWAYS(test, !frame_stats.owned && !frame_stats.tables && !frame_stats.shared);
	KTEST_ALWAYS(test, !commit.committed);
	spaces_exit();
}

/* How a fault ends that the CPU would report so. */
static enum fault_result touch(struct space *space, uint32_t addr, uint32_t error)
{
	const uint32_t *entry = addr < USER_END ? entry_find(space, addr) : NULL;

	space_switch(space);
	if (entry && (*entry & PTE_PRESENT))
		error |= PF_PRESENT;
	if ((error & PF_PRESENT) && (!(error & PF_WRITE) || (*entry & PTE_WRITE)))
		return FAULT_RESOLVED;
	return space_fault(space, addr, error | PF_USER, addr);
}

/*
 * The word at addr, and a new one: by an access that faults if it has to, and is answered as
 * a system call's would be. 0xdeadbeef, and false, if that fails.
 */
static uint32_t get(struct space *space, uint32_t addr)
{
	uint32_t value;

	space_switch(space);
	return copy_faulting(&value, (const void *)addr, sizeof(value)) ? 0xdeadbeef : value;
}

static bool put(struct space *space, uint32_t addr, uint32_t value)
{
	space_switch(space);
	if (!cpu.wp && space_make_writable(space, addr, addr) != FAULT_RESOLVED)
		return false;
	return !copy_faulting((void *)addr, &value, sizeof(value));
}

static bool reads(struct space *space, uint32_t addr)
{
	return get(space, addr) != 0xdeadbeef;
}

/* Map `pages` of anonymous memory at addr, or anywhere if that is 0. The address, or 0. */
static uint32_t map(struct space *space, uint32_t addr, uint32_t pages, uint32_t prot,
		    uint32_t flags)
{
	flags |= addr ? MAP_FIXED : 0;
	return space_map(space, &addr, pages * PAGE_SIZE, prot, flags, AREA_MAP, NULL, 0) ? 0 :
											    addr;
}

static uint32_t count_areas(const struct space *space)
{
	return space->areas.count;
}

/* --- anonymous memory ------------------------------------------------------------------- */

KTEST(user_space, promises_cost_nothing)
{
	struct space *space = begin();
	uint32_t owned;
	uint32_t addr;

	KTEST_ASSERT(test, space);
	owned = frame_stats.owned;
	addr = map(space, 0, 100, RW, PRIVATE);
	KTEST_EXPECT_EQ(test, addr, MAPPINGS_END - 100 * PAGE_SIZE);
	KTEST_EXPECT_EQ(test, commit.committed, 100);
	KTEST_EXPECT_EQ(test, frame_stats.owned, owned);
	KTEST_EXPECT_EQ(test, space->tables, 1);
	KTEST_EXPECT_EQ(test, get(space, addr), 0);
	KTEST_EXPECT_EQ(test, frame_stats.owned, owned); /* the zero page */
	KTEST_EXPECT_EQ(test, space->resident, 0);
	KTEST_EXPECT(test, put(space, addr, 5));
	KTEST_EXPECT_EQ(test, get(space, addr), 5);
	KTEST_EXPECT_EQ(test, get(space, addr + 4), 0);
	KTEST_EXPECT_EQ(test, get(space, addr + PAGE_SIZE), 0); /* still zero */
	KTEST_EXPECT_EQ(test, frame_stats.owned, owned + 1);
	KTEST_EXPECT_EQ(test, space->faults.zero, 1);
	KTEST_EXPECT_EQ(test, space_unmap(space, addr, 100 * PAGE_SIZE), 0);
	KTEST_EXPECT_EQ(test, frame_stats.owned, owned);
	KTEST_EXPECT_EQ(test, space->tables, 1);
	end(test, space);
}

KTEST(user_space, forbids_what_areas_forbid)
{
	struct space *space = begin();
	uint32_t addr;
	uint32_t none;

	KTEST_ASSERT(test, space);
	addr = map(space, 0x10000000, 1, PROT_READ, PRIVATE);
	none = map(space, 0x10001000, 1, PROT_NONE, PRIVATE);
	if (addr && none) {
		KTEST_EXPECT(test, reads(space, addr));
		KTEST_EXPECT_EQ(test, touch(space, addr, PF_WRITE), FAULT_DENIED);
		KTEST_EXPECT_EQ(test, space_fault(space, addr, PF_USER | PF_PRESENT, 0),
				FAULT_DENIED);
		KTEST_EXPECT_EQ(test, touch(space, none, 0), FAULT_DENIED);
		KTEST_EXPECT_EQ(test, touch(space, none, PF_WRITE), FAULT_DENIED);
		KTEST_EXPECT_EQ(test, touch(space, none + PAGE_SIZE, 0), FAULT_UNMAPPED);
		KTEST_EXPECT_EQ(test, touch(space, addr - 1, 0), FAULT_UNMAPPED);
	}
	KTEST_EXPECT_EQ(test, touch(space, 0, 0), FAULT_UNMAPPED);
	KTEST_EXPECT_EQ(test, touch(space, USER_END, 0), FAULT_UNMAPPED);
	KTEST_EXPECT_EQ(test, space_make_writable(space, USER_END, 0), FAULT_UNMAPPED);
	KTEST_EXPECT_EQ(test, space_make_writable(space, 0xffffffff, 0), FAULT_UNMAPPED);
	end(test, space);
}

KTEST(user_space, heap_grows_and_shrinks)
{
	struct space *space = begin();
	uint32_t start = 0x083fe000;
	uint32_t second = 0x08400000; /* in the next page table */
	uint32_t end_of_heap = second + 2 * PAGE_SIZE;

	KTEST_ASSERT(test, space);
	space_set_brk(space, start);
	KTEST_EXPECT_EQ(test, space_brk(space, 0), start);
	KTEST_EXPECT_EQ(test, space_brk(space, end_of_heap), end_of_heap);
	KTEST_EXPECT(test, put(space, second, 7));
	KTEST_EXPECT_EQ(test, space_brk(space, start + 1), start + 1);
	KTEST_EXPECT_EQ(test, frame_stats.owned, 0);
	KTEST_EXPECT_EQ(test, space->tables, 1);
	KTEST_EXPECT_EQ(test, space_brk(space, end_of_heap), end_of_heap);
	KTEST_EXPECT_EQ(test, get(space, second), 0);
	KTEST_EXPECT_EQ(test, count_areas(space), 1);
	KTEST_EXPECT_EQ(test, space_brk(space, start - 1), end_of_heap);
	KTEST_EXPECT_EQ(test, space_brk(space, USER_END), end_of_heap);
	KTEST_EXPECT_EQ(test, space_brk(space, 0xffffffff), end_of_heap);
	if (map(space, second + 0x10000, 1, RW, PRIVATE)) {
		KTEST_EXPECT_EQ(test, space_brk(space, second + 0x10000), end_of_heap);
		KTEST_EXPECT_EQ(test, space_brk(space, second + 0xf000), second + 0xf000);
	}
	end(test, space);
}

KTEST(user_space, stack_grows_to_its_limit)
{
	struct space *space = begin();
	uint32_t addr = STACK_TOP - PAGE_SIZE;
	uint32_t lowest = STACK_TOP - USER_STACK_LIMIT;
	uint32_t below = lowest - STACK_GUARD / 2;

	KTEST_ASSERT(test, space);
	if (space_map(space, &addr, PAGE_SIZE, RW, PRIVATE | MAP_FIXED, AREA_STACK, NULL, 0))
		goto out;
	KTEST_EXPECT(test, put(space, addr, 1));
	KTEST_EXPECT(test, put(space, addr - 10 * PAGE_SIZE, 2));
	KTEST_EXPECT_EQ(test, space->areas.first->start, addr - 10 * PAGE_SIZE);
	KTEST_EXPECT_EQ(test, space->committed, 11);
	KTEST_EXPECT_EQ(test, get(space, addr - PAGE_SIZE), 0);
	KTEST_EXPECT_EQ(test, touch(space, lowest - 1, PF_WRITE), FAULT_UNMAPPED);
	if (map(space, below - PAGE_SIZE, 1, RW, PRIVATE)) {
		KTEST_EXPECT_EQ(test, touch(space, lowest, PF_WRITE), FAULT_UNMAPPED);
		for (uint32_t at = addr; at > lowest + STACK_GUARD / 2; at -= 32 * PAGE_SIZE)
			reads(space, at); /* in steps: all at once is a large promise */
		KTEST_EXPECT(test, put(space, lowest + STACK_GUARD / 2, 3));
		KTEST_EXPECT_EQ(test, touch(space, lowest + STACK_GUARD / 2 - 1, PF_WRITE),
				FAULT_UNMAPPED);
	}
out:
	end(test, space);
}

/* A page that was unmapped or protected can't be reached, not even by a stale TLB entry. */
KTEST(user_space, forgets_what_was_mapped)
{
	struct space *space = begin();
	uint32_t addr;

	KTEST_ASSERT(test, space);
	addr = map(space, 0, 3, RW, PRIVATE);
	if (!addr || !put(space, addr, 1) || !put(space, addr + PAGE_SIZE, 2) ||
	    !put(space, addr + 2 * PAGE_SIZE, 3))
		goto out;
	KTEST_EXPECT_EQ(test, space_unmap(space, addr, PAGE_SIZE), 0);
	KTEST_ALWAYS(test, !put(space, addr, 4));
	KTEST_ALWAYS(test, get(space, addr) == 0xdeadbeef);
	if (!space_protect(space, addr + PAGE_SIZE, PAGE_SIZE, PROT_READ)) {
		KTEST_ALWAYS(test, !put(space, addr + PAGE_SIZE, 5));
		KTEST_EXPECT_EQ(test, get(space, addr + PAGE_SIZE), 2);
	}
	if (!space_protect(space, addr + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE))
		KTEST_ALWAYS(test, get(space, addr + 2 * PAGE_SIZE) == 0xdeadbeef);
out:
	end(test, space);
}

/* --- areas ------------------------------------------------------------------------------- */

KTEST(user_space, splits_and_merges)
{
	struct space *space = begin();
	uint32_t addr;

	KTEST_ASSERT(test, space);
	addr = map(space, 0, 10, RW, PRIVATE);
	KTEST_ASSERT_OR(test, addr, out);
	KTEST_EXPECT(test, put(space, addr + 5 * PAGE_SIZE, 9));
	KTEST_EXPECT_EQ(test, space_protect(space, addr + 4 * PAGE_SIZE, 3 * PAGE_SIZE, PROT_READ),
			0);
	KTEST_EXPECT_EQ(test, count_areas(space), 3);
	KTEST_EXPECT_EQ(test, touch(space, addr + 5 * PAGE_SIZE, PF_WRITE), FAULT_DENIED);
	KTEST_EXPECT_EQ(test, space_protect(space, addr + 5 * PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);
	KTEST_EXPECT_EQ(test, count_areas(space), 5);
	KTEST_EXPECT_EQ(test, touch(space, addr + 5 * PAGE_SIZE, 0), FAULT_DENIED);
	KTEST_ALWAYS(test, !spaces_check());
	KTEST_EXPECT_EQ(test, space_protect(space, addr, 10 * PAGE_SIZE, RW), 0);
	KTEST_EXPECT_EQ(test, count_areas(space), 1);
	KTEST_EXPECT_EQ(test, get(space, addr + 5 * PAGE_SIZE), 9);
	KTEST_EXPECT_EQ(test, space_unmap(space, addr + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	KTEST_EXPECT_EQ(test, count_areas(space), 2);
	KTEST_EXPECT_EQ(test, space->committed, 9);
	KTEST_EXPECT_EQ(test, map(space, addr + 2 * PAGE_SIZE, 1, RW, PRIVATE),
			addr + 2 * PAGE_SIZE);
	KTEST_EXPECT_EQ(test, count_areas(space), 1);
out:
	end(test, space);
}

KTEST(user_space, answers_bad_ranges_as_linux_does)
{
	struct space *space = begin();
	uint32_t addr;
	uint32_t hint = 0x10000000;

	KTEST_ASSERT(test, space);
	addr = map(space, 0x10000000, 4, RW, PRIVATE);
	KTEST_ASSERT_OR(test, addr, out);
	KTEST_EXPECT_EQ(test, space_unmap(space, addr + 1, PAGE_SIZE), -EINVAL);
	KTEST_EXPECT_EQ(test, space_unmap(space, addr, 0), -EINVAL);
	KTEST_EXPECT_EQ(test, space_unmap(space, addr, 0xffffffff), -EINVAL);
	KTEST_EXPECT_EQ(test, space_unmap(space, addr, 0u - addr), -EINVAL);
	KTEST_EXPECT_EQ(test, space_unmap(space, KERNEL_BASE, PAGE_SIZE), -EINVAL);
	KTEST_EXPECT_EQ(test, space_unmap(space, 0x20000000, PAGE_SIZE), 0);
	KTEST_EXPECT_EQ(test, space_protect(space, addr + 1, PAGE_SIZE, RW), -EINVAL);
	KTEST_EXPECT_EQ(test, space_protect(space, addr, 0, PROT_NONE), 0);
	KTEST_EXPECT_EQ(test, space_protect(space, addr, 0xffffffff, PROT_READ), -ENOMEM);
	KTEST_EXPECT_EQ(test, space_protect(space, addr, 0u - addr, PROT_READ), -ENOMEM);
	KTEST_EXPECT_EQ(test, space_protect(space, KERNEL_BASE, PAGE_SIZE, PROT_READ), -ENOMEM);
	KTEST_EXPECT_EQ(test, space_protect(space, addr, 5 * PAGE_SIZE, PROT_READ), -ENOMEM);
	KTEST_EXPECT_EQ(test, touch(space, addr + 3 * PAGE_SIZE, PF_WRITE), FAULT_DENIED);
	KTEST_EXPECT_EQ(test,
			space_map(space, &hint, PAGE_SIZE, RW, PRIVATE | MAP_FIXED_NOREPLACE,
				  AREA_MAP, NULL, 0),
			-EEXIST);
	KTEST_EXPECT_EQ(test, space_map(space, &hint, PAGE_SIZE, RW, PRIVATE, AREA_MAP, NULL, 0),
			0);
	KTEST_EXPECT_EQ(test, hint, MAPPINGS_END - PAGE_SIZE); /* the hint is taken */
	hint = 0x30000000;
	KTEST_EXPECT_EQ(test, space_map(space, &hint, PAGE_SIZE, RW, PRIVATE, AREA_MAP, NULL, 0),
			0);
	KTEST_EXPECT_EQ(test, hint, 0x30000000);
	hint = 0;
	KTEST_EXPECT_EQ(
		test,
		space_map(space, &hint, PAGE_SIZE, RW, PRIVATE | MAP_FIXED, AREA_MAP, NULL, 0),
		-EPERM);
	hint = KERNEL_BASE - PAGE_SIZE;
	KTEST_EXPECT_EQ(
		test,
		space_map(space, &hint, 2 * PAGE_SIZE, RW, PRIVATE | MAP_FIXED, AREA_MAP, NULL, 0),
		-ENOMEM);
	KTEST_EXPECT_EQ(test, space_map(space, &hint, 0xfffffff0, RW, PRIVATE, AREA_MAP, NULL, 0),
			-ENOMEM);
	KTEST_EXPECT_EQ(test, space_advise(space, addr, 0x10000000, MADV_DONTNEED), -ENOMEM);
	KTEST_EXPECT_EQ(test, space_advise(space, addr, PAGE_SIZE, 77), -EINVAL);
	KTEST_EXPECT_EQ(test, space_advise(space, addr + 1, PAGE_SIZE, MADV_DONTNEED), -EINVAL);
out:
	end(test, space);
}

KTEST(user_space, fixed_replaces_several)
{
	struct space *space = begin();
	uint32_t addr = 0x10000000;

	KTEST_ASSERT(test, space);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t at = addr + i * 2 * PAGE_SIZE;

		if (!map(space, at, 1, i & 1 ? RW : RW | PROT_EXEC, PRIVATE) || !put(space, at, i))
			goto out;
	}
	KTEST_EXPECT_EQ(test, map(space, addr, 6, RW, PRIVATE), addr);
	KTEST_EXPECT_EQ(test, get(space, addr + 4 * PAGE_SIZE), 0);
	KTEST_EXPECT_EQ(test, get(space, addr + 6 * PAGE_SIZE), 3);
	KTEST_EXPECT_EQ(test, count_areas(space), 1); /* the fourth is like it */
	KTEST_EXPECT_EQ(test, space->committed, 7);
	KTEST_EXPECT_EQ(test, space_unmap(space, PAGE_SIZE, USER_END - PAGE_SIZE), 0);
	KTEST_EXPECT_EQ(test, count_areas(space), 0);
	KTEST_EXPECT_EQ(test, space->tables, 1);
out:
	end(test, space);
}

KTEST(user_space, moves_what_grows)
{
	struct space *space = begin();
	uint32_t addr = 0x10000000;
	uint32_t first = addr;

	KTEST_ASSERT(test, space);
	if (!map(space, addr, 2, RW, PRIVATE) ||
	    !map(space, addr + 3 * PAGE_SIZE, 1, RW, PRIVATE) || !put(space, addr + PAGE_SIZE, 8))
		goto out;
	KTEST_EXPECT_EQ(test, space_remap(space, &addr, 2 * PAGE_SIZE, 3 * PAGE_SIZE, 0, 0), 0);
	KTEST_EXPECT_EQ(test, addr, first);
	KTEST_EXPECT_EQ(test, count_areas(space), 1);
	KTEST_EXPECT_EQ(test, space_remap(space, &addr, 2 * PAGE_SIZE, 9 * PAGE_SIZE, 0, 0),
			-ENOMEM);
	KTEST_EXPECT_EQ(test,
			space_remap(space, &addr, 2 * PAGE_SIZE, 9 * PAGE_SIZE, MREMAP_MAYMOVE, 0),
			0);
	if (addr != first) {
		KTEST_EXPECT_EQ(test, get(space, addr + PAGE_SIZE), 8);
		KTEST_EXPECT_EQ(test, get(space, addr + 8 * PAGE_SIZE), 0);
		KTEST_EXPECT_EQ(test, touch(space, first, 0), FAULT_UNMAPPED);
		KTEST_EXPECT_EQ(test, space->committed, 11);
		KTEST_EXPECT_EQ(test, space_remap(space, &addr, 9 * PAGE_SIZE, PAGE_SIZE, 0, 0), 0);
		KTEST_EXPECT_EQ(test, touch(space, addr + PAGE_SIZE, 0), FAULT_UNMAPPED);
	}
	addr = first + PAGE_SIZE / 2;
	KTEST_EXPECT_EQ(test, space_remap(space, &addr, PAGE_SIZE, PAGE_SIZE, 0, 0), -EINVAL);
	addr = first + 2 * PAGE_SIZE;
	KTEST_EXPECT_EQ(test, space_remap(space, &addr, 9 * PAGE_SIZE, 9 * PAGE_SIZE, 0, 0),
			-EFAULT);
out:
	end(test, space);
}

/* --- fork -------------------------------------------------------------------------------- */

KTEST(user_space, copies_on_write)
{
	struct space *space = begin();
	struct space *child;
	uint32_t addr;

	KTEST_ASSERT(test, space);
	addr = map(space, 0, 3, RW, PRIVATE);
	if (!addr || !put(space, addr, 1) || !put(space, addr + PAGE_SIZE, 2))
		goto out;
	child = space_clone(space);
	KTEST_ALWAYS(test, !spaces_check());
	if (!child)
		goto out;
	KTEST_EXPECT_EQ(test, frame_stats.owned, 2);
	KTEST_EXPECT_EQ(test, commit.committed, 6);
	KTEST_EXPECT(test, put(space, addr, 10)); /* its TLB must have forgotten */
	KTEST_EXPECT_EQ(test, frame_stats.owned, 3);
	KTEST_EXPECT_EQ(test, get(child, addr), 1);
	KTEST_EXPECT(test, put(child, addr, 20)); /* the last owner */
	KTEST_EXPECT_EQ(test, child->faults.sole, 1);
	KTEST_EXPECT_EQ(test, frame_stats.owned, 3);
	KTEST_EXPECT_EQ(test, get(space, addr), 10);
	KTEST_EXPECT_EQ(test, get(child, addr + PAGE_SIZE), 2);
	KTEST_EXPECT(test, put(child, addr + PAGE_SIZE, 30));
	KTEST_EXPECT_EQ(test, get(space, addr + PAGE_SIZE), 2);
	KTEST_EXPECT_EQ(test, child->faults.copy, 1);
	KTEST_ALWAYS(test, !spaces_check());
	space_put(child);
	KTEST_EXPECT_EQ(test, frame_stats.owned, 2);
	KTEST_EXPECT_EQ(test, get(space, addr), 10);
out:
	end(test, space);
}

KTEST(user_space, shares_over_four_generations)
{
	struct space *generations[5] = { begin() };
	uint32_t addr;
	unsigned count = 1;

	KTEST_ASSERT(test, generations[0]);
	addr = map(generations[0], 0, 1, RW, PRIVATE);
	if (!addr || !put(generations[0], addr, 1))
		goto out;
	for (; count < ARRAY_SIZE(generations); count++) {
		generations[count] = space_clone(generations[count - 1]);
		if (!generations[count])
			break;
	}
	KTEST_EXPECT_EQ(test, frame_stats.owned, 1);
	for (unsigned i = 0; i < count; i++)
		KTEST_EXPECT(test, put(generations[i], addr, 100 + i));
	KTEST_EXPECT_EQ(test, frame_stats.owned, count);
	for (unsigned i = 0; i < count; i++)
		KTEST_EXPECT_EQ(test, get(generations[i], addr), 100 + i);
	KTEST_ALWAYS(test, !spaces_check());
	while (--count)
		space_put(generations[count]);
out:
	end(test, generations[0]);
}

/* mprotect to read, fork, and back to write in one of both: the other's page stays its own. */
KTEST(user_space, protection_and_fork)
{
	struct space *space = begin();
	struct space *child;
	uint32_t addr;

	KTEST_ASSERT(test, space);
	addr = map(space, 0, 1, RW, PRIVATE);
	if (!addr || !put(space, addr, 1) || space_protect(space, addr, PAGE_SIZE, PROT_READ))
		goto out;
	child = space_clone(space);
	if (!child)
		goto out;
	KTEST_EXPECT_EQ(test, touch(child, addr, PF_WRITE), FAULT_DENIED);
	KTEST_EXPECT_EQ(test, space_protect(space, addr, PAGE_SIZE, RW), 0);
	KTEST_EXPECT(test, put(space, addr, 2));
	KTEST_EXPECT_EQ(test, get(child, addr), 1);
	KTEST_EXPECT_EQ(test, touch(child, addr, PF_WRITE), FAULT_DENIED);
	KTEST_EXPECT_EQ(test, space_protect(child, addr, PAGE_SIZE, PROT_NONE), 0);
	KTEST_ALWAYS(test, !spaces_check());
	KTEST_EXPECT_EQ(test, space_protect(child, addr, PAGE_SIZE, RW), 0);
	KTEST_EXPECT_EQ(test, get(child, addr), 1);
	KTEST_EXPECT_EQ(test, space_make_writable(child, addr, 0), FAULT_RESOLVED);
	KTEST_ALWAYS(test, !spaces_check());
	space_put(child);
out:
	end(test, space);
}

KTEST(user_space, shared_memory_stays_shared)
{
	struct space *space = begin();
	struct space *child;
	uint32_t addr;

	KTEST_ASSERT(test, space);
	addr = map(space, 0, 2000, RW, SHARED);
	if (!addr || !put(space, addr, 1))
		goto out;
	KTEST_EXPECT_EQ(test, commit.committed, 2000);
	child = space_clone(space);
	if (!child)
		goto out;
	KTEST_EXPECT_EQ(test, commit.committed, 2000);
	KTEST_EXPECT(test, put(child, addr, 2));
	KTEST_EXPECT_EQ(test, get(space, addr), 2);
	if (put(child, addr + 1500 * PAGE_SIZE, 3)) /* untouched before the fork */
		KTEST_EXPECT_EQ(test, get(space, addr + 1500 * PAGE_SIZE), 3);
	KTEST_EXPECT_EQ(test, space_advise(space, addr, PAGE_SIZE, MADV_DONTNEED), 0);
	KTEST_EXPECT_EQ(test, get(space, addr), 2);
	KTEST_EXPECT_EQ(test, space_unmap(space, addr, 1000 * PAGE_SIZE), 0);
	KTEST_EXPECT_EQ(test, get(child, addr), 2);
	KTEST_ALWAYS(test, !spaces_check());
	space_put(child);
out:
	end(test, space);
}

KTEST(user_space, advice_is_heeded)
{
	struct space *space = begin();
	struct space *child;
	uint32_t addr;

	KTEST_ASSERT(test, space);
	addr = map(space, 0, 3, RW, PRIVATE);
	if (!addr || !put(space, addr, 1) || !put(space, addr + PAGE_SIZE, 2) ||
	    !put(space, addr + 2 * PAGE_SIZE, 3))
		goto out;
	KTEST_EXPECT_EQ(test, space_advise(space, addr, PAGE_SIZE, MADV_DONTNEED), 0);
	KTEST_EXPECT_EQ(test, get(space, addr), 0);
	if (space_advise(space, addr + PAGE_SIZE, PAGE_SIZE, MADV_DONTFORK) ||
	    space_advise(space, addr + 2 * PAGE_SIZE, PAGE_SIZE, MADV_WIPEONFORK))
		goto out;
	child = space_clone(space);
	if (!child)
		goto out;
	KTEST_EXPECT_EQ(test, touch(child, addr + PAGE_SIZE, 0), FAULT_UNMAPPED);
	KTEST_EXPECT_EQ(test, get(child, addr + 2 * PAGE_SIZE), 0);
	KTEST_EXPECT_EQ(test, get(space, addr + 2 * PAGE_SIZE), 3);
	space_put(child);
	KTEST_EXPECT_EQ(test, space_advise(space, addr, 3 * PAGE_SIZE, MADV_DOFORK), 0);
	KTEST_EXPECT_EQ(test, space_advise(space, addr, 3 * PAGE_SIZE, MADV_KEEPONFORK), 0);
	KTEST_EXPECT_EQ(test, count_areas(space), 1);
out:
	end(test, space);
}

KTEST(user_space, hundreds_of_forks_cost_nothing)
{
	struct space *space = begin();
	uint32_t addr;

	KTEST_ASSERT(test, space);
	addr = map(space, 0, 20, RW, PRIVATE);
	for (uint32_t i = 0; addr && i < 20; i++)
		put(space, addr + i * PAGE_SIZE, i);
	for (unsigned i = 0; addr && i < 300; i++) {
		struct space *child = space_clone(space);

		if (!child)
			break;
		put(child, addr + i % 20 * PAGE_SIZE, i);
		space_put(child);
		put(space, addr + i % 7 * PAGE_SIZE, i);
	}
	KTEST_ALWAYS(test, frame_stats.owned == space->resident);
	end(test, space);
}

/* --- reports ------------------------------------------------------------------------------ */

KTEST(user_space, lists_areas_as_linux_does)
{
	static const char expected[] = "10000000-10002000 r-xp 00000000 00:00 0 \n"
				       "10002000-10003000 rw-p 00000000 00:00 0          [heap]\n"
				       "10004000-10005000 rw-s 00000000 00:00 0          "
				       "/dev/zero (deleted)\n";
	struct space *space = begin();
	char text[256];
	size_t length;

	KTEST_ASSERT(test, space);
	space_set_brk(space, 0x10002000);
	if (!map(space, 0x10000000, 2, PROT_READ | PROT_EXEC, PRIVATE) ||
	    !map(space, 0x10004000, 1, RW, SHARED) || space_brk(space, 0x10002001) != 0x10002001)
		goto out;
	length = space_maps(space, text, sizeof(text), 0);
	KTEST_EXPECT_EQ(test, length, sizeof(expected) - 1);
	KTEST_EXPECT(test, !memcmp(text, expected, MIN(length, sizeof(expected) - 1)));
	for (size_t skip = 0; skip < sizeof(expected); skip += 7) { /* in pieces */
		length = space_maps(space, text, 7, skip);
		KTEST_EXPECT(test, !memcmp(text, expected + skip, length));
		KTEST_EXPECT_EQ(test, length, MIN(7, sizeof(expected) - 1 - skip));
	}
	space_describe(space, 0x10002123, text, sizeof(text));
	KTEST_EXPECT(test, !strcmp(text, "heap 0x10002000-0x10003000 rw-p"));
out:
	end(test, space);
}

/* --- any order ----------------------------------------------------------------------------- */

static uint32_t random_below(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

/* One call with arguments that overlap what is there. */
static void call_at_random(struct space *space, uint32_t *seed)
{
	uint32_t addr = 0x103f0000 + random_below(seed, 40) * PAGE_SIZE; /* about a table's end */
	uint32_t size = (1 + random_below(seed, 8)) * PAGE_SIZE;
	uint32_t prot = random_below(seed, 4);

	switch (random_below(seed, 8)) {
	case 0:
	case 1:
		map(space, addr, size / PAGE_SIZE, prot, random_below(seed, 4) ? PRIVATE : SHARED);
		break;
	case 2:
		space_unmap(space, addr, size);
		break;
	case 3:
		space_protect(space, addr, size, prot);
		break;
	case 4:
		space_remap(space, &addr, size, (1 + random_below(seed, 8)) * PAGE_SIZE,
			    random_below(seed, 2) * 3,
			    0x103f0000 + random_below(seed, 40) * PAGE_SIZE);
		break;
	case 5:
		space_advise(space, addr, size, random_below(seed, 24));
		break;
	default:
		touch(space, addr, random_below(seed, 2) ? PF_WRITE : 0);
	}
}

KTEST(user_space, stands_calls_in_any_order)
{
	struct space *both[2] = { begin() };
	const char *fault = NULL;
	uint32_t seed = 1;

	KTEST_ASSERT(test, both[0]);
	for (unsigned i = 0; i < 2000 && !fault; i++) {
		unsigned which = random_below(&seed, 2);

		if (both[which])
			space_switch(both[which]);
		if (both[which])
			call_at_random(both[which], &seed);
		if (random_below(&seed, 50))
			continue;
		if (both[1])
			space_put(both[1]);
		both[1] = space_clone(both[0]);
		fault = spaces_check();
	}
	KTEST_ALWAYS(test, !fault);
	if (both[1])
		space_put(both[1]);
	end(test, both[0]);
}
