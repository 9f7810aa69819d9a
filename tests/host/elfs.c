/*
 * ELF headers: reads lines "FILE_SIZE BASE LIMIT HEX", where HEX is the beginning of a file
 * whose rest is zero, and answers each with what the kernel makes of it:
 *
 *     refused ERRNO WORDS
 *     ENTRY HEADERS COUNT END STACK | START FILE_END END OFFSET PROT | …
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/elf.h>

static unsigned char file[1 << 13];
static char hex[2 * sizeof(file) + 1];

static unsigned digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void read_hex(void)
{
	memset(file, 0, sizeof(file));
	for (size_t i = 0; hex[2 * i]; i++)
		file[i] = digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]);
}

/* Program headers in memory of just their size: the sanitizer sees what is read beyond. */
static struct elf_program_header *copy_headers(const struct elf_header *header)
{
	size_t size = header->program_header_count * sizeof(struct elf_program_header);
	struct elf_program_header *copy = malloc(size);

	for (size_t i = 0; i < size; i++) {
		size_t at = (size_t)header->program_headers + i;

		((unsigned char *)copy)[i] = at < sizeof(file) ? file[at] : 0;
	}
	return copy;
}

static void print_program(const struct elf_program *program)
{
	printf("%x %x %u %x %d", program->entry, program->headers, program->header_count,
	       program->end, program->stack_is_code);
	for (unsigned i = 0; i < program->count; i++) {
		const struct elf_segment *segment = &program->segments[i];

		printf(" | %x %x %x %x %x", segment->start, segment->file_end, segment->end,
		       segment->offset, segment->prot);
	}
	printf("\n");
}

int main(void)
{
	unsigned file_size, base, limit;

	while (scanf("%u %x %x %16384s", &file_size, &base, &limit, hex) == 4) {
		struct elf_header header;
		struct elf_program program;
		enum elf_error error;

		read_hex();
		memcpy(&header, file, sizeof(header));
		error = elf_check_header(&header, file_size);
		if (!error) {
			struct elf_program_header *headers = copy_headers(&header);

			error = elf_parse(&header, headers, file_size, base, limit, &program);
			free(headers);
		}
		if (error)
			printf("refused %d %s\n", elf_errno(error), elf_strerror(error));
		else
			print_program(&program);
	}
	return 0;
}
