/*
 * Reads archives with the kernel's user/cpio.c. Each line of input is one, in hexadecimal;
 * the answer is one line: an item for each entry, then how it ended.
 *
 *     mode:links:content:size:name  …  END        the name in hexadecimal
 *
 * Each archive is in a block of memory of its own size, so that a read outside is seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/cpio.h>

static unsigned char *bytes;

static void read_bytes(const struct cpio *cpio, uint32_t offset, void *to, size_t n)
{
	(void)cpio;
	memcpy(to, bytes + offset, n);
}

static void tell_entry(const struct cpio_entry *entry)
{
	printf("%o:%u:%u:%u:", entry->mode, entry->links, entry->content, entry->size);
	for (const char *c = entry->name; *c; c++)
		printf("%02x", (unsigned char)*c);
	printf(" ");
}

/* As an archive of `size` bytes; the sanitizer sees what is read past them. */
static void tell(uint32_t size)
{
	static const char *const ends[] = { "OK", "END", "NAME", "CUT", "HEADER" };
	struct cpio cpio = { read_bytes, 0, size, 0 };
	struct cpio_entry entry;
	enum cpio_error error;
	uint32_t before;

	do {
		before = cpio.next;
		error = cpio_next(&cpio, &entry);
		if (error == CPIO_OK)
			tell_entry(&entry);
		else if (error == CPIO_NAME)
			printf("NAME ");
		if (cpio.next > size || (error <= CPIO_NAME && error != CPIO_END && cpio.next <= before))
			abort();
	} while (error == CPIO_OK || error == CPIO_NAME);
	printf("%s\n", ends[error]);
}

int main(void)
{
	static char line[1 << 20];

	while (fgets(line, sizeof(line), stdin)) {
		size_t size = strcspn(line, "\n") / 2;

		bytes = malloc(size ? size : 1);
		for (size_t i = 0; i < size; i++) {
			unsigned byte;

			if (sscanf(line + 2 * i, "%2x", &byte) != 1)
				return 2;
			bytes[i] = (unsigned char)byte;
		}
		tell((uint32_t)size);
		free(bytes);
	}
	return 0;
}
