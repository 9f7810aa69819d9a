/*
 * An ELF file's headers, and whether a program can be made of them.
 *
 * A segment is a part of the file that appears in memory:
 *
 *     file      |      ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒|..........
 *                      offset              offset + file_size
 *
 *     memory    |......▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒|0000000000|
 *               page   start               file_end   end
 *
 * It is mapped by pages, so offset and start are the same modulo PAGE_SIZE, and the page
 * that it begins in shows what is in front of it in the file. Linkers let two segments
 * meet in one page of memory; that is fine only if both show the same page of the file
 * there, and the lower one has no zeros.
 *
 * Headers come from a file that anybody wrote. Each number is checked before it is used:
 * first the header, then each segment by itself, then all against each other, the entry at
 * last.
 *
 * Concurrency: none needed; nothing is kept.
 */
#include <user/elf.h>

#define CLASS_32 1
#define DATA_LITTLE 1
#define TYPE_EXEC 2
#define TYPE_DYN 3
#define MACHINE_386 3
#define PT_LOAD 1
#define PT_INTERP 3
#define PT_PHDR 6
#define PT_GNU_STACK 0x6474e551
#define PF_X 1
#define PF_W 2
#define PF_R 4
#define READ 1 /* PROT_* */
#define WRITE 2
#define EXEC 4
#define ALIGN_MAX 0x400000 /* a larger alignment of what is position-independent is not heeded */

_Static_assert(sizeof(struct elf_header) == 52, "Elf32_Ehdr");
_Static_assert(sizeof(struct elf_program_header) == 32, "Elf32_Phdr");

/* Words, and execve()'s error, by enum elf_error. */
static const struct {
	const char *text;
	int32_t code;
} errors[ELF_ERRORS] = {
	[ELF_OK] = { "nothing is wrong", 0 },
	[ELF_ERR_MAGIC] = { "not an ELF file", -ENOEXEC },
	[ELF_ERR_CLASS] = { "not an ELF file of 32 bits, little-endian, version 1", -ENOEXEC },
	[ELF_ERR_MACHINE] = { "for another machine than an i386", -ENOEXEC },
	[ELF_ERR_TYPE] = { "an ELF file, but not an executable", -ENOEXEC },
	[ELF_ERR_HEADERS] = { "its program headers are not in the file, or not of their size",
			      -ENOEXEC },
	[ELF_ERR_INTERPRETER] = { "wants an interpreter: link it with -static", -ENOENT },
	[ELF_ERR_NOTHING] = { "has no segment to load", -ENOEXEC },
	[ELF_ERR_MANY] = { "has more segments than 16", -ENOEXEC },
	[ELF_ERR_FILE] = { "a segment is not in the file", -ENOEXEC },
	[ELF_ERR_SIZE] = { "a segment has more bytes in the file than in memory", -EINVAL },
	[ELF_ERR_WRAP] = { "a segment runs over the end of addresses", -EINVAL },
	[ELF_ERR_ALIGN] = { "a segment's address and offset differ modulo a page", -EINVAL },
	[ELF_ERR_NULL] = { "a segment is in page 0", -EINVAL },
	[ELF_ERR_KERNEL] = { "a segment is in the kernel's half", -EINVAL },
	[ELF_ERR_OVERLAP] = { "segments overlap", -EINVAL },
	[ELF_ERR_ENTRY] = { "its entry is in no segment", -EINVAL },
};

const char *elf_strerror(enum elf_error error)
{
	return error < ELF_ERRORS ? errors[error].text : "unknown";
}

int32_t elf_errno(enum elf_error error)
{
	return error < ELF_ERRORS ? errors[error].code : -ENOEXEC;
}

enum elf_error elf_check_header(const struct elf_header *header, uint32_t file_size)
{
	uint32_t headers = header->program_header_count * sizeof(struct elf_program_header);

	if (file_size < 4 || header->magic[0] != 0x7f || header->magic[1] != 'E' ||
	    header->magic[2] != 'L' || header->magic[3] != 'F')
		return ELF_ERR_MAGIC;
	if (file_size < sizeof(*header) || header->class != CLASS_32 ||
	    header->data != DATA_LITTLE || header->version != 1)
		return ELF_ERR_CLASS;
	if (header->machine != MACHINE_386)
		return ELF_ERR_MACHINE;
	if (header->type != TYPE_EXEC && header->type != TYPE_DYN)
		return ELF_ERR_TYPE;
	if (!header->program_header_count)
		return ELF_ERR_NOTHING;
	if (header->program_header_size != sizeof(struct elf_program_header) ||
	    header->program_header_count > ELF_HEADERS_MAX || header->program_headers > file_size ||
	    headers > file_size - header->program_headers)
		return ELF_ERR_HEADERS;
	return ELF_OK;
}

/* How far what is position-independent moves: `base`, aligned as its segments want it. */
static uint32_t choose_base(const struct elf_header *header,
			    const struct elf_program_header *program_headers, uint32_t base)
{
	uint32_t align = PAGE_SIZE;

	if (header->type == TYPE_EXEC)
		return 0;
	for (unsigned i = 0; i < header->program_header_count; i++) {
		uint32_t wanted = program_headers[i].align;

		if (program_headers[i].type == PT_LOAD && !(wanted & (wanted - 1)) &&
		    wanted <= ALIGN_MAX)
			align = MAX(align, wanted);
	}
	return ALIGN_UP(base, align);
}

/* One segment by itself. */
static enum elf_error check_segment(const struct elf_program_header *header, uint32_t file_size,
				    uint32_t base, uint32_t limit, struct elf_segment *segment)
{
	uint32_t start = base + header->address;

	if (header->file_size > header->memory_size)
		return ELF_ERR_SIZE;
	if (start < base || header->memory_size > ~start)
		return ELF_ERR_WRAP;
	if (header->offset > file_size || header->file_size > file_size - header->offset)
		return ELF_ERR_FILE;
	if ((start - header->offset) % PAGE_SIZE)
		return ELF_ERR_ALIGN;
	if (start < PAGE_SIZE)
		return ELF_ERR_NULL;
	if (start >= limit || header->memory_size > limit - start)
		return ELF_ERR_KERNEL;
	*segment = (struct elf_segment){
		.start = start,
		.file_end = start + header->file_size,
		.end = start + header->memory_size,
		.offset = header->offset,
		.prot = (header->flags & PF_R ? READ : 0) | (header->flags & PF_W ? WRITE : 0) |
			(header->flags & PF_X ? EXEC : 0),
	};
	return ELF_OK;
}

/* Put a segment in its place among those before it, which are in order. */
static void insert(struct elf_program *program, struct elf_segment segment)
{
	unsigned i = program->count++;

	for (; i && program->segments[i - 1].start > segment.start; i--)
		program->segments[i] = program->segments[i - 1];
	program->segments[i] = segment;
}

/* Two neighbours in order: no byte of both, and no page but one that shows the same of the file. */
static bool collide(const struct elf_segment *low, const struct elf_segment *high)
{
	if (high->start < low->end)
		return true;
	if (ALIGN_DOWN(low->end - 1, PAGE_SIZE) != ALIGN_DOWN(high->start, PAGE_SIZE))
		return false;
	return low->file_end != low->end || high->file_end == high->start ||
	       low->start - low->offset != high->start - high->offset;
}

static enum elf_error check_together(const struct elf_program *program)
{
	bool entry = false;

	for (unsigned i = 0; i < program->count; i++) {
		const struct elf_segment *segment = &program->segments[i];

		if (i && collide(segment - 1, segment))
			return ELF_ERR_OVERLAP;
		entry |= program->entry - segment->start < segment->end - segment->start;
	}
	return entry ? ELF_OK : ELF_ERR_ENTRY;
}

/* Where the program headers are in memory: in the segment that has their part of the file. */
static uint32_t find_headers(const struct elf_header *header, const struct elf_program *program)
{
	uint32_t size = header->program_header_count * sizeof(struct elf_program_header);

	for (unsigned i = 0; i < program->count; i++) {
		const struct elf_segment *segment = &program->segments[i];
		uint32_t at = header->program_headers - segment->offset;
		uint32_t shown = segment->file_end - segment->start;

		if (header->program_headers >= segment->offset && shown >= size &&
		    at <= shown - size)
			return segment->start + at;
	}
	return 0;
}

enum elf_error elf_parse(const struct elf_header *header,
			 const struct elf_program_header *program_headers, uint32_t file_size,
			 uint32_t base, uint32_t limit, struct elf_program *program)
{
	uint32_t move = choose_base(header, program_headers, base);

	*program = (struct elf_program){
		.entry = header->entry + move,
		.header_count = header->program_header_count,
		.stack_is_code = true, /* unless a header says otherwise */
	};
	for (unsigned i = 0; i < header->program_header_count; i++) {
		const struct elf_program_header *each = &program_headers[i];
		struct elf_segment segment;
		enum elf_error error;

		if (each->type == PT_INTERP)
			return ELF_ERR_INTERPRETER;
		if (each->type == PT_GNU_STACK)
			program->stack_is_code = each->flags & PF_X;
		if (each->type != PT_LOAD || !each->memory_size)
			continue;
		if (program->count == ELF_SEGMENTS_MAX)
			return ELF_ERR_MANY;
		error = check_segment(each, file_size, move, limit, &segment);
		if (error)
			return error;
		insert(program, segment);
	}
	if (!program->count)
		return ELF_ERR_NOTHING;
	program->end = program->segments[program->count - 1].end;
	program->headers = find_headers(header, program);
	return check_together(program);
}
