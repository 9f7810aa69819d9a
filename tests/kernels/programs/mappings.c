/* mmap, munmap, mremap, mincore, madvise: parts, holes, corners, and what is wrong. */
#include "check.h"

static long raw_map(uint32_t at, uint32_t n, int prot, int flags)
{
	return syscall_raw(SYS_mmap2, at, n, prot, flags, -1, 0);
}

static bool is_mapped(const void *at)
{
	unsigned char in;

	return syscall_raw(SYS_mincore, at, PAGE, &in) == 0;
}

static void wrong_arguments(void)
{
	uint8_t *at = pages(2, RW);

	check_fails(raw_map(0, 0, RW, ANON), EINVAL, "mmap of nothing");
	check_fails(raw_map(0, 0xffffffff, RW, ANON), ENOMEM, "mmap of all addresses");
	check_fails(raw_map(0, 0xfffff000, RW, ANON), ENOMEM, "mmap of all but a page");
	check_fails(raw_map(0, PAGE, RW, MAP_ANONYMOUS), EINVAL, "mmap neither private nor shared");
	check_fails(raw_map((uint32_t)at + 1, PAGE, RW, ANON | MAP_FIXED), EINVAL,
		    "mmap fixed at an odd address");
	check_fails(raw_map(0xfffff000, PAGE, RW, ANON | MAP_FIXED), ENOMEM,
		    "mmap fixed at the last page");
	check_fails(raw_map(KERNEL - PAGE, 0x80000000, RW, ANON | MAP_FIXED), ENOMEM,
		    "mmap fixed that wraps");
	check_fails(syscall_raw(SYS_mmap2, 0, PAGE, RW, MAP_PRIVATE, 77, 0), EBADF,
		    "mmap of no descriptor");
	check_fails(syscall_raw(SYS_munmap, at + 1, PAGE), EINVAL, "munmap at an odd address");
	check_fails(syscall_raw(SYS_munmap, at, 0), EINVAL, "munmap of nothing");
	check_fails(syscall_raw(SYS_munmap, at, 0xffffffff), EINVAL, "munmap whose length wraps");
	check_fails(syscall_raw(SYS_munmap, at, 0xfffff000), EINVAL, "munmap of all but a page");
	check_fails(syscall_raw(SYS_munmap, 0xfffff000, PAGE), EINVAL, "munmap of the last page");
	check(at[0] == 0 && at[PAGE] == 0, "and all is still there");
	check_fails(syscall_raw(SYS_mincore, at + 1, PAGE, at), EINVAL,
		    "mincore at an odd address");
	check_fails(syscall_raw(SYS_mincore, at, PAGE, 16), EFAULT, "mincore to page 0");
	check_fails(syscall_raw(SYS_madvise, at + 1, PAGE, MADV_DONTNEED), EINVAL,
		    "madvise at an odd address");
	check_fails(syscall_raw(SYS_madvise, at, PAGE, 999), EINVAL, "madvise of unknown advice");
	munmap(at, 2 * PAGE);
}

static void parts(void)
{
	uint8_t *at = pages(5, RW);

	for (unsigned i = 0; i < 5; i++)
		at[i * PAGE] = (uint8_t)(i + 1);
	check(munmap(at + 2 * PAGE, 1) == 0, "munmap of the middle");
	check_killed(do_read, at + 2 * PAGE, SIGSEGV, "which is gone");
	check(at[PAGE] == 2 && at[3 * PAGE] == 4, "its neighbours are there");
	check(munmap(at + PAGE, 3 * PAGE) == 0, "munmap across a hole");
	check_killed(do_read, at + PAGE, SIGSEGV, "what was in front of it");
	check_killed(do_read, at + 3 * PAGE, SIGSEGV, "and past it");
	check(at[0] == 1 && at[4 * PAGE] == 5, "the ends are there");
	check(munmap(at, 5 * PAGE) == 0, "munmap of what is mostly a hole");
	check(munmap(at, 5 * PAGE) == 0, "munmap of a hole");
	check(raw_map((uint32_t)at + 2 * PAGE, PAGE, RW, ANON) == (long)(at + 2 * PAGE),
	      "a hint at a hole is followed");
	check(at[2 * PAGE] == 0, "and the page is zero");
	munmap(at, 5 * PAGE);
}

static void fixed(void)
{
	uint8_t *at = pages(6, RW);
	uint8_t *other = at + 2 * PAGE;
	uint32_t hint;

	memset(at, 7, 6 * PAGE);
	mprotect(other, PAGE, PROT_READ);
	hint = (uint32_t)raw_map((uint32_t)at, PAGE, RW, ANON);
	check(hint % PAGE == 0 && hint != (uint32_t)at && at[0] == 7,
	      "a hint at a live mapping harms nothing");
	munmap((void *)hint, PAGE);
	check(raw_map((uint32_t)at + PAGE, 4 * PAGE, RW, ANON | MAP_FIXED) == (long)at + (long)PAGE,
	      "MAP_FIXED over several areas");
	check(all_are(at + PAGE, 4 * PAGE, 0), "they are new");
	check(all_are(at, PAGE, 7) && all_are(at + 5 * PAGE, PAGE, 7), "their neighbours are not");
	check(raw_map((uint32_t)at + PAGE, 4 * PAGE, RW, ANON | MAP_FIXED) == (long)at + (long)PAGE,
	      "a mapping over itself");
	check_fails(raw_map((uint32_t)at, PAGE, RW, ANON | MAP_FIXED_NOREPLACE), EEXIST,
		    "MAP_FIXED_NOREPLACE over a mapping");
	check(all_are(at, PAGE, 7), "which is as it was");
	munmap(at, 6 * PAGE);
}

static void over_code(void *unused)
{
	uint32_t here = (uint32_t)over_code & ~(PAGE - 1);

	(void)unused;
	raw_map(here, PAGE, RW, ANON | MAP_FIXED);
	/* the code here is zeros now: add %al, (%eax), on whatever EAX is */
	__asm__ volatile("xorl %eax, %eax");
	for (;;)
		;
}

static void shared(void)
{
	uint8_t *at = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();

	if (!child) {
		at[0] = 1;
		at[PAGE] = 2; /* nobody touched it before the fork */
		_exit(0);
	}
	waitpid(child, NULL, 0);
	check(at[0] == 1, "shared memory is seen by the parent");
	check(at[PAGE] == 2, "also a page that came after the fork");
	munmap(at, 2 * PAGE);
}

static void remapped(void)
{
	uint8_t *at = pages(8, RW);
	uint8_t *grown;

	memset(at, 3, 4 * PAGE);
	munmap(at + 4 * PAGE, 4 * PAGE);
	grown = mremap(at, 4 * PAGE, 8 * PAGE, 0);
	check(grown == at, "mremap grows in place");
	check(all_are(at, 4 * PAGE, 3) && all_are(at + 4 * PAGE, 4 * PAGE, 0),
	      "with what was there, and zeros");
	check(mremap(at, 8 * PAGE, 2 * PAGE, 0) == at, "mremap shrinks in place");
	check_killed(do_read, at + 2 * PAGE, SIGSEGV, "what was cut off");
	raw_map((uint32_t)at + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED);
	mprotect(at + 2 * PAGE, PAGE, PROT_READ);
	check_fails(syscall_raw(SYS_mremap, at, 2 * PAGE, 64 * PAGE, 0, 0), ENOMEM,
		    "mremap that has no room");
	grown = mremap(at, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	check(grown != MAP_FAILED && grown != at, "mremap moves");
	check(all_are(grown, 2 * PAGE, 3) && all_are(grown + 2 * PAGE, 62 * PAGE, 0),
	      "with what was there, and zeros");
	check_killed(do_read, at, SIGSEGV, "where it was");
	check_fails(syscall_raw(SYS_mremap, at, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0), EFAULT,
		    "mremap of a hole");
	check_fails(syscall_raw(SYS_mremap, grown + 1, PAGE, PAGE, 0, 0), EINVAL,
		    "mremap at an odd address");
	check_fails(syscall_raw(SYS_mremap, grown, PAGE, 0, 0, 0), EINVAL, "mremap to nothing");
	check_fails(syscall_raw(SYS_mremap, grown, 64 * PAGE, 0xf8000000, MREMAP_MAYMOVE, 0),
		    ENOMEM, "mremap to nearly 4 GiB");
	check_fails(syscall_raw(SYS_mremap, grown, 63 * PAGE, 64 * PAGE, MREMAP_FIXED, at), EINVAL,
		    "mremap to a place without MREMAP_MAYMOVE");
	munmap(grown, 64 * PAGE);
	munmap(at + 2 * PAGE, PAGE);
}

static void residence(void)
{
	uint8_t *at = pages(4, RW);
	unsigned char in[4];

	at[0] = 1;
	do_read(at + 2 * PAGE);
	check(mincore(at, 4 * PAGE, in) == 0, "mincore");
	check((in[0] & 1) == 1, "a page that was written is there");
	check((in[1] & 1) == 0, "one that was not touched is not");
	check(madvise(at, 4 * PAGE, MADV_DONTNEED) == 0, "MADV_DONTNEED");
	check(mincore(at, 4 * PAGE, in) == 0 && (in[0] & 1) == 0, "nothing is there");
	check(at[0] == 0, "and it reads zero");
	munmap(at, 4 * PAGE);
	check_fails(syscall_raw(SYS_mincore, at, PAGE, in), ENOMEM, "mincore of a hole");
}

static void unreachable(void)
{
	uint8_t *at = pages(1, PROT_NONE);

	check_killed(do_read, at, SIGSEGV, "read of PROT_NONE");
	munmap(at, PAGE);
	check_killed(do_read, NULL, SIGSEGV, "read of page 0");
	if (is_kgen()) {
		check_killed(do_read, (void *)KERNEL, SIGSEGV, "read of the kernel");
		check_killed(do_write, (void *)KERNEL, SIGSEGV, "write to the kernel");
		check_killed(do_read, (void *)0xc0100000, SIGSEGV, "read of the kernel's code");
		check_killed(do_write, (void *)0xffc00000, SIGSEGV, "write to the fixmap");
	}
	check_killed(do_read, (void *)0xfffff000, SIGSEGV, "read of the last page");
	check_killed(do_write, (void *)unreachable, SIGSEGV, "write to code");
	check_killed(over_code, NULL, SIGSEGV, "MAP_FIXED over the code that runs");
}

static void many(void)
{
	uint8_t *at = pages(2 * 512, RW);
	unsigned holes = 0;

	for (unsigned i = 0; i < 512; i++)
		holes += munmap(at + (2 * i + 1) * PAGE, PAGE) == 0;
	check(holes == 512, "512 holes make 512 areas");
	for (unsigned i = 0; i < 512; i++)
		at[2 * i * PAGE] = (uint8_t)i;
	for (unsigned i = 0; i < 512; i++)
		holes -= at[2 * i * PAGE] == (uint8_t)i;
	check(holes == 0, "each with what was written");
	check(!is_mapped(at + PAGE) && is_mapped(at + 2 * PAGE), "and holes between them");
	for (unsigned i = 0; i < 512; i++)
		raw_map((uint32_t)at + (2 * i + 1) * PAGE, PAGE, RW, ANON | MAP_FIXED);
	check(mprotect(at, 1024 * PAGE, PROT_READ) == 0, "filled again they are one");
	check(munmap(at, 1024 * PAGE) == 0, "which goes at once");
}

int main(void)
{
	wrong_arguments();
	parts();
	fixed();
	shared();
	remapped();
	residence();
	unreachable();
	many();
	return verdict();
}
