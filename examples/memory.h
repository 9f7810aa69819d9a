/* What the kernel says of memory, for the examples: pages, from the files below /proc. */
#ifndef MEMORY_H
#define MEMORY_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u

/* The pages that `file` has in its line `name`; -1 if there is no such line. */
static inline int pages_in(const char *file, const char *name)
{
	char text[2048];
	int fd = open(file, O_RDONLY);
	ssize_t length = read(fd, text, sizeof(text) - 1);
	char *line;

	close(fd);
	if (length < 0)
		return -1;
	text[length] = '\0';
	line = strstr(text, name);
	return line ? atoi(line + strlen(name) + 1) / 4 : -1; /* after a colon; KiB */
}

/* Frames that this program has, and those of its page tables. */
static inline int resident(void)
{
	return pages_in("/proc/self/status", "VmRSS");
}

static inline int tables(void)
{
	return pages_in("/proc/self/status", "VmPTE");
}

/* Frames that are free. */
static inline int free_frames(void)
{
	return pages_in("/proc/meminfo", "MemFree");
}

#endif /* MEMORY_H */
