/*
 * System calls for programs without any library, which run on Linux and on kgen alike; and
 * lines of output. A program defines run(), which gets the stack as it was at first: the
 * number of arguments, and they.
 */
typedef unsigned int u32;
typedef unsigned char u8;

static int call6(int n, int a, int b, int c, int d, int e, int f)
{
	int words[2] = { n, f };
	int result;

	__asm__ volatile("pushl %%ebp; pushl 4(%1); movl (%1), %%eax; popl %%ebp; int $0x80; popl %%ebp"
			 : "=a"(result)
			 : "0"(words), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return result;
}

#define C(n, a, b, c, d, e) call6(n, (int)(a), (int)(b), (int)(c), (int)(d), (int)(e), 0)
#define exit(code) C(252, code, 0, 0, 0, 0)
#define fork() C(2, 0, 0, 0, 0, 0)
#define read(fd, to, n) C(3, fd, to, n, 0, 0)
#define write(fd, from, n) C(4, fd, from, n, 0, 0)
#define open(path, flags, mode) C(5, path, flags, mode, 0, 0)
#define close(fd) C(6, fd, 0, 0, 0, 0)
#define link(a, b) C(9, a, b, 0, 0, 0)
#define unlink(path) C(10, path, 0, 0, 0, 0)
#define chdir(path) C(12, path, 0, 0, 0, 0)
#define chmod(path, mode) C(15, path, mode, 0, 0, 0)
#define lseek(fd, offset, whence) C(19, fd, offset, whence, 0, 0)
#define access(path, mode) C(33, path, mode, 0, 0, 0)
#define rename(a, b) C(38, a, b, 0, 0, 0)
#define mkdir(path, mode) C(39, path, mode, 0, 0, 0)
#define rmdir(path) C(40, path, 0, 0, 0, 0)
#define dup(fd) C(41, fd, 0, 0, 0, 0)
#define pipe(fds) C(42, fds, 0, 0, 0, 0)
#define ioctl(fd, request, argument) C(54, fd, request, argument, 0, 0)
#define umask(mode) C(60, mode, 0, 0, 0, 0)
#define dup2(fd, to) C(63, fd, to, 0, 0, 0)
#define symlink(a, b) C(83, a, b, 0, 0, 0)
#define readlink(path, to, n) C(85, path, to, n, 0, 0)
#define munmap(at, size) C(91, at, size, 0, 0, 0)
#define ftruncate(fd, size) C(93, fd, size, 0, 0, 0)
#define wait4(pid, status) C(114, pid, status, 0, 0, 0)
#define fchdir(fd) C(133, fd, 0, 0, 0, 0)
#define llseek(fd, high, low, to, whence) C(140, fd, high, low, to, whence)
#define select(n, in, out, bad, time) C(142, n, in, out, bad, time)
#define readv(fd, iov, n) C(145, fd, iov, n, 0, 0)
#define writev(fd, iov, n) C(146, fd, iov, n, 0, 0)
#define poll(fds, n, ms) C(168, fds, n, ms, 0, 0)
#define sigaction(n, new) C(174, n, new, 0, 8, 0)
#define pread(fd, to, n, low, high) C(180, fd, to, n, low, high)
#define pwrite(fd, from, n, low, high) C(181, fd, from, n, low, high)
#define getcwd(to, n) C(183, to, n, 0, 0, 0)
#define mmap(size, prot, flags, fd) call6(192, 0, size, prot, flags, fd, 0)
#define ftruncate64(fd, low, high) C(194, fd, low, high, 0, 0)
#define stat64(path, to) C(195, path, to, 0, 0, 0)
#define lstat64(path, to) C(196, path, to, 0, 0, 0)
#define fstat64(fd, to) C(197, fd, to, 0, 0, 0)
#define getdents64(fd, to, n) C(220, fd, to, n, 0, 0)
#define getdents(fd, to, n) C(141, fd, to, n, 0, 0)
#define fcntl(fd, command, argument) C(221, fd, command, argument, 0, 0)
#define sendfile(out, in, offset, n) C(187, out, in, offset, n, 0)
#define openat(fd, path, flags, mode) C(295, fd, path, flags, mode, 0)
#define mkdirat(fd, path, mode) C(296, fd, path, mode, 0, 0)
#define unlinkat(fd, path, flags) C(301, fd, path, flags, 0, 0)
#define dup3(fd, to, flags) C(330, fd, to, flags, 0, 0)
#define pipe2(fds, flags) C(331, fds, flags, 0, 0, 0)
#define renameat2(a, from, b, to, flags) C(353, a, from, b, to, flags)
#define statx(fd, path, flags, mask, to) C(383, fd, path, flags, mask, to)

enum {
	RDONLY = 0,
	WRONLY = 1,
	RDWR = 2,
	CREAT = 0100,
	EXCL = 0200,
	TRUNC = 01000,
	APPEND = 02000,
	NONBLOCK = 04000,
	DIRECTORY = 0200000,
	NOFOLLOW = 0400000,
	CLOEXEC = 02000000,
	PATH = 010000000,
	CWD = -100,
};

#define PAGE 4096

static char line[256];
static u32 length;

static void put(char c)
{
	if (length < sizeof(line))
		line[length++] = c;
}

static void put_text(const char *text)
{
	while (*text)
		put(*text++);
}

static void put_number(int value)
{
	char digits[12];
	u32 rest = value < 0 ? -(u32)value : (u32)value;
	int n = 0;

	if (value < 0)
		put('-');
	do
		digits[n++] = '0' + rest % 10;
	while (rest /= 10);
	while (n)
		put(digits[--n]);
}

static void end_line(void)
{
	put('\n');
	write(1, line, length);
	length = 0;
}

__attribute__((used)) void run(u32 *stack);

__asm__(".globl _start\n_start: movl %esp, %eax\n\tandl $-16, %esp\n\tsubl $12, %esp\n\t"
	"pushl %eax\n\tcall run\n\thlt\n");
