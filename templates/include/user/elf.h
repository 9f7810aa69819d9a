/*
 * ELF executables: what a file says of itself, checked. Pure: no memory, no files; also
 * built on the host. Structures as in the System V ABI, chapter 4 and 5.
 */
#ifndef USER_ELF_H
#define USER_ELF_H

#include <user/errno.h>

struct elf_header {
	uint8_t magic[4]; /* 0x7f E L F */
	uint8_t class, data, version;
	uint8_t rest[9];
	uint16_t type, machine;
	uint32_t version_again;
	uint32_t entry, program_headers, section_headers, flags;
	uint16_t size, program_header_size, program_header_count;
	uint16_t section_header_size, section_header_count, names;
};

struct elf_program_header {
	uint32_t type, offset, address, physical, file_size, memory_size, flags, align;
};

#define ELF_HEADERS_MAX 64 /* program headers */
#define ELF_SEGMENTS_MAX 16 /* of them, those to be loaded */

/* Where a part of the file goes: [start, file_end) from `offset`, and zeros up to `end`. */
struct elf_segment {
	uint32_t start, file_end, end;
	uint32_t offset;
	uint32_t prot; /* PROT_* */
};

/* All that is needed to load it. */
struct elf_program {
	uint32_t entry;
	uint32_t headers; /* where the program headers are in memory; 0: nowhere */
	uint32_t header_count;
	uint32_t end; /* of the highest segment */
	bool stack_is_code;
	unsigned count;
	struct elf_segment segments[ELF_SEGMENTS_MAX]; /* in order of addresses */
};

enum elf_error {
	ELF_OK = 0,
	ELF_ERR_MAGIC,
	ELF_ERR_CLASS,
	ELF_ERR_MACHINE,
	ELF_ERR_TYPE,
	ELF_ERR_HEADERS,
	ELF_ERR_INTERPRETER,
	ELF_ERR_NOTHING,
	ELF_ERR_MANY,
	ELF_ERR_FILE,
	ELF_ERR_SIZE,
	ELF_ERR_WRAP,
	ELF_ERR_ALIGN,
	ELF_ERR_NULL,
	ELF_ERR_KERNEL,
	ELF_ERR_OVERLAP,
	ELF_ERR_ENTRY,
	ELF_ERRORS,
};

/* Check the header of a file of `file_size` bytes: whether there are program headers to read. */
enum elf_error elf_check_header(const struct elf_header *header, uint32_t file_size);

/*
 * Check the program headers of a header that elf_check_header() is content with, and say
 * where the segments go. A position-independent program goes to `base` or a little above,
 * as alignment wants it; nothing reaches `limit`.
 */
enum elf_error elf_parse(const struct elf_header *header,
			 const struct elf_program_header *program_headers, uint32_t file_size,
			 uint32_t base, uint32_t limit, struct elf_program *program);

/* What an error means, in words, and as execve()'s negative errno. */
const char *elf_strerror(enum elf_error error);
int32_t elf_errno(enum elf_error error);

#endif /* USER_ELF_H */
