/*
 * Text out and in.
 *
 * A FILE is a descriptor and a buffer. stdout is written at each end of a line, when its
 * buffer is full, and at exit(): so a line is one system call, and lines of several
 * processes are not mixed. stderr is written at the end of each call.
 */
#include <errno.h>
#include <format.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
	int fd;
	bool at_once; /* written by the end of each call */
	bool registered; /* to be written at exit() */
	size_t length; /* bytes in the buffer */
	size_t next; /* of them read */
	char *buffer; /* of BUFSIZ bytes */
};

static char buffers[3][BUFSIZ];

static struct file files[] = {
	{ .fd = STDIN_FILENO, .buffer = buffers[0] },
	{ .fd = STDOUT_FILENO, .buffer = buffers[1] },
	{ .fd = STDERR_FILENO, .buffer = buffers[2], .at_once = true },
};

FILE *const stdin = &files[0];
FILE *const stdout = &files[1];
FILE *const stderr = &files[2];

/* All of it, however little the kernel takes at once. False: an error. */
static bool write_whole(int fd, const char *from, size_t n)
{
	while (n) {
		ssize_t done = write(fd, from, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		from += done;
		n -= (size_t)done;
	}
	return true;
}

int fflush(FILE *file)
{
	bool done;

	if (!file)
		file = stdout;
	if (file == stdin)
		return 0;
	done = write_whole(file->fd, file->buffer, file->length);
	file->length = 0;
	return done ? 0 : EOF;
}

static void flush_at_exit(void)
{
	fflush(stdout);
}

static void put_byte(void *to, char c)
{
	FILE *file = to;

	if (!file->registered) {
		file->registered = true;
		if (file == stdout)
			atexit(flush_at_exit);
	}
	file->buffer[file->length++] = c;
	if (file->length == BUFSIZ || (c == '\n' && !file->at_once))
		fflush(file);
}

static void end_call(FILE *file)
{
	if (file->at_once)
		fflush(file);
}

/* --- out ------------------------------------------------------------------------ */

static int as_count(size_t length)
{
	return length > INT32_MAX ? -1 : (int)length;
}

int vfprintf(FILE *restrict file, const char *restrict format, va_list arguments)
{
	size_t length = vformat(put_byte, file, format, arguments);

	end_call(file);
	return as_count(length);
}

int vprintf(const char *restrict format, va_list arguments)
{
	return vfprintf(stdout, format, arguments);
}

int printf(const char *restrict format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vfprintf(stdout, format, arguments);
	va_end(arguments);
	return length;
}

int fprintf(FILE *restrict file, const char *restrict format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vfprintf(file, format, arguments);
	va_end(arguments);
	return length;
}

/* To a descriptor, past all buffers. */
int dprintf(int fd, const char *restrict format, ...)
{
	char buffer[BUFSIZ];
	struct file file = { .fd = fd, .buffer = buffer, .at_once = true, .registered = true };
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vfprintf(&file, format, arguments);
	va_end(arguments);
	return length;
}

int sprintf(char *restrict to, const char *restrict format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(to, SIZE_MAX, format, arguments);
	va_end(arguments);
	return length;
}

int fputc(int c, FILE *file)
{
	put_byte(file, (char)c);
	end_call(file);
	return (unsigned char)c;
}

int fputs(const char *restrict text, FILE *restrict file)
{
	while (*text)
		put_byte(file, *text++);
	end_call(file);
	return 0;
}

int putchar(int c)
{
	return fputc(c, stdout);
}

int puts(const char *text)
{
	fputs(text, stdout);
	return putchar('\n');
}

/* --- in ------------------------------------------------------------------------- */

int fgetc(FILE *file)
{
	if (file->next == file->length) {
		ssize_t got = read(file->fd, file->buffer, BUFSIZ);

		file->next = file->length = 0;
		if (got <= 0)
			return EOF;
		file->length = (size_t)got;
	}
	return (unsigned char)file->buffer[file->next++];
}

int getchar(void)
{
	return fgetc(stdin);
}

char *fgets(char *restrict to, int size, FILE *restrict file)
{
	int length = 0;

	while (length + 1 < size) {
		int c = fgetc(file);

		if (c == EOF)
			break;
		to[length++] = (char)c;
		if (c == '\n')
			break;
	}
	if (!length)
		return NULL;
	to[length] = '\0';
	return to;
}
