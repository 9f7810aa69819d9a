/* System calls as functions: a failure is -1, and errno says why. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int errno;

long syscall_result(long result);

#define MOST_ERRNO 4095

/* A result in the last 4095 values is an error: no address, and no count, is so high. */
long syscall_result(long result)
{
	if ((unsigned long)result < -(unsigned long)MOST_ERRNO)
		return result;
	errno = (int)-result;
	return -1;
}

#define CALL(...) syscall_result(syscall_raw(__VA_ARGS__))

long syscall(long number, ...)
{
	va_list list;
	long words[6];

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		words[i] = va_arg(list, long);
	va_end(list);
	return CALL(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* --- files -------------------------------------------------------------------- */

ssize_t read(int fd, void *to, size_t n)
{
	return (ssize_t)CALL(SYS_read, fd, to, n);
}

ssize_t write(int fd, const void *from, size_t n)
{
	return (ssize_t)CALL(SYS_write, fd, from, n);
}

off_t lseek(int fd, off_t offset, int whence)
{
	return CALL(SYS_lseek, fd, offset, whence);
}

int open(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = va_arg(list, mode_t); /* whatever it is without O_CREAT */
	va_end(list);
	return (int)CALL(SYS_open, path, flags, mode);
}

int fcntl(int fd, int command, ...)
{
	va_list list;
	long argument;

	va_start(list, command);
	argument = va_arg(list, long);
	va_end(list);
	return (int)CALL(SYS_fcntl64, fd, command, argument);
}

int close(int fd)
{
	return (int)CALL(SYS_close, fd);
}

int dup(int fd)
{
	return (int)CALL(SYS_dup, fd);
}

int dup2(int fd, int as)
{
	return (int)CALL(SYS_dup2, fd, as);
}

int pipe(int fds[2])
{
	return (int)CALL(SYS_pipe, fds);
}

int unlink(const char *path)
{
	return (int)CALL(SYS_unlink, path);
}

int mkdir(const char *path, mode_t mode)
{
	return (int)CALL(SYS_mkdir, path, mode);
}

int rmdir(const char *path)
{
	return (int)CALL(SYS_rmdir, path);
}

int chdir(const char *path)
{
	return (int)CALL(SYS_chdir, path);
}

char *getcwd(char *to, size_t size)
{
	return CALL(SYS_getcwd, to, size) < 0 ? NULL : to;
}

int access(const char *path, int mode)
{
	return (int)CALL(SYS_access, path, mode);
}

int ftruncate(int fd, off_t size)
{
	return (int)CALL(SYS_ftruncate64, fd, size, size < 0 ? -1 : 0);
}

ssize_t readlink(const char *path, char *to, size_t size)
{
	return (ssize_t)CALL(SYS_readlink, path, to, size);
}

int stat(const char *path, struct stat *into)
{
	return (int)CALL(SYS_stat64, path, into);
}

int fstat(int fd, struct stat *into)
{
	return (int)CALL(SYS_fstat64, fd, into);
}

/* --- processes ---------------------------------------------------------------- */

void _exit(int status)
{
	for (;;)
		syscall_raw(SYS_exit_group, status);
}

pid_t fork(void)
{
	return (pid_t)CALL(SYS_fork);
}

pid_t getpid(void)
{
	return (pid_t)syscall_raw(SYS_getpid);
}

pid_t getppid(void)
{
	return (pid_t)syscall_raw(SYS_getppid);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)CALL(SYS_execve, path, argv, envp);
}

int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

pid_t wait(int *status)
{
	return waitpid(-1, status, 0);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	return (pid_t)CALL(SYS_wait4, pid, status, options, 0);
}

int sched_yield(void)
{
	return (int)CALL(SYS_sched_yield);
}

int uname(struct utsname *into)
{
	return (int)CALL(SYS_uname, into);
}

/* --- memory ------------------------------------------------------------------- */

static uintptr_t heap_end; /* 0: not asked yet */

/* The kernel answers with the end that there is, the old one if it refuses. */
int brk(void *end)
{
	heap_end = (uintptr_t)syscall_raw(SYS_brk, end);
	if (heap_end >= (uintptr_t)end)
		return 0;
	errno = ENOMEM;
	return -1;
}

void *sbrk(intptr_t more)
{
	uintptr_t before;

	if (!heap_end)
		heap_end = (uintptr_t)syscall_raw(SYS_brk, 0);
	before = heap_end;
	if (more) {
		heap_end = (uintptr_t)syscall_raw(SYS_brk, before + (uintptr_t)more);
		if (heap_end != before + (uintptr_t)more) {
			errno = ENOMEM;
			return (void *)-1;
		}
	}
	return (void *)before;
}

#define OFFSET_UNIT 4096 /* mmap2() counts these */

void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (offset % OFFSET_UNIT) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	return (void *)CALL(SYS_mmap2, addr, size, prot, flags, fd,
			    (unsigned long)offset / OFFSET_UNIT);
}

int munmap(void *addr, size_t size)
{
	return (int)CALL(SYS_munmap, addr, size);
}

int mprotect(void *addr, size_t size, int prot)
{
	return (int)CALL(SYS_mprotect, addr, size, prot);
}

void *mremap(void *addr, size_t old_size, size_t new_size, int flags, ...)
{
	va_list list;
	void *target;

	va_start(list, flags);
	target = va_arg(list, void *); /* whatever it is without MREMAP_FIXED */
	va_end(list);
	return (void *)CALL(SYS_mremap, addr, old_size, new_size, flags, target);
}

int madvise(void *addr, size_t size, int advice)
{
	return (int)CALL(SYS_madvise, addr, size, advice);
}

int mincore(void *addr, size_t size, unsigned char *in)
{
	return (int)CALL(SYS_mincore, addr, size, in);
}

/* --- signals ------------------------------------------------------------------ */

#define SET_BYTES sizeof(sigset_t)

void signal_return(void);
void signal_return_old(void);

int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	struct sigaction with;

	if (action) {
		with = *action;
		with.sa_flags |= SA_RESTORER;
		with.sa_restorer = with.sa_flags & SA_SIGINFO ? signal_return : signal_return_old;
		action = &with;
	}
	return (int)CALL(SYS_rt_sigaction, number, action, old, SET_BYTES);
}

void (*signal(int number, void (*handler)(int)))(int)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct sigaction old;

	if (sigaction(number, &action, &old))
		return (void (*)(int))-1;
	return old.sa_handler;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return (int)CALL(SYS_rt_sigprocmask, how, set, old, SET_BYTES);
}

int sigaltstack(const stack_t *stack, stack_t *old)
{
	return (int)CALL(SYS_sigaltstack, stack, old);
}

int sigemptyset(sigset_t *set)
{
	set->words[0] = set->words[1] = 0;
	return 0;
}

int sigaddset(sigset_t *set, int number)
{
	set->words[(number - 1) / 32] |= 1u << ((number - 1) % 32);
	return 0;
}

int kill(pid_t pid, int number)
{
	return (int)CALL(SYS_kill, pid, number);
}

int raise(int number)
{
	return kill(getpid(), number);
}

/* --- time --------------------------------------------------------------------- */

time_t time(time_t *into)
{
	time_t now = (time_t)syscall_raw(SYS_time, 0);

	if (into)
		*into = now;
	return now;
}

int clock_gettime(int clock, struct timespec *into)
{
	return (int)CALL(SYS_clock_gettime, clock, into);
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	return (int)CALL(SYS_nanosleep, wanted, left);
}

unsigned sleep(unsigned seconds)
{
	struct timespec wanted = { .tv_sec = (time_t)seconds };
	struct timespec left = { 0 };

	return nanosleep(&wanted, &left) ? (unsigned)left.tv_sec : 0;
}
