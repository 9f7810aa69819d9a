/* Errors and signals in words. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const errors[] = {
	[0] = "no error",
	[EPERM] = "operation not permitted",
	[ENOENT] = "no such file or directory",
	[ESRCH] = "no such process",
	[EINTR] = "interrupted",
	[EIO] = "input/output error",
	[E2BIG] = "argument list too long",
	[ENOEXEC] = "not an executable for this machine",
	[EBADF] = "bad file descriptor",
	[ECHILD] = "no child processes",
	[EAGAIN] = "try again",
	[ENOMEM] = "out of memory",
	[EACCES] = "permission denied",
	[EFAULT] = "bad address",
	[EBUSY] = "busy",
	[EEXIST] = "file exists",
	[EXDEV] = "not on one file system",
	[ENODEV] = "no such device",
	[ENOTDIR] = "not a directory",
	[EISDIR] = "is a directory",
	[EINVAL] = "invalid argument",
	[ENFILE] = "too many open files in the system",
	[EMFILE] = "too many open files",
	[ENOTTY] = "not a terminal",
	[ETXTBSY] = "file is being executed",
	[EFBIG] = "file too large",
	[ENOSPC] = "no space left",
	[ESPIPE] = "cannot seek",
	[EROFS] = "read-only file system",
	[EMLINK] = "too many links",
	[EPIPE] = "nobody reads the pipe",
	[ERANGE] = "result out of range",
	[ENAMETOOLONG] = "name too long",
	[ENOSYS] = "no such system call",
	[ENOTEMPTY] = "directory not empty",
	[ELOOP] = "too many links in a path",
	[EOVERFLOW] = "value too large",
	[EOPNOTSUPP] = "operation not supported",
};

static const char *const signals[] = {
	[SIGHUP] = "hangup",
	[SIGINT] = "interrupt",
	[SIGQUIT] = "quit",
	[SIGILL] = "illegal instruction",
	[SIGTRAP] = "trap",
	[SIGABRT] = "aborted",
	[SIGBUS] = "bus error",
	[SIGFPE] = "arithmetic exception",
	[SIGKILL] = "killed",
	[SIGUSR1] = "user signal 1",
	[SIGSEGV] = "segmentation fault",
	[SIGUSR2] = "user signal 2",
	[SIGPIPE] = "broken pipe",
	[SIGALRM] = "alarm",
	[SIGTERM] = "terminated",
	[SIGCHLD] = "child ended",
	[SIGCONT] = "continued",
	[SIGSTOP] = "stopped",
};

/* A number's words, or the number itself in a buffer that the next call uses again. */
static char *said(const char *const *table, size_t count, int number, const char *kind)
{
	static char unknown[32];

	if (number >= 0 && (size_t)number < count && table[number])
		return (char *)table[number];
	snprintf(unknown, sizeof(unknown), "%s %d", kind, number);
	return unknown;
}

char *strerror(int number)
{
	return said(errors, sizeof(errors) / sizeof(errors[0]), number, "error");
}

char *strsignal(int number)
{
	return said(signals, sizeof(signals) / sizeof(signals[0]), number, "signal");
}

void perror(const char *what)
{
	dprintf(2, "%s: %s\n", what, strerror(errno));
}
