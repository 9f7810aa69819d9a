/*
 * Reading an archive in the format that Linux takes as initramfs: cpio, "new ASCII" (newc).
 *
 * Pure: no hardware, no printing, errors as codes; also built on the host. The
 * content of an archive is believed no further than it can be checked.
 */
#ifndef USER_CPIO_H
#define USER_CPIO_H

#include <kernel/types.h>

#define CPIO_MAGIC "070701"
#define CPIO_MAGIC_LENGTH 6
#define CPIO_NAME_MAX 1024 /* bytes of a path, with the NUL */

/* An archive: its bytes come through `read`, so it need not be mapped. */
struct cpio {
	void (*read)(const struct cpio *cpio, uint32_t offset, void *to, size_t n);
	uint32_t base; /* `read`'s own */
	uint32_t size; /* bytes that there are */
	uint32_t next; /* offset of the next header */
};

struct cpio_entry {
	uint32_t offset; /* of its header */
	uint32_t inode, mode, links, mtime;
	uint32_t major, minor; /* of the device that it was on; with `inode` the file itself */
	uint32_t device_major, device_minor; /* which device it is, if it is one */
	uint32_t content, size; /* offset and bytes of what the file holds */
	char name[CPIO_NAME_MAX]; /* clean: "bin/sh", or "" for the root */
};

enum cpio_error {
	CPIO_OK = 0,
	CPIO_END, /* no entry: the archive is over */
	CPIO_NAME, /* this entry's name can't be used; the next one may be fine */
	CPIO_CUT, /* the archive ends within an entry */
	CPIO_HEADER, /* no header where one should be */
};

/* The next entry. After CPIO_OK and CPIO_NAME there may be more; after others there is nothing. */
enum cpio_error cpio_next(struct cpio *cpio, struct cpio_entry *entry);

/* What a code means, in words. */
const char *cpio_strerror(enum cpio_error error);

#endif /* USER_CPIO_H */
