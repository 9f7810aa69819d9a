/* Hostile pointers, lengths and numbers in system calls: an error, and nothing else happens. */
#include "check.h"
#include <fcntl.h>
#include <time.h>

static int fds[2]; /* a pipe: it copies what it is given, so pointers are looked at */

static long raw_write(uint32_t from, uint32_t n)
{
	return syscall_raw(SYS_write, fds[1], from, n);
}

static long raw_read(uint32_t to, uint32_t n)
{
	return syscall_raw(SYS_read, fds[0], to, n);
}

static void drain(void)
{
	char rest[4096];

	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (read(fds[0], rest, sizeof(rest)) > 0)
		;
	fcntl(fds[0], F_SETFL, 0);
}

static void numbers(void)
{
	check_fails(syscall_raw(9999), ENOSYS, "system call 9999");
	check_fails(syscall_raw(-1), ENOSYS, "system call -1");
	check_fails(syscall_raw(0x7fffffff), ENOSYS, "system call 2^31 - 1");
	check_fails(syscall_raw(0x80000000), ENOSYS, "system call 2^31");
}

static void addresses(uint8_t *hole, uint8_t *read_only)
{
	static const struct {
		uint32_t at;
		const char *name;
	} bad[] = {
		{ 0, "null" },
		{ 1, "1" },
		{ PAGE - 1, "the end of page 0" },
		{ KERNEL, "the kernel's first byte" }, /* from here on kgen's alone */
		{ KERNEL - 1, "across into the kernel" },
		{ 0xc0100000, "the kernel's code" },
		{ 0xfffff000, "the last page" },
		{ 0xfffffffe, "across the end of all addresses" },
	};
	char name[80];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (bad[i].at >= KERNEL - 1 && bad[i].at < 0xfffff000 && !is_kgen())
			continue;
		snprintf(name, sizeof(name), "write() from %s", bad[i].name);
		check_fails(raw_write(bad[i].at, 4), EFAULT, name);
		raw_write((uint32_t)"some", 4);
		snprintf(name, sizeof(name), "read() to %s", bad[i].name);
		check_fails(raw_read(bad[i].at, 4), EFAULT, name);
		drain();
		snprintf(name, sizeof(name), "open() of a path at %s", bad[i].name);
		if (bad[i].at != KERNEL - 1) /* where the stack ends: an empty path */
			check_fails(syscall_raw(SYS_open, bad[i].at, O_RDONLY), EFAULT, name);
		snprintf(name, sizeof(name), "pipe() to %s", bad[i].name);
		check_fails(syscall_raw(SYS_pipe, bad[i].at), EFAULT, name);
	}
	check_fails(raw_write((uint32_t)hole, 1), EFAULT, "write() from a hole");
	raw_write((uint32_t)"some", 4);
	check_fails(raw_read((uint32_t)hole, 4), EFAULT, "read() to a hole");
	drain();
	raw_write((uint32_t)"some", 4);
	check_fails(raw_read((uint32_t)read_only, 4), EFAULT, "read() to a read-only page");
	drain();
	raw_write((uint32_t)"some", 4);
	check_fails(raw_read((uint32_t)addresses, 4), EFAULT, "read() to the program's code");
	drain();
	check_fails(raw_read((uint32_t)read_only, 0), 0, "read() of nothing to a read-only page");
}

static void lengths(uint8_t *two)
{
	uint8_t *last = two + 2 * PAGE - 3;

	check_fails(raw_write((uint32_t)two, 0), 0, "write() of nothing");
	check(raw_write((uint32_t)last, 3) == 3, "write() of what ends where its page does");
	check_fails(syscall_raw(SYS_nanosleep, last, 0), EFAULT, "nanosleep() half in a hole");
	check_fails(syscall_raw(SYS_clock_gettime, 0, last), EFAULT,
		    "clock_gettime() half to a hole");
	check(syscall_raw(SYS_clock_gettime, 0, last - 5) == 0,
	      "clock_gettime() to an odd address");
	drain();
}

static void strings(uint8_t *two)
{
	uint8_t *end = two + 2 * PAGE;
	char *path = (char *)end - 10;
	char *long_path = (char *)two;

	memcpy(path, "/dev/nul/", 9);
	path[9] = 'x';
	check_fails(syscall_raw(SYS_open, path, O_RDONLY), EFAULT,
		    "open() of a path without an end");
	memcpy(path, "/dev/null", 10);
	check(close((int)syscall_raw(SYS_open, path, O_RDONLY)) == 0,
	      "open() of a path that ends where its page does");
	memset(long_path, 'a', 2 * PAGE);
	long_path[2 * PAGE - 1] = '\0';
	check_fails(syscall_raw(SYS_open, long_path, O_RDONLY), ENAMETOOLONG,
		    "open() of a path of two pages");
	check_fails(syscall_raw(SYS_open, "", O_RDONLY), ENOENT, "open() of an empty path");
}

static void vectors(uint8_t *hole)
{
	struct {
		const void *at;
		uint32_t n;
	} parts[3] = { { "ab", 2 }, { hole, 5 }, { "cd", 2 } };
	char got[8];

	check(syscall_raw(SYS_writev, fds[1], parts, 1) == 2, "writev() of one part");
	drain();
	check_fails(syscall_raw(SYS_writev, fds[1], parts, -1), EINVAL, "writev() of -1 parts");
	check_fails(syscall_raw(SYS_writev, fds[1], parts, 1025), EINVAL, "writev() of 1025 parts");
	check_fails(syscall_raw(SYS_writev, fds[1], hole, 1), EFAULT,
		    "writev() of parts in a hole");
	parts[0].n = 0x80000000;
	check_fails(syscall_raw(SYS_writev, fds[1], parts, 1), EINVAL, "writev() of 2 GiB");
	parts[0].n = 2;
	parts[0].at = hole;
	check_fails(syscall_raw(SYS_writev, fds[1], parts, 1), EFAULT, "writev() from a hole");
	parts[0].at = got;
	raw_write((uint32_t)"some", 4);
	parts[1].at = got + 2;
	parts[1].n = 2;
	check(syscall_raw(SYS_readv, fds[0], parts, 2) == 4 && !memcmp(got, "some", 4),
	      "readv() of two parts");
}

static void waiting(uint8_t *hole)
{
	pid_t child = fork();

	if (!child)
		_exit(3);
	check_fails(syscall_raw(SYS_wait4, child, hole, 0, 0), EFAULT,
		    "wait4() with status to a hole");
	check_fails(syscall_raw(SYS_wait4, child, 0, 0, 0), ECHILD, "and the child is gone");
	check_fails(syscall_raw(SYS_wait4, -1, 0, 0x1000, 0), EINVAL,
		    "wait4() with unknown options");
}

static void programs(uint8_t *hole)
{
	char *argv[] = { "x", NULL };

	check_fails(syscall_raw(SYS_execve, hole, argv, 0), EFAULT, "execve() of a path in a hole");
	check_fails(syscall_raw(SYS_execve, "/nothing", argv, 0), ENOENT, "execve() of no file");
	check_fails(syscall_raw(SYS_execve, "/proc/self/exe", hole, 0), EFAULT,
		    "execve() with arguments in a hole");
	argv[0] = (char *)hole;
	check_fails(syscall_raw(SYS_execve, "/proc/self/exe", argv, 0), EFAULT,
		    "execve() with an argument in a hole");
	argv[0] = (char *)0xc0000000;
	check_fails(syscall_raw(SYS_execve, "/proc/self/exe", argv, 0), EFAULT,
		    "execve() with an argument in the kernel");
}

static void descriptors(void)
{
	check_fails(syscall_raw(SYS_read, -1, 0, 0), EBADF, "read() of descriptor -1");
	check_fails(syscall_raw(SYS_write, 0x7fffffff, 0, 0), EBADF, "write() to 2^31 - 1");
	check_fails(syscall_raw(SYS_close, 77), EBADF, "close() of none");
	check_fails(syscall_raw(SYS_dup2, 0, -1), EBADF, "dup2() to -1");
	check_fails(syscall_raw(SYS_dup2, 0, 0x10000000), EBADF, "dup2() to 2^28");
	check_fails(syscall_raw(SYS_read, fds[1], 0, 1), EBADF, "read() of what is written to");
	check_fails(syscall_raw(SYS_lseek, fds[0], 0, 0), ESPIPE, "lseek() in a pipe");
}

int main(void)
{
	uint8_t *two = pages(3, RW);
	uint8_t *read_only = pages(1, PROT_READ);
	uint8_t *hole = two + 2 * PAGE;

	munmap(hole, PAGE);
	if (pipe(fds))
		return 1;
	numbers();
	addresses(hole, read_only);
	lengths(two);
	strings(two);
	vectors(hole);
	waiting(hole);
	programs(hole);
	descriptors();
	return verdict();
}
