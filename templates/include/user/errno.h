/* Errors that system calls return, negative: Linux's i386 numbers (asm-generic/errno.h). */
#ifndef USER_ERRNO_H
#define USER_ERRNO_H

#include <kernel/types.h> /* ENOMEM, EFAULT, EEXIST, EINVAL */

#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EINTR 4
#define EIO 5
#define ENXIO 6
#define E2BIG 7
#define ENOEXEC 8
#define EBADF 9
#define ECHILD 10
#define EAGAIN 11
#define EACCES 13
#define EBUSY 16
#define EXDEV 18
#define ENODEV 19
#define ENOTDIR 20
#define EISDIR 21
#define ENFILE 23
#define EMFILE 24
#define ENOTTY 25
#define ETXTBSY 26
#define EFBIG 27
#define ENOSPC 28
#define ESPIPE 29
#define EROFS 30
#define EMLINK 31
#define EPIPE 32
#define ERANGE 34
#define ENAMETOOLONG 36
#define ENOSYS 38
#define ENOTEMPTY 39
#define ELOOP 40
#define EOVERFLOW 75
#define EOPNOTSUPP 95

/*
 * What a system call returns that must wait, after process_wait(): it is made again, from
 * its beginning, when the process has been woken. No program ever sees it.
 */
#define EWAIT 512

#endif /* USER_ERRNO_H */
