/*
 * What a program is given: strings, and the first words of its stack.
 *
 * The stack of a program that starts, as the System V ABI for the i386 has it and Linux
 * fills it:
 *
 *     USER_END     ┌──────────────────────────────┐
 *                  │ 0                            │
 *                  │ path, for AT_EXECFN          │
 *                  │ strings of the environment   │
 *                  │ strings of the arguments     │
 *                  │ "i386", 16 random bytes      │
 *                  │ (up to 12 bytes of nothing)  │
 *                  │ auxiliary vector, AT_NULL    │
 *                  │ environment's addresses, 0   │
 *                  │ arguments' addresses, 0      │
 *     ESP, 16 | → │ number of arguments          │
 *                  └──────────────────────────────┘
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/timer.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <user/exec.h>
#include <user/random.h>
#include <user/uaccess.h>

#define AT_NULL 0
#define AT_PHDR 3
#define AT_PHENT 4
#define AT_PHNUM 5
#define AT_PAGESZ 6
#define AT_BASE 7
#define AT_FLAGS 8
#define AT_ENTRY 9
#define AT_UID 11
#define AT_EUID 12
#define AT_GID 13
#define AT_EGID 14
#define AT_PLATFORM 15
#define AT_HWCAP 16
#define AT_CLKTCK 17
#define AT_SECURE 23
#define AT_RANDOM 25
#define AT_EXECFN 31

#define PLATFORM "i386"
#define PLATFORM_SIZE 8
#define RANDOM_SIZE 16

/* --- strings ---------------------------------------------------------------------- */

/* Bytes that all pointers take. */
static size_t pointers(const struct program_arguments *arguments)
{
	return (arguments->argc + arguments->envc + 3) * sizeof(uint32_t);
}

/* Room for more bytes of text. */
static int32_t grow(struct program_arguments *arguments, size_t more)
{
	size_t wanted = arguments->used + more;
	size_t size = MAX(arguments->size * 2, 512u);
	char *text;

	if (wanted + pointers(arguments) > ARGUMENTS_MAX)
		return -E2BIG;
	if (wanted <= arguments->size)
		return 0;
	while (size < wanted)
		size *= 2;
	text = krealloc(arguments->text, size);
	if (!text)
		return -ENOMEM;
	arguments->text = text;
	arguments->size = size;
	return 0;
}

int32_t arguments_add(struct program_arguments *arguments, const char *text)
{
	size_t size = strlen(text) + 1;
	int32_t error = grow(arguments, size);

	if (error)
		return error;
	memcpy(arguments->text + arguments->used, text, size);
	arguments->used += size;
	return 0;
}

/* A string of the current program's. */
static int32_t add_from_user(struct program_arguments *arguments, uint32_t from)
{
	int32_t length;
	int32_t error = grow(arguments, 64);

	while (!error) {
		length = string_from_user(arguments->text + arguments->used, from,
					  arguments->size - arguments->used);
		if (length != -ENAMETOOLONG)
			break;
		error = grow(arguments, arguments->size - arguments->used + 1);
	}
	if (error)
		return error;
	if (length < 0)
		return length;
	arguments->used += length + 1;
	return grow(arguments, 0); /* the limit holds for the pointers, too */
}

int32_t arguments_read(struct program_arguments *arguments, uint32_t array, unsigned *count)
{
	if (!array)
		return 0;
	for (;; array += sizeof(uint32_t)) {
		uint32_t from;
		int32_t error = copy_from_user(&from, array, sizeof(from));

		if (error || !from)
			return error;
		error = add_from_user(arguments, from);
		if (error)
			return error;
		++*count;
	}
}

int32_t arguments_replace_first(struct program_arguments *arguments, const char *interpreter,
				const char *option, const char *script)
{
	size_t skip = arguments->argc ? strlen(arguments->text) + 1 : 0;
	struct program_arguments new = { .argc = MAX(arguments->argc, 1u) + (*option ? 2 : 1),
					 .envc = arguments->envc };
	int32_t error = arguments_add(&new, interpreter);

	if (!error && *option)
		error = arguments_add(&new, option);
	if (!error)
		error = arguments_add(&new, script);
	if (!error)
		error = grow(&new, arguments->used - skip);
	if (error) {
		arguments_free(&new);
		return error;
	}
	if (arguments->used > skip)
		memcpy(new.text + new.used, arguments->text + skip, arguments->used - skip);
	new.used += arguments->used - skip;
	arguments_free(arguments);
	*arguments = new;
	return 0;
}

void arguments_free(struct program_arguments *arguments)
{
	kfree(arguments->text);
	*arguments = (struct program_arguments){ .text = NULL };
}

/* --- the stack -------------------------------------------------------------------- */

/* Addresses of what is on the stack. */
struct places {
	uint32_t path, strings, platform, random, esp;
};

static uint32_t *add_pair(uint32_t *to, uint32_t type, uint32_t value)
{
	*to++ = type;
	*to++ = value;
	return to;
}

#define PAIRS 18

static uint32_t *add_auxiliary(uint32_t *to, const struct elf_program *program,
			       const struct places *places)
{
	uint32_t hwcap = 0;

	//% if cpu.fpu == "x87"
	hwcap = fpu_present(); /* bit 0 */
	//% endif
	to = add_pair(to, AT_HWCAP, hwcap);
	to = add_pair(to, AT_PAGESZ, PAGE_SIZE);
	to = add_pair(to, AT_CLKTCK, TIMER_HZ);
	to = add_pair(to, AT_PHDR, program->headers);
	to = add_pair(to, AT_PHENT, sizeof(struct elf_program_header));
	to = add_pair(to, AT_PHNUM, program->header_count);
	to = add_pair(to, AT_BASE, 0);
	to = add_pair(to, AT_FLAGS, 0);
	to = add_pair(to, AT_ENTRY, program->entry);
	to = add_pair(to, AT_UID, 0);
	to = add_pair(to, AT_EUID, 0);
	to = add_pair(to, AT_GID, 0);
	to = add_pair(to, AT_EGID, 0);
	to = add_pair(to, AT_SECURE, 0);
	to = add_pair(to, AT_RANDOM, places->random);
	to = add_pair(to, AT_EXECFN, places->path);
	to = add_pair(to, AT_PLATFORM, places->platform);
	return add_pair(to, AT_NULL, 0);
}

/* Addresses of `count` strings that begin at *at, of which *text is a copy, and a 0. */
static uint32_t *add_addresses(uint32_t *to, unsigned count, const char **text, uint32_t *at)
{
	while (count--) {
		size_t size = strlen(*text) + 1;

		*to++ = *at;
		*at += size;
		*text += size;
	}
	*to++ = 0;
	return to;
}

/* Map the stack's first pages: those that are filled now, and one more. */
static int32_t map_stack(uint32_t esp, bool is_code)
{
	uint32_t start = (esp & PAGE_MASK) - PAGE_SIZE;
	uint32_t prot = PROT_READ | PROT_WRITE | (is_code ? PROT_EXEC : 0);
	int32_t error = space_map(current->space, &start, USER_END - start, prot,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE,
				  AREA_STACK, NULL, 0);

	return error == -EEXIST ? -EINVAL : error;
}

static int32_t copy_strings(const struct program_arguments *arguments, const char *path,
			    const struct places *places)
{
	char random[RANDOM_SIZE];

	random_bytes(random, sizeof(random));
	if (copy_to_user(places->path, path, strlen(path) + 1) ||
	    copy_to_user(places->strings, arguments->text, arguments->used) ||
	    copy_to_user(places->platform, PLATFORM, sizeof(PLATFORM)) ||
	    copy_to_user(places->random, random, sizeof(random)))
		return -ENOMEM;
	return 0;
}

int32_t stack_build(const struct program_arguments *arguments, const struct elf_program *program,
		    const char *path, uint32_t *esp)
{
	size_t words = 1 + arguments->argc + 1 + arguments->envc + 1 + 2 * PAIRS;
	size_t size = words * sizeof(uint32_t);
	const char *text = arguments->text;
	struct places places;
	uint32_t *vector, *to;
	int32_t error;

	places.path = USER_END - sizeof(uint32_t) - (strlen(path) + 1);
	places.strings = places.path - arguments->used;
	places.platform = ALIGN_DOWN(places.strings - PLATFORM_SIZE, 16);
	places.random = places.platform - RANDOM_SIZE;
	places.esp = ALIGN_DOWN(places.random - size, 16);
	if (USER_END - places.esp > USER_STACK_LIMIT / 2)
		return -E2BIG;
	vector = kmalloc(size);
	if (!vector)
		return -ENOMEM;
	*esp = places.esp;
	to = vector;
	*to++ = arguments->argc;
	to = add_addresses(to, arguments->argc, &text, &places.strings);
	to = add_addresses(to, arguments->envc, &text, &places.strings);
	places.strings -= arguments->used;
	add_auxiliary(to, program, &places);
	error = map_stack(places.esp, program->stack_is_code);
	if (!error)
		error = copy_strings(arguments, path, &places);
	if (!error && copy_to_user(places.esp, vector, size))
		error = -ENOMEM;
	kfree(vector);
	return error;
}
