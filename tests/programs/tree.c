/*
 * Prints what is below a folder, a line for each name, in the order in which it is listed:
 * path, mode, size, sum of the bytes; of a link its target.
 *
 *     tree FOLDER
 */
#include "calls.h"

static char path[4096];

static u32 sum_of(const char *name)
{
	static u8 bytes[5000]; /* in no step with pages */
	int fd = open(name, RDONLY, 0);
	u32 sum = 0;

	for (int n; (n = read(fd, bytes, sizeof(bytes))) > 0;) {
		for (int i = 0; i < n; i++)
			sum = sum * 31 + bytes[i];
	}
	close(fd);
	return sum;
}

static void tell(void)
{
	static u32 facts[24];
	char target[200];
	int n;

	if (lstat64(path, facts)) {
		put_text(path);
		put_text(" is not there");
		end_line();
		return;
	}
	put_text(path);
	put(' ');
	put_number((int)facts[4]);
	put(' ');
	put_number((facts[4] & 0170000) == 0040000 ? 0 : (int)facts[11]);
	put(' ');
	if ((facts[4] & 0170000) == 0120000) {
		n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = 0;
		put_text(target);
	} else if ((facts[4] & 0170000) == 0100000) {
		put_number((int)sum_of(path));
	}
	end_line();
}

/* All below path[0 .. end). */
static void walk(u32 end)
{
	static u8 pool[8][4096];
	static int depth;
	u8 *list = pool[depth++];
	int fd = open(path, RDONLY | DIRECTORY | NOFOLLOW, 0);

	for (int n; (n = getdents64(fd, list, sizeof(pool[0]))) > 0;) {
		for (int at = 0; at < n; at += *(unsigned short *)(list + at + 16)) {
			const char *name = (const char *)list + at + 19;
			u32 length = 0;

			if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
				continue;
			path[end] = '/';
			while (name[length]) {
				path[end + 1 + length] = name[length];
				length++;
			}
			path[end + 1 + length] = 0;
			tell();
			if (list[at + 18] == 4 && depth < 8)
				walk(end + 1 + length);
			path[end] = 0;
		}
	}
	close(fd);
	depth--;
}

void run(u32 *stack)
{
	const char *folder = (const char *)stack[2];
	u32 length = 0;

	while (folder[length]) {
		path[length] = folder[length];
		length++;
	}
	walk(length);
	exit(0);
}
