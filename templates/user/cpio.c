/*
 * cpio archives, "new ASCII".
 *
 * An archive is a row of entries. Each has a header of 110 ASCII characters, a name, and
 * the file's content, both filled up to a multiple of 4 bytes, counted from the archive's
 * start:
 *
 *     070701 inode mode uid gid links mtime size major minor … name-size check
 *     |  6  |        8 hexadecimal digits each, 13 of them                    |
 *
 *     +--------+-----------+---+-----------------+--+--------+----
 *     | header | bin/sh\0  |pad| content         |  | header | …
 *     +--------+-----------+---+-----------------+--+--------+----
 *     ^ offset                 ^ offset + ALIGN_UP(110 + name-size, 4)
 *
 * The last entry has the name TRAILER!!!.
 *
 * A number in it may be anything. Sums are made where they can't wrap: each length is
 * compared with what is left, never added first. A name must end with the only NUL that
 * it has, where its size says; it loses empty and "." components; one with ".." is refused.
 *
 * Invariants: cpio->next <= cpio->size, and it grows with each entry; an entry that was
 * returned has content + size <= cpio->size.
 *
 * Concurrency: none.
 */
#include <kernel/string.h>
#include <user/cpio.h>

#define HEADER_SIZE 110u
#define TRAILER "TRAILER!!!"

/* Fields of a header, after the magic. */
enum {
	INODE,
	MODE,
	UID,
	GID,
	LINKS,
	MTIME,
	SIZE,
	MAJOR,
	MINOR,
	DEVICE_MAJOR,
	DEVICE_MINOR,
	NAME_SIZE,
	CHECK,
	FIELDS,
};

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Eight hexadecimal digits. */
static bool read_field(const char *text, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < 8; i++) {
		int next = digit(text[i]);

		if (next < 0)
			return false;
		*value = *value << 4 | (uint32_t)next;
	}
	return true;
}

static bool read_header(const struct cpio *cpio, uint32_t fields[FIELDS])
{
	char text[HEADER_SIZE];

	cpio->read(cpio, cpio->next, text, sizeof(text));
	if (memcmp(text, CPIO_MAGIC, CPIO_MAGIC_LENGTH) != 0)
		return false;
	for (int i = 0; i < FIELDS; i++) {
		if (!read_field(text + CPIO_MAGIC_LENGTH + 8 * i, &fields[i]))
			return false;
	}
	return true;
}

/* Take empty and "." components out of a path; false if one is "..". */
static bool clean(char *name)
{
	const char *from = name;
	char *to = name;

	while (*from) {
		const char *start = from;
		size_t length;

		while (*from && *from != '/')
			from++;
		length = (size_t)(from - start);
		if (*from)
			from++;
		if (length == 0 || (length == 1 && start[0] == '.'))
			continue;
		if (length == 2 && start[0] == '.' && start[1] == '.')
			return false;
		if (to != name)
			*to++ = '/';
		memmove(to, start, length);
		to += length;
	}
	*to = '\0';
	return true;
}

/* A name of `size` bytes, the NUL included. */
static enum cpio_error read_name(const struct cpio *cpio, uint32_t offset, uint32_t size,
				 char *name)
{
	name[0] = '\0';
	if (!size || size > CPIO_NAME_MAX)
		return CPIO_NAME;
	cpio->read(cpio, offset, name, size);
	for (uint32_t i = 0; i < size; i++) {
		if (!name[i] != (i == size - 1)) {
			name[0] = '\0';
			return CPIO_NAME;
		}
	}
	if (!strcmp(name, TRAILER))
		return CPIO_END;
	return clean(name) ? CPIO_OK : CPIO_NAME;
}

/* ALIGN_UP() within what there is: the last entry's filling may be missing. */
static uint32_t filled(const struct cpio *cpio, uint32_t offset)
{
	uint32_t left = cpio->size - offset;

	return offset + MIN(left, -offset % 4);
}

enum cpio_error cpio_next(struct cpio *cpio, struct cpio_entry *entry)
{
	uint32_t fields[FIELDS];
	uint32_t name;
	uint32_t content;
	enum cpio_error error;

	entry->offset = cpio->next;
	entry->name[0] = '\0';
	if (cpio->size - cpio->next < HEADER_SIZE)
		return CPIO_CUT; /* or it has no trailer */
	if (!read_header(cpio, fields))
		return CPIO_HEADER;
	name = cpio->next + HEADER_SIZE;
	if (fields[NAME_SIZE] > cpio->size - name)
		return CPIO_CUT;
	content = filled(cpio, name + fields[NAME_SIZE]);
	if (fields[SIZE] > cpio->size - content)
		return CPIO_CUT;
	error = read_name(cpio, name, fields[NAME_SIZE], entry->name);
	if (error == CPIO_END)
		return CPIO_END;
	entry->inode = fields[INODE];
	entry->mode = fields[MODE];
	entry->links = fields[LINKS];
	entry->mtime = fields[MTIME];
	entry->major = fields[MAJOR];
	entry->minor = fields[MINOR];
	entry->device_major = fields[DEVICE_MAJOR];
	entry->device_minor = fields[DEVICE_MINOR];
	entry->content = content;
	entry->size = fields[SIZE];
	cpio->next = filled(cpio, content + fields[SIZE]);
	return error;
}

const char *cpio_strerror(enum cpio_error error)
{
	switch (error) {
	case CPIO_OK:
		return "fine";
	case CPIO_END:
		return "the archive is over";
	case CPIO_NAME:
		return "a name without end, too long, or with \"..\"";
	case CPIO_CUT:
		return "the archive is cut short";
	case CPIO_HEADER:
		return "no header where one should be";
	}
	return "unknown error";
}
