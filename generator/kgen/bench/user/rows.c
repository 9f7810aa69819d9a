/*
 * The program of `kgen bench --workload user`: what user space costs, measured in ring 3.
 *
 * The clock is RDTSC. QEMU counts instructions by it, the kernel's and the program's, so a
 * reading is exact. A reading encloses one operation; two readings with nothing in between say
 * what reading costs, and that is taken off. A line for each row:
 *
 *     R user.getpid            n=  2000 per=     1 min=        57 med=        57 mean=        58
 *
 *     n      readings                         min, med, mean   of them, in instructions
 *     per    operations in each               (a page, where a reading encloses many)
 *
 * System calls are made by INT 0x80 in place, without the runtime's functions: what those add
 * is not the kernel's. Every row is measured in one child of process 1, in the order that
 * main() has, so a row's figure depends on no choice of rows.
 */
#include <cpu_guard.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u
#define PAGES 1024 /* faults of each kind */
#define LARGE 16384 /* pages: 64 MiB */
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHARED (MAP_SHARED | MAP_ANONYMOUS)

/* --- the clock, and system calls ------------------------------------------------ */

static inline uint32_t now(void)
{
	uint32_t low;

	__asm__ volatile("1: rdtsc" CPU_GUARD(5) : "=a"(low) : : "edx", "memory");
	return low;
}

static inline long call(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(number), "b"(first), "c"(second), "d"(third)
			 : "memory");
	return result;
}

static inline long call0(long number)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "0"(number) : "memory");
	return result;
}

/* mmap2() without a file. Its sixth argument, in EBP, counts for files alone. */
static inline uint8_t *map(uint32_t size, long prot, long flags)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(SYS_mmap2), "b"(0), "c"(size), "d"(prot), "S"(flags), "D"(-1)
			 : "memory");
	return (uint8_t *)result;
}

static inline void unmap(uint8_t *from, uint32_t size)
{
	call(SYS_munmap, (long)from, (long)size, 0);
}

static inline void protect(uint8_t *page, long prot)
{
	call(SYS_mprotect, (long)page, PAGE, prot);
}

static inline void wait_for(long child)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(SYS_wait4), "b"(child), "c"(0), "d"(0), "S"(0)
			 : "memory");
}

static inline void end(void)
{
	call(SYS_exit, 0, 0, 0);
}

static inline void touch(volatile uint8_t *byte)
{
	*byte = 1;
}

/* --- readings, and what comes of them --------------------------------------------- */

static uint32_t readings[LARGE];
static uint32_t overhead; /* of a pair of readings */
static volatile uint32_t *shared; /* a word that children see, too */

/* The operation, `count` times, a reading for each. */
#define MEASURE(count, ...)                                \
	for (uint32_t i = 0; i < (uint32_t)(count); i++) { \
		uint32_t start = now();                    \
                                                           \
		__VA_ARGS__;                               \
		readings[i] = now() - start;               \
	}

/* Shell's sort (Communications of the ACM, July 1959). */
static void sort(uint32_t *values, uint32_t count)
{
	for (uint32_t gap = count / 2; gap; gap /= 2) {
		for (uint32_t i = gap; i < count; i++) {
			uint32_t value = values[i];
			uint32_t at = i;

			for (; at >= gap && values[at - gap] > value; at -= gap)
				values[at] = values[at - gap];
			values[at] = value;
		}
	}
}

static void print(const char *name, uint32_t count, uint32_t per, const uint32_t figures[3])
{
	printf("R %-22s n=%6u per=%6u min=%10u med=%10u mean=%10u\n", name, count, per, figures[0],
	       figures[1], figures[2]);
}

/* The row of the first `count` readings; its median. */
static uint32_t row(const char *name, uint32_t count, uint32_t per)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		readings[i] -= overhead;
		sum += readings[i];
	}
	sort(readings, count);
	if (name)
		print(name, count, per,
		      (uint32_t[]){ readings[0], readings[count / 2], (uint32_t)(sum / count) });
	return readings[count / 2];
}

/* So many pages of memory; without them there is nothing to measure. */
static uint8_t *pages_or_end(uint32_t count)
{
	uint8_t *pages = map(count * PAGE, READ_WRITE, PRIVATE);

	if ((uintptr_t)pages < (uintptr_t)-PAGE)
		return pages;
	printf("rows: no memory for %u pages\n", count);
	_exit(1);
}

/* --- rows --------------------------------------------------------------------------- */

static void calibrate(void)
{
	MEASURE(LARGE, ) /* all readings have a frame from now on */
	sort(readings, LARGE);
	overhead = readings[0];
}

static void calls(void)
{
	MEASURE(2000, call0(SYS_getpid))
	row("user.getpid", 2000, 1);
}

static void faults(void)
{
	uint8_t *pages = pages_or_end(PAGES);

	MEASURE(PAGES, touch(pages + i * PAGE))
	row("user.zero", PAGES, 1);
	unmap(pages, PAGES * PAGE);

	pages = pages_or_end(PAGES);
	MEASURE(PAGES, (void)*(volatile uint8_t *)(pages + i * PAGE))
	row("user.read", PAGES, 1);
	unmap(pages, PAGES * PAGE);
}

static void large(void)
{
	uint8_t *pages = pages_or_end(LARGE);

	MEASURE(1, for (uint8_t *at = pages; at < pages + LARGE * PAGE; at += PAGE) touch(at))
	row("user.touch", 1, LARGE);
	MEASURE(1, unmap(pages, LARGE * PAGE))
	row("user.unmap", 1, LARGE);
}

/* The child copies what it shares with its parent; then each page has one owner. */
static void copies(void)
{
	uint8_t *pages = pages_or_end(PAGES);
	long child;

	for (uint32_t i = 0; i < PAGES; i++)
		touch(pages + i * PAGE);
	child = call0(SYS_fork);
	if (!child) {
		MEASURE(PAGES, touch(pages + i * PAGE))
		row("user.copy", PAGES, 1);
		end();
	}
	wait_for(child);
	MEASURE(PAGES, touch(pages + i * PAGE))
	row("user.owner", PAGES, 1);
	unmap(pages, PAGES * PAGE);
}

/*
 * A child that ends at once, while the parent has `more` pages; instructions for one. By the
 * runtime's functions, which have frames on the stack: so the child copies one page, as a
 * child does that is worth something.
 */
static uint32_t forked(const char *name, uint32_t more)
{
	uint8_t *pages = pages_or_end(more);
	uint32_t median;

	for (uint32_t i = 0; i < more; i++)
		touch(pages + i * PAGE);
	MEASURE(60, {
		pid_t child = fork();
		int status;

		if (!child)
			_exit(0);
		waitpid(child, &status, 0);
	})
	median = row(name, 60, 1);
	unmap(pages, more * PAGE);
	return median;
}

static void forks(void)
{
	uint32_t few = forked("user.fork", 10);
	uint32_t slope = forked(NULL, 1010) - few;

	print("user.fork_page", 60, 1000, (uint32_t[]){ slope, slope, slope });
}

static void mappings(void)
{
	uint8_t *kept = map(PAGE, READ_WRITE, PRIVATE);

	touch(kept);
	MEASURE(500, unmap(map(PAGE, READ_WRITE, PRIVATE), PAGE))
	row("user.map", 500, 1);
	MEASURE(50, {
		uint8_t *pages = map(256 * PAGE, READ_WRITE, PRIVATE);

		for (uint32_t at = 0; at < 256; at++)
			touch(pages + at * PAGE);
		unmap(pages, 256 * PAGE);
	})
	row("user.map256", 50, 256);
	MEASURE(500, protect(kept, PROT_READ); protect(kept, READ_WRITE))
	row("user.protect", 500, 1);
	unmap(kept, PAGE);
}

static void heap(void)
{
	long first = call(SYS_brk, 0, 0, 0);
	uint8_t *at = (uint8_t *)((first + (long)PAGE - 1) & -(long)PAGE);

	call(SYS_brk, (long)at, 0, 0);
	MEASURE(500, {
		call(SYS_brk, (long)(at + PAGE), 0, 0);
		touch(at);
		at += PAGE;
	})
	row("user.brk", 500, 1);
	call(SYS_brk, first, 0, 0);
}

/* Page after page below the deepest one, in a child: a stack does not shrink. */
static void stack(void)
{
	long child = call0(SYS_fork);

	if (!child) {
		uintptr_t deep = ((uintptr_t)&child & -PAGE) - 64 * PAGE;

		touch((uint8_t *)deep);
		MEASURE(200, touch((uint8_t *)(deep - (i + 1) * PAGE)))
		row("user.stack", 200, 1);
		end();
	}
	wait_for(child);
}

static uint32_t handled; /* the clock when the handler began */
static uint32_t resumed; /* the instruction after the one that faults */

static void on_fault(int number, siginfo_t *info, void *context)
{
	handled = now();
	(void)number;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.eip = resumed;
}

/* Write to `bad`, which the handler skips: the clock before, and after. */
static inline void fault(uint8_t *bad, uint32_t *before, uint32_t *after)
{
	__asm__ volatile("movl $2f, %[resumed]\n"
			 "1: rdtsc" CPU_GUARD(5) "movl %%eax, %[before]\n\t"
						 "movb $1, (%[bad])\n"
						 "2:\n"
						 "1: rdtsc" CPU_GUARD(5) "movl %%eax, %[after]"
			 : [resumed] "=m"(resumed), [before] "=&r"(*before), [after] "=&r"(*after)
			 : [bad] "r"(bad)
			 : "eax", "edx", "memory");
}

static void signals(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
	static uint32_t entered[500];
	uint8_t *gone = map(PAGE, READ_WRITE, PRIVATE);

	unmap(gone, PAGE);
	sigaction(SIGSEGV, &action, NULL);
	for (uint32_t i = 0; i < 500; i++)
		touch((uint8_t *)&entered[i]);
	for (uint32_t i = 0; i < 500; i++) {
		uint32_t before;
		uint32_t after;

		fault(gone, &before, &after);
		readings[i] = after - before;
		entered[i] = handled - before;
	}
	row("user.return", 500, 1);
	for (uint32_t i = 0; i < 500; i++)
		readings[i] = entered[i];
	row("user.signal", 500, 1);
	signal(SIGSEGV, SIG_DFL);
}

static void pointers(void)
{
	int fds[2];

	pipe(fds);
	MEASURE(500, call(SYS_write, fds[1], PAGE, 4)) /* nothing is mapped there */
	row("user.efault", 500, 1);
	close(fds[0]);
	close(fds[1]);
}

static void ping_pong(void)
{
	int there[2];
	int back[2];
	char byte = 1;
	long child;

	pipe(there);
	pipe(back);
	child = call0(SYS_fork);
	if (!child) {
		close(there[1]);
		while (call(SYS_read, there[0], (long)&byte, 1) == 1)
			call(SYS_write, back[1], (long)&byte, 1);
		end();
	}
	MEASURE(1000, {
		call(SYS_write, there[1], (long)&byte, 1);
		call(SYS_read, back[0], (long)&byte, 1);
	})
	row("user.pipe", 1000, 1);
	close(there[1]);
	wait_for(child);
}

/* Two processes that let each other go first: there and back, two switches. */
static void turns(void)
{
	long child;

	*shared = 0;
	child = call0(SYS_fork);
	if (!child) {
		while (!*shared)
			call0(SYS_sched_yield);
		end();
	}
	for (uint32_t i = 0; i < 100; i++)
		call0(SYS_sched_yield);
	MEASURE(2000, call0(SYS_sched_yield))
	*shared = 1;
	row("user.yield", 2000, 1);
	wait_for(child);
}

/* A loop that reads the clock: a gap of twice the usual one, or more, had a tick in it. */
static void ticks(void)
{
	uint32_t last = now();
	uint32_t count = 0;

	while (count < 200) {
		uint32_t this = now();
		uint32_t gap = this - last;

		last = this;
		if (gap > 2 * overhead + 20)
			readings[count++] = gap;
	}
	row("user.tick", 200, 1);
}

/* From the call to the first instruction of the program that it starts (first.S). */
static void programs(void)
{
	static const char path[] = "/first";
	int fds[2];

	pipe(fds);
	for (uint32_t i = 0; i < 60; i++) {
		long child = call0(SYS_fork);
		uint32_t began = 0;

		if (!child) {
			const char *arguments[] = { path, NULL };
			const char *environment[] = { NULL };

			dup2(fds[1], 1);
			*shared = now();
			call(SYS_execve, (long)path, (long)arguments, (long)environment);
			end();
		}
		read(fds[0], &began, sizeof(began));
		readings[i] = began - *shared;
		wait_for(child);
	}
	row("user.exec", 60, 1);
}

int main(void)
{
	int status = -1;
	pid_t child;

	shared = (uint32_t *)map(PAGE, READ_WRITE, SHARED);
	child = fork();
	if (!child) {
		calibrate();
		calls();
		faults();
		large();
		copies();
		forks();
		mappings();
		heap();
		stack();
		signals();
		pointers();
		ping_pong();
		turns();
		ticks();
		programs();
		return 0;
	}
	waitpid(child, &status, 0);
	return status != 0;
}
