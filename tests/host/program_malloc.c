/*
 * The user malloc() (program/malloc.c) in random walks against a model, on a kernel that is
 * played here: sbrk(), mmap() and their like are ours, may refuse, and give zeroed memory.
 *
 *     program_malloc SEED STEPS LIMIT OTHERS
 *
 * LIMIT is the bytes that there are in all. With OTHERS somebody else moves the heap's end,
 * too, and has what lies there.
 *
 * Exit status 0, or a line that says what is wrong.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
#define AREA (8u << 20)
#define BLOCKS 300
#define MAPPINGS 64

static void wrong(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void wrong(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

static uint32_t state;

static uint32_t below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % n;
}

/* --- the kernel that is played ----------------------------------------------------- */

static uint8_t area[AREA] __attribute__((aligned(4096)));
static uint32_t end = 20; /* of the heap: not aligned at first */
static uint32_t limit;
static bool refused; /* since the last call of the model's */
static unsigned maps;
static uint32_t mapped;

void *sbrk(intptr_t more)
{
	uint32_t before = end;
	uint32_t now = end + (uint32_t)more;

	if (more > 0 && (now > AREA || now + mapped > limit)) {
		refused = true;
		errno = ENOMEM;
		return (void *)-1;
	}
	if (now < 20 || now > AREA)
		wrong("sbrk(%d): the heap ends before it begins", (int)more);
	if (more < 0)
		memset(area + now, 0xdb, before - now); /* nobody has it any more */
	else
		memset(area + before, 0, now - before);
	end = now;
	return area + before;
}

void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	long result;

	if (size % PAGE || end + mapped + size > limit) {
		refused = true;
		errno = ENOMEM;
		return MAP_FAILED;
	}
	result = syscall_raw(SYS_mmap2, at, size, prot, flags, fd, offset);
	maps++;
	mapped += size;
	return (void *)result;
}

int munmap(void *at, size_t size)
{
	if ((uintptr_t)at % PAGE || size % PAGE || !size)
		wrong("munmap(%p, %u)", at, (unsigned)size);
	maps--;
	mapped -= size;
	return (int)syscall_raw(SYS_munmap, at, size);
}

void *mremap(void *at, size_t old, size_t size, int flags, ...)
{
	if (end + mapped - old + size > limit) {
		refused = true;
		errno = ENOMEM;
		return MAP_FAILED;
	}
	mapped += size - old;
	return (void *)syscall_raw(SYS_mremap, at, old, size, flags, 0);
}

/* Somebody else's part of the heap. */
#define OTHERS 100

static struct {
	uint8_t *at;
	uint32_t size;
} others[OTHERS];

static unsigned other_count;

static void take_for_others(void)
{
	uint32_t size = below(9000) + 1;

	if (other_count == OTHERS || end + mapped + size > limit || end + size > AREA)
		return;
	others[other_count].at = sbrk((intptr_t)size);
	others[other_count].size = size;
	memset(others[other_count++].at, 0x99, size);
}

static void look_at_others(void)
{
	for (unsigned i = 0; i < other_count; i++)
		for (uint32_t at = 0; at < others[i].size; at++)
			if (others[i].at[at] != 0x99)
				wrong("it writes to what is somebody else's");
}

/* --- what must end the program ------------------------------------------------------- */

static jmp_buf caught;
static bool expected;

void abort(void)
{
	if (!expected)
		wrong("malloc() ended the program");
	longjmp(caught, 1);
}

int dprintf(int fd, const char *restrict format, ...)
{
	(void)fd;
	return (int)strlen(format);
}

static void must_refuse(void *block, const char *what)
{
	const char *fault;

	expected = true;
	if (!setjmp(caught)) {
		free(block);
		wrong("free() accepts %s", what);
	}
	expected = false;
	fault = malloc_check();
	if (fault)
		wrong("after free() of %s: %s", what, fault);
}

/* --- the model ------------------------------------------------------------------------- */

static struct {
	uint8_t *at;
	uint32_t size;
	uint8_t byte;
} blocks[BLOCKS];

static uint32_t live;
static bool with_others;

static void look(unsigned i)
{
	for (uint32_t at = 0; at < blocks[i].size; at++)
		if (blocks[i].at[at] != (uint8_t)(blocks[i].byte + at))
			wrong("byte %u of a block of %u was changed", at, blocks[i].size);
}

static void note(unsigned i, uint8_t *at, uint32_t size, uint32_t alignment)
{
	if ((uintptr_t)at % alignment)
		wrong("%p is not aligned to %u", at, alignment);
	if (malloc_usable_size(at) < size)
		wrong("%u bytes of %u are usable", (unsigned)malloc_usable_size(at), size);
	size = (uint32_t)malloc_usable_size(at) < size + 64 ? (uint32_t)malloc_usable_size(at) :
							      size;
	for (unsigned j = 0; j < BLOCKS; j++)
		if (blocks[j].at && j != i && at < blocks[j].at + blocks[j].size &&
		    blocks[j].at < at + size)
			wrong("%p of %u bytes overlaps %p", at, size, blocks[j].at);
	blocks[i].at = at;
	blocks[i].size = size;
	blocks[i].byte = (uint8_t)below(256);
	for (uint32_t j = 0; j < size; j++)
		at[j] = (uint8_t)(blocks[i].byte + j);
	live += size;
}

static void drop(unsigned i)
{
	look(i);
	live -= blocks[i].size;
	blocks[i].at = NULL;
}

static uint32_t some_size(void)
{
	switch (below(16)) {
	case 0:
		return below(400000);
	case 1:
		return 131072 - 16 + below(32); /* where mappings begin */
	case 2:
		return below(30000);
	case 3:
		return below(17);
	case 4:
		return 240 + below(32); /* where bins change */
	default:
		return below(1000);
	}
}

static bool is_justified(const char *what, uint32_t size)
{
	if (!refused || errno != ENOMEM)
		wrong("%s of %u bytes returns NULL, and nobody refused", what, size);
	return true;
}

static void allocate(unsigned i)
{
	uint32_t size = some_size();
	uint32_t alignment = 8;
	uint8_t *at;

	switch (below(8)) {
	case 0:
		alignment = 8u << below(8);
		at = aligned_alloc(alignment, size);
		break;
	case 1:
	case 2:
		at = calloc(size / 4, 4);
		size -= size % 4;
		for (uint32_t j = 0; at && j < size; j++)
			if (at[j])
				wrong("calloc() of %u bytes: byte %u is %u", size, j, at[j]);
		break;
	default:
		at = malloc(size);
	}
	if (at || !is_justified("an allocation", size))
		note(i, at, size, alignment);
}

static void resize(unsigned i)
{
	uint32_t size = below(3) ? some_size() : blocks[i].size + below(200);
	uint32_t kept = size < blocks[i].size ? size : blocks[i].size;
	uint8_t byte = blocks[i].byte;
	uint8_t *at;

	look(i);
	at = realloc(blocks[i].at, size);
	if (!at) {
		is_justified("realloc()", size);
		look(i);
		return;
	}
	live -= blocks[i].size;
	blocks[i].at = NULL;
	for (uint32_t j = 0; j < kept; j++)
		if (at[j] != (uint8_t)(byte + j))
			wrong("realloc() to %u bytes lost byte %u", size, j);
	note(i, at, size, 8);
}

static void step(void)
{
	unsigned i = below(BLOCKS);
	const char *fault;

	refused = false;
	errno = 0;
	if (!below(500) && with_others)
		take_for_others();
	if (!blocks[i].at) {
		allocate(i);
	} else if (!below(3)) {
		resize(i);
	} else {
		uint8_t *at = blocks[i].at;

		drop(i);
		free(at);
	}
	fault = malloc_check();
	if (fault)
		wrong("malloc_check(): %s", fault);
}

static void mistakes(void)
{
	uint8_t *one = malloc(100);
	uint8_t *two = malloc(100);
	uint8_t *three = malloc(100);
	uint32_t kept;
	static uint32_t fake[64] __attribute__((aligned(8)));

	fake[1] = 32 | 3; /* looks like a chunk in use, after one in use */
	fake[9] = 32 | 3;
	must_refuse(&fake[2], "what is not of the heap");
	must_refuse(one + 4, "the middle of a block");
	must_refuse(one + 1, "an odd address");
	must_refuse(end + area, "what lies past the heap");
	free(two);
	must_refuse(two, "a block that was freed");
	free(one);
	must_refuse(two, "a block that was freed and merged");
	one = malloc(100);
	kept = ((uint32_t *)one)[-1];
	((uint32_t *)one)[-1] = 0x7ffffff3;
	expected = true;
	if (!setjmp(caught)) {
		free(one);
		wrong("free() accepts an overwritten header");
	}
	expected = false;
	((uint32_t *)one)[-1] = kept;
	free(one);
	free(three);
	free(NULL);
	if (malloc(0xffffffff) || malloc(0x80000000) || calloc(0x10000, 0x10000) ||
	    aligned_alloc(24, 8) || aligned_alloc(0x40000000, 0x40000000))
		wrong("impossible sizes are allocated");
}

int main(int argc, char **argv)
{
	uint32_t steps;
	uint32_t footprint = 0;
	uint32_t most = 0;

	if (argc < 5)
		return 2;
	with_others = atoi(argv[4]);
	state = (uint32_t)atoi(argv[1]) * 2654435761u + 1;
	steps = (uint32_t)atoi(argv[2]);
	limit = (uint32_t)atoi(argv[3]);
	mistakes();
	for (uint32_t i = 0; i < steps; i++) {
		step();
		if (live > most) {
			most = live;
			footprint = end + mapped;
		}
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		uint8_t *at = blocks[i].at;

		if (at) {
			drop(i);
			free(at);
		}
	}
	if (malloc_check())
		wrong("at the end: %s", malloc_check());
	if (maps || mapped)
		wrong("%u mappings are left", maps);
	look_at_others();
	if (!with_others && end > 20 * PAGE)
		wrong("%u bytes of the heap are left", end);
	printf("live %u footprint %u left %u\n", most, footprint, end);
	return 0;
}
