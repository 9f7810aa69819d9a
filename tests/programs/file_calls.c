/*
 * What file system calls answer, right and wrong questions alike: a line for each.
 *
 * Made to run on Linux and on kgen, whose lines are to be the same: the test compares them.
 * It needs no library. Usage: file_calls FOLDER, which is empty and may be written to.
 * Things that can't be the same (inode numbers, times, what a 64-bit kernel takes for the end of a
 * program's memory) are not printed.
 */
#include "calls.h"

static void tell(int number, const char *text, int value)
{
	put_number(number);
	put_text(": ");
	for (int i = 0; text[i] && i < 150; i++)
		put(text[i]);
	put_text(" = ");
	put_number(value);
	end_line();
}

#define T(expression) tell(__LINE__, #expression, expression)

static int equal(const void *a, const char *b, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (((const char *)a)[i] != b[i])
			return 0;
	}
	return 1;
}

static u8 buffer[3 * PAGE];
static u8 *edge; /* the end of memory: a page before it, none after it */
static char *no_page; /* nothing is there */
static char *fixed_page; /* can be read only */
static char long_name[5000];

#define KERNEL ((char *)0xffffe000)

static void bad_paths(void)
{
	char *at_edge = (char *)edge - 4;

	T(open(0, RDONLY, 0));
	T(open(no_page, RDONLY, 0));
	T(open(KERNEL, RDONLY, 0));
	T(open("", RDONLY, 0));
	T(open("missing", RDONLY, 0));
	T(open("missing/x", CREAT | WRONLY, 0644));
	for (int i = 0; i < 4; i++)
		at_edge[i] = 'x';
	T(open(at_edge, RDONLY, 0)); /* it does not end */
	at_edge[3] = 0;
	T(open(at_edge, RDONLY, 0));
	for (u32 i = 0; i < sizeof(long_name); i++)
		long_name[i] = 'n';
	long_name[4999] = 0;
	T(open(long_name, CREAT | WRONLY, 0644));
	long_name[4096] = 0;
	T(open(long_name, CREAT | WRONLY, 0644));
	long_name[256] = 0;
	T(open(long_name, CREAT | WRONLY, 0644));
	T(mkdir(long_name, 0755));
	long_name[255] = 0;
	T(mkdir(long_name, 0755));
	T(rmdir(long_name));
	for (u32 i = 0; i < 4094; i++)
		long_name[i] = i % 2 ? '/' : '.';
	long_name[4094] = 0;
	T(access(long_name, 0));
	T(openat(77, "x", RDONLY, 0));
	T(openat(-1, "x", RDONLY, 0));
	T(openat(77, "/", RDONLY | DIRECTORY, 0) >= 0);
}

static void opening(void)
{
	int fd;

	T(umask(022) >= 0);
	T(fd = open("file", CREAT | EXCL | RDWR, 0666));
	T(close(fd));
	T(close(fd));
	T(close(-1));
	T(close(100000));
	T(open("file", CREAT | EXCL | RDWR, 0666));
	T(open("file/", RDONLY, 0));
	T(open("file/x", RDONLY, 0));
	T(open("file/.", RDONLY, 0));
	T(open("file", RDONLY | DIRECTORY, 0));
	T(mkdir("dir", 0777));
	T(mkdir("dir", 0777));
	T(mkdir("dir/", 0777));
	T(mkdir("dir/sub/", 0700));
	T(mkdir("/", 0777));
	T(open("dir", WRONLY, 0));
	T(open("dir", RDWR, 0));
	T(open("dir", CREAT | RDONLY, 0));
	T(open("new/", CREAT | WRONLY, 0644));
	T(fd = open("dir", RDONLY, 0));
	T(read(fd, buffer, 10));
	T(write(fd, buffer, 10));
	T(close(openat(fd, "../file", RDONLY, 0)));
	T(close(openat(fd, "inside", CREAT | WRONLY, 0600)));
	T(openat(fd, "", RDONLY, 0));
	T(close(fd));
	T(symlink("file", "link"));
	T(symlink("missing", "dangling"));
	T(symlink("loop", "loop"));
	T(symlink("", "empty"));
	T(symlink("dir", "dirlink"));
	T(symlink("x", "file"));
	T(open("link", RDONLY | NOFOLLOW, 0));
	T(close(open("link", RDONLY, 0)));
	T(open("link/", RDONLY, 0));
	T(open("loop", RDONLY, 0));
	T(open("loop/x", RDONLY, 0));
	T(open("dangling", RDONLY, 0));
	T(open("dangling", CREAT | EXCL | WRONLY, 0644));
	T(close(open("dangling", CREAT | WRONLY, 0644)));
	T(access("missing", 0));
	T(unlink("missing"));
	T(close(open("dirlink/sub", RDONLY | DIRECTORY, 0)));
	T(close(open("dirlink", RDONLY | DIRECTORY, 0)));
	T(open("dirlink", RDONLY | DIRECTORY | NOFOLLOW, 0));
	T(close(open("dir//sub/.././/inside", RDONLY, 0)));
	T(readlink("link", buffer, 100));
	T(equal(buffer, "file", 4));
	T(readlink("link", buffer, 2));
	T(readlink("link", buffer, 0));
	T(readlink("link", no_page, 10));
	T(readlink("file", buffer, 10));
	T(readlink("missing", buffer, 10));
	T(fd = open("file", PATH, 0));
	T(read(fd, buffer, 1));
	T(write(fd, buffer, 1));
	T(lseek(fd, 0, 0));
	T(close(fd));
}

static void chains_of_links(void)
{
	char name[3] = "l0";
	char target[3] = "l0";

	T(close(open("l0", CREAT | WRONLY, 0644)));
	for (int i = 1; i < 45; i++) {
		name[0] = 'a' + i / 10;
		name[1] = '0' + i % 10;
		if (i > 1) {
			target[0] = 'a' + (i - 1) / 10;
			target[1] = '0' + (i - 1) % 10;
		}
		if (symlink(target, name))
			T(-1);
	}
	T(access("d9", 0)); /* 39 links */
	T(access("e0", 0)); /* 40 */
	T(access("e1", 0));
	for (int i = 1; i < 45; i++) {
		name[0] = 'a' + i / 10;
		name[1] = '0' + i % 10;
		if (unlink(name))
			T(-1);
	}
	T(unlink("l0"));
}

static void moving_bytes(void)
{
	int fd;
	int null;
	int zero;

	for (u32 i = 0; i < sizeof(buffer); i++)
		buffer[i] = (u8)(i * 7 + (i >> 8));
	T(fd = open("data", CREAT | TRUNC | RDWR, 0644));
	T(null = open("/dev/null", RDWR, 0));
	T(zero = open("/dev/zero", RDWR, 0));
	T(write(fd, buffer, sizeof(buffer)));
	T(lseek(fd, 0, 0));
	T(read(fd, buffer, 5000));
	T(lseek(fd, 0, 1));
	T(lseek(fd, 0, 2));
	T(read(fd, buffer, 1));
	T(lseek(fd, -1, 0));
	T(lseek(fd, -1, 2));
	T(read(fd, buffer, 10));
	T(lseek(fd, -100000, 1));
	T(lseek(fd, 0, 99));
	T(lseek(fd, 100000, 0));
	T(read(fd, buffer, 10));
	T(write(fd, "end", 3));
	T(pread(fd, buffer, 20, 99990, 0));
	T(equal(buffer, "\0\0\0\0\0\0\0\0\0\0end", 13));
	T(pread(fd, buffer, 20, 0, -1));
	T(pread(fd, buffer, 20, 0, 1));
	T(pwrite(fd, "abc", 3, 1, 0));
	T(pread(fd, buffer, 4, 0, 0));
	T(equal(buffer, "\0abc", 4));
	T(read(-1, buffer, 1));
	T(read(100000, buffer, 1));
	T(write(0x7fffffff, buffer, 1));
	T(lseek(fd, 0, 0));
	T(read(fd, no_page, 10));
	T(read(fd, 0, 10));
	T(read(fd, KERNEL, 10));
	T(read(fd, fixed_page, 10));
	T(read(fd, no_page, 0));
	T(write(fd, no_page, 10));
	T(write(fd, 0, 10));
	T(write(fd, KERNEL, 10));
	T(write(fd, no_page, 0));
	T(write(null, no_page, 10));
	T(write(null, buffer, 100000));
	T(read(null, no_page, 10));
	T(read(zero, no_page, 10));
	T(read(zero, buffer, 100));
	T(equal(buffer, "\0\0\0", 3));
	T(write(zero, no_page, 10));
	T(write(fd, edge - 10, 10));
	T(write(fd, edge - 10, 20)); /* as far as there is something */
	T(write(fd, edge - 1, 5000));
	T(lseek(fd, 0, 0));
	T(read(fd, edge - 10, 20));
	T(read(fd, edge - 1, 5000));
	T(read(fd, edge - 5000, 8192));
	T(lseek(fd, 0, 1));
	T(lseek(null, 100, 0));
	T(ftruncate(fd, -1));
	T(ftruncate(fd, 10));
	T(ftruncate(null, 10));
	T(ftruncate(-1, 10));
	T(pread(fd, buffer, 100, 0, 0));
	T(ftruncate64(fd, 8192, 0));
	T(ftruncate64(fd, 0, -1));
	T(pread(fd, buffer, 100, 5, 0));
	T(equal(buffer + 5, "\0\0\0\0", 4)); /* cut off is zero when it is back */
	T(close(fd));
	T(fd = open("data", WRONLY | APPEND, 0));
	T(read(fd, buffer, 1));
	T(write(fd, "tail", 4));
	T(lseek(fd, 0, 1));
	T(lseek(fd, 0, 0));
	T(write(fd, "tail", 4));
	T(lseek(fd, 0, 1));
	T(close(fd));
	T(fd = open("data", RDONLY, 0));
	T(write(fd, buffer, 1));
	T(ftruncate(fd, 0));
	T(close(fd));
	T(close(open("data", RDWR | TRUNC, 0)));
	T(fd = open("data", RDONLY, 0));
	T(read(fd, buffer, 1));
	T(close(fd));
	T(close(null));
	T(close(zero));
}

struct iovec {
	const void *base;
	u32 length;
};

static void many_pieces(void)
{
	static struct iovec iov[1025];
	int fd;

	T(fd = open("pieces", CREAT | TRUNC | RDWR, 0644));
	iov[0] = (struct iovec){ "one", 3 };
	iov[1] = (struct iovec){ 0, 0 };
	iov[2] = (struct iovec){ "three", 5 };
	T(writev(fd, iov, 3));
	T(writev(fd, iov, 0));
	T(writev(fd, iov, -1));
	T(writev(fd, iov, 1024));
	T(writev(fd, iov, 1025));
	T(writev(fd, no_page, 1));
	T(writev(fd, KERNEL, 1));
	T(writev(-1, iov, 1));
	iov[2].length = 0x80000000;
	T(writev(fd, iov, 3));
	iov[2] = (struct iovec){ no_page, 5 };
	T(writev(fd, iov, 3));
	T(lseek(fd, 0, 0));
	iov[0] = (struct iovec){ buffer, 2 };
	iov[1] = (struct iovec){ buffer + 10, 100 };
	T(readv(fd, iov, 2));
	T(equal(buffer, "on", 2));
	T(equal(buffer + 10, "ethree", 6));
	T(readv(fd, iov, 2));
	T(lseek(fd, 0, 0));
	iov[1].base = no_page;
	T(readv(fd, iov, 2));
	T(close(fd));
	T(unlink("pieces"));
}

static void descriptors(void)
{
	int fd;
	int other;
	int fds[2];

	T(fd = open("file", RDWR, 0));
	T(other = dup(fd));
	T(write(fd, "abcdef", 6));
	T(lseek(other, 0, 1));
	T(fcntl(fd, 1, 0));
	T(fcntl(fd, 2, 1));
	T(fcntl(fd, 1, 0));
	T(fcntl(other, 1, 0));
	T(dup2(fd, 20));
	T(fcntl(20, 1, 0));
	T(dup2(fd, fd));
	T(dup2(fd, -1));
	T(dup2(-1, 5));
	T(dup3(fd, fd, 0));
	T(dup3(fd, 21, CLOEXEC));
	T(fcntl(21, 1, 0));
	T(dup3(fd, 21, 1));
	T(fcntl(fd, 0, 30));
	T(fcntl(fd, 1030, 30));
	T(fcntl(fd, 0, -1));
	T(fcntl(fd, 3, 0) & 07777777 & ~0100000);
	T(fcntl(fd, 4, APPEND | NONBLOCK));
	T(fcntl(other, 3, 0) & 07777777 & ~0100000);
	T(fcntl(fd, 4, 0));
	T(fcntl(-1, 3, 0));
	T(fcntl(fd, 9999, 0));
	T(close(20) | close(21) | close(30) | close(31) | close(other));
	T(pipe(no_page));
	T(pipe2(fds, 12345));
	T(ioctl(fd, 0x5401, buffer));
	T(ioctl(fd, 0x541b, buffer));
	T(*(int *)buffer);
	T(ioctl(-1, 0x5401, buffer));
	T(close(fd));
	T(fd = open("file", RDWR, 0)); /* the lowest is free again */
	T(close(fd));
}

static void shared_offset(void)
{
	int status = 0;
	int fd;
	int pid;

	T(fd = open("shared", CREAT | TRUNC | RDWR, 0644));
	pid = fork();
	if (!pid) {
		write(fd, "child", 5);
		exit(3);
	}
	T(wait4(pid, &status) == pid);
	T(status);
	T(lseek(fd, 0, 1));
	T(write(fd, "parent", 6));
	T(pread(fd, buffer, 20, 0, 0));
	T(equal(buffer, "childparent", 11));
	T(unlink("shared"));
	T(pread(fd, buffer, 20, 0, 0)); /* removed, but open */
	T(write(fd, "more", 4));
	T(close(fd));
}

struct pollfd {
	int fd;
	short events, returned;
};

static int ready(int fd, int events)
{
	struct pollfd one = { fd, (short)events, 0x7777 };
	int result = poll(&one, 1, 0);

	return result < 0 ? result : one.returned;
}

static void pipes(void)
{
	u32 ignore[5] = { 1 };
	u32 sets[32] = { 0 };
	u32 now[2] = { 0, 0 };
	int fds[2];
	int count = 0;

	T(pipe2(fds, NONBLOCK));
	T(fcntl(fds[0], 3, 0) & 07777777);
	T(fcntl(fds[1], 3, 0) & 07777777);
	T(read(fds[0], buffer, 10));
	T(read(fds[0], buffer, 0));
	T(ready(fds[0], 1));
	T(ready(fds[1], 4));
	T(write(fds[0], buffer, 1));
	T(read(fds[1], buffer, 1));
	T(lseek(fds[0], 0, 0));
	T(pread(fds[0], buffer, 1, 0, 0));
	T(write(fds[1], "hello", 5));
	T(ready(fds[0], 1));
	T(ioctl(fds[0], 0x541b, buffer));
	T(*(int *)buffer);
	T(read(fds[0], no_page, 3));
	T(read(fds[0], buffer, 3));
	T(read(fds[0], buffer, 100));
	T(equal(buffer, "lo", 2));
	T(write(fds[1], no_page, 0));
	T(ready(fds[0], 1));
	while (write(fds[1], buffer, PAGE) == PAGE)
		count++;
	T(count);
	T(write(fds[1], buffer, 1));
	T(ready(fds[1], 4));
	T(read(fds[0], buffer, PAGE));
	T(ready(fds[1], 4));
	T(write(fds[1], buffer, 2 * PAGE));
	T(write(fds[1], buffer, 1));
	sets[0] = 1u << fds[0];
	T(select(fds[0] + 1, sets, 0, 0, now));
	sets[0] = 1u << fds[1];
	T(select(fds[1] + 1, 0, sets, 0, now));
	T(sets[0]);
	sets[0] = 1u << 30;
	T(select(31, sets, 0, 0, now));
	T(select(-1, sets, 0, 0, now));
	T(select(5, no_page, 0, 0, now));
	T(ready(-1, 1));
	T(ready(99, 1));
	T(poll(no_page, 1, 0));
	T(poll(no_page, 0, 1));
	T(ftruncate(fds[1], 0));
	T(close(fds[1]));
	T(ready(fds[0], 1));
	count = 0;
	for (int n; (n = read(fds[0], buffer, 3 * PAGE)) > 0;)
		count += n;
	T(count);
	T(read(fds[0], buffer, 1));
	T(ready(fds[0], 1));
	T(close(fds[0]));
	T(pipe(fds));
	T(write(fds[1], no_page, 3));
	T(write(fds[1], KERNEL, 3));
	T(write(fds[1], edge - 1, 2));
	T(close(fds[0]));
	T(sigaction(13, ignore));
	T(write(fds[1], buffer, 1));
	T(write(fds[1], buffer, 0));
	T(ready(fds[1], 4));
	T(close(fds[1]));
}

/* More than fits, in one write, to a reader that is slow: order and number are right. */
static void much_through_a_pipe(void)
{
	static u8 much[300000];
	int status = 0;
	int fds[2];
	u32 sum = 0;
	u32 got = 0;
	int pid;

	for (u32 i = 0; i < sizeof(much); i++)
		much[i] = (u8)(i * 11 + (i >> 9));
	T(pipe(fds));
	pid = fork();
	if (!pid) {
		close(fds[0]);
		exit(write(fds[1], much, sizeof(much)) == (int)sizeof(much) ? 5 : 6);
	}
	T(close(fds[1]));
	for (int n; (n = read(fds[0], buffer, 1 + got % 3000)) > 0; got += n) {
		for (int i = 0; i < n; i++)
			sum += buffer[i] != much[got + i];
	}
	T(got);
	T(sum);
	T(wait4(pid, &status) == pid);
	T(status);
	T(close(fds[0]));
}

static void sending(void)
{
	u32 offset = 2;
	int fds[2];
	int in;
	int out;

	T(in = open("in", CREAT | TRUNC | RDWR, 0644));
	T(out = open("out", CREAT | TRUNC | RDWR, 0644));
	T(pipe(fds));
	T(write(in, "0123456789", 10));
	T(sendfile(out, in, 0, 5)); /* at its end */
	T(lseek(in, 0, 0));
	T(sendfile(out, in, 0, 4));
	T(lseek(in, 0, 1));
	T(sendfile(out, in, &offset, 4));
	T(offset);
	T(lseek(in, 0, 1));
	T(sendfile(fds[1], in, 0, 100));
	T(read(fds[0], buffer, 100));
	T(pread(out, buffer, 100, 0, 0));
	T(equal(buffer, "01232345", 8));
	T(sendfile(out, fds[0], 0, 5));
	T(sendfile(-1, in, 0, 5));
	T(sendfile(out, -1, 0, 5));
	T(sendfile(out, in, no_page, 5));
	T(close(in) | close(out) | close(fds[0]) | close(fds[1]));
	T(unlink("in") | unlink("out"));
}

static void names(void)
{
	int fd;

	T(link("file", "hard"));
	T(link("file", "hard"));
	T(link("missing", "x"));
	T(link("dir", "dirhard"));
	T(link("file", "missing/x"));
	T(unlink("hard/"));
	T(unlink("dir"));
	T(rmdir("file"));
	T(rmdir("dir"));
	T(rmdir("missing"));
	T(rmdir("dir/."));
	T(rmdir("dir/sub/.."));
	T(rmdir("/"));
	T(unlink("dir/inside"));
	T(unlink(""));
	T(unlink(no_page));
	T(rename("hard", "hard2"));
	T(access("hard", 0));
	T(rename("missing", "x"));
	T(rename("hard2", "file")); /* both are the same file: nothing */
	T(access("hard2", 0));
	T(rename("hard2", "dir"));
	T(rename("dir", "hard2"));
	T(rename("dir", "dir/sub/x"));
	T(rename("dir", "dir"));
	T(rename("dir", "dir/"));
	T(rename("hard2", "new/"));
	T(mkdir("dir2", 0755));
	T(rename("dir2", "dir")); /* which has sub */
	T(rename("dir", "dir2")); /* which is empty */
	T(access("dir2/sub", 0));
	T(rename("dir2", "dir"));
	T(mkdir("dir2", 0755));
	T(rename("dir/sub", "dir2/moved"));
	T(access("dir2/moved/..", 0));
	T(rename("dir2/moved", "dir/sub"));
	T(rmdir("dir2"));
	T(renameat2(CWD, "hard2", CWD, "file", 1));
	T(renameat2(CWD, "hard2", CWD, "fresh", 1));
	T(renameat2(CWD, "fresh", CWD, "hard2", 64));
	T(rename("fresh", "hard2"));
	T(rename("/", "x"));
	T(rename("dir/..", "x"));
	T(unlink("hard2"));
	T(fd = open("dir", RDONLY, 0));
	T(mkdirat(fd, "at", 0755));
	T(unlinkat(fd, "at", 0));
	T(unlinkat(fd, "at", 0x200));
	T(unlinkat(fd, "at", 0x1234));
	T(mkdirat(77, "at", 0755));
	T(close(fd));
}

static void current_directory(void)
{
	int fd;

	T(chdir("file"));
	T(chdir("missing"));
	T(chdir(no_page));
	T(fd = open(".", RDONLY | DIRECTORY, 0));
	T(mkdir("gone", 0755));
	T(chdir("gone"));
	T(close(open("inner", CREAT | WRONLY, 0644)));
	T(rmdir("../gone"));
	T(unlink("inner"));
	T(rmdir("../gone"));
	T(getcwd(buffer, 100));
	T(open("x", CREAT | WRONLY, 0644));
	T(mkdir("x", 0755));
	T(access("x", 0));
	T(fchdir(fd));
	T(fchdir(-1));
	T(getcwd(buffer, 1));
	T(getcwd(no_page, 100));
	T(chdir("dir/sub/../.."));
	T(close(fd));
}

/* What stat64() says of a regular file: type and mode, links, size; < 0: an error. */
static int facts(int result)
{
	const u32 *words = (const u32 *)buffer;

	if (result)
		return result;
	put_text("  mode ");
	put_number((int)words[4]);
	put_text(" links ");
	put_number((int)words[5]);
	put_text(" size ");
	put_number((words[4] & 0170000) == 0040000 ? 0 : (int)words[11]);
	end_line();
	return 0;
}

static void facts_of_files(void)
{
	int fds[2];

	T(facts(stat64("file", buffer)));
	T(facts(lstat64("link", buffer)));
	T(facts(stat64("link", buffer)));
	T(stat64("missing", buffer));
	T(stat64("file", no_page));
	T(stat64(no_page, buffer));
	T(fstat64(-1, buffer));
	T(chmod("file", 0751));
	T(facts(stat64("file", buffer)));
	T(link("file", "second"));
	T(facts(stat64("second", buffer)));
	T(unlink("second"));
	T(facts(stat64("file", buffer)));
	T(pipe(fds));
	T(facts(fstat64(fds[0], buffer)));
	T(close(fds[0]) | close(fds[1]));
	T(stat64("/dev/null", buffer));
	T(((u32 *)buffer)[4] >> 12);
	T(((u32 *)buffer)[8]);
	T(statx(CWD, "file", 0, 0x7ff, buffer));
	T(*(unsigned short *)(buffer + 28));
	T(*(u32 *)(buffer + 40));
	T(statx(CWD, "", 0, 0x7ff, buffer));
	T(statx(CWD, "", 0x1000, 0x7ff, buffer));
	T(statx(1, "", 0x1000, 0x7ff, buffer));
	T(statx(CWD, "file", 0x7fffffff, 0x7ff, buffer));
	T(statx(CWD, "file", 0, 0x7ff, no_page));
	T(access("file", 7));
	T(access("file", 99));
	T(chmod("file", 0644));
	T(access("file", 1));
	T(access("missing", 0));
	T(access("dir", 7));
}

static void listing(void)
{
	char name[4] = "f00";
	int count = 0;
	int letters = 0;
	int fd;

	T(mkdir("list", 0755));
	T(chdir("list"));
	for (int i = 0; i < 60; i++) {
		name[1] = '0' + i / 10;
		name[2] = '0' + i % 10;
		close(open(name, CREAT | WRONLY, 0644));
	}
	T(fd = open(".", RDONLY | DIRECTORY, 0));
	T(getdents64(fd, buffer, 10));
	T(getdents64(fd, no_page, 100));
	T(getdents64(-1, buffer, 100));
	T(getdents64(1, buffer, 100) < 0);
	for (int n; (n = getdents64(fd, buffer, 200)) > 0;) {
		for (int at = 0; at < n; at += *(unsigned short *)(buffer + at + 16)) {
			count++;
			for (const u8 *c = buffer + at + 19; *c; c++)
				letters += *c;
		}
	}
	T(count);
	T(letters);
	T(getdents64(fd, buffer, 200));
	T(lseek(fd, 0, 0));
	count = 0;
	letters = 0;
	for (int n; (n = getdents(fd, buffer, 200)) > 0;) {
		for (int at = 0; at < n; at += *(unsigned short *)(buffer + at + 8)) {
			count++;
			letters += buffer[at + *(unsigned short *)(buffer + at + 8) - 1];
		}
	}
	T(count);
	T(letters);
	T(close(fd));
	for (int i = 0; i < 60; i++) {
		name[1] = '0' + i / 10;
		name[2] = '0' + i % 10;
		if (unlink(name))
			T(-1);
	}
	T(chdir(".."));
	T(rmdir("list"));
}

static void mapped(void)
{
	char *shared;
	char *private;
	int fd;

	T(fd = open("map", CREAT | TRUNC | RDWR, 0644));
	T(write(fd, "abcdef", 6));
	T((shared = (char *)mmap(PAGE, 3, 1, fd)) < KERNEL);
	T((private = (char *)mmap(PAGE, 3, 2, fd)) < KERNEL);
	T(shared[0]);
	T(private[1]);
	shared[0] = 'S';
	private[1] = 'P';
	T(pread(fd, buffer, 10, 0, 0));
	T(equal(buffer, "Sbcdef", 6));
	T(pwrite(fd, "W", 1, 2, 0));
	T(shared[2]);
	T(private[1]);
	T(shared[100]);
	T(read(fd, shared, 0));
	T(lseek(fd, 0, 0));
	T(read(fd, shared + 8, 4)); /* a file into itself */
	T(write(fd, private, 100)); /* and from itself */
	T(ftruncate(fd, 3));
	T(ftruncate(fd, 20));
	T(shared[2]);
	T(shared[5]);
	T(close(fd));
	T(unlink("map"));
	T(shared[0]);
	T(munmap(shared, PAGE) | munmap(private, PAGE));
}

static void clean_up(void)
{
	T(unlink("file") | unlink("link") | unlink("dangling") | unlink("loop") | unlink("dirlink"));
	T(unlink("data"));
	T(rmdir("dir/sub"));
	T(rmdir("dir"));
}

void run(u32 *stack)
{
	const char *folder = (const char *)stack[2];

	fixed_page = (char *)mmap(PAGE, 1, 0x22, -1);
	edge = (u8 *)mmap(6 * PAGE, 3, 0x22, -1) + 2 * PAGE;
	munmap(edge, 4 * PAGE);
	no_page = (char *)edge + PAGE; /* others' mappings may follow, but no page of ours */
	T(stack[0]);
	T(chdir(folder));
	bad_paths();
	opening();
	chains_of_links();
	moving_bytes();
	many_pieces();
	descriptors();
	shared_offset();
	pipes();
	much_through_a_pipe();
	sending();
	names();
	current_directory();
	facts_of_files();
	listing();
	mapped();
	clean_up();
	exit(0);
}
