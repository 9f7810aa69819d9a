/*
 * The system calls that there are: number, name, arguments. The function of each is
 * int32_t sys_NAME(uint32_t, ...), with as many arguments. A number that is not here gets
 * -ENOSYS.
 *
 * Source of the numbers: Linux, arch/x86/entry/syscalls/syscall_32.tbl.
 */
#ifndef USER_SYSCALL_LIST_H
#define USER_SYSCALL_LIST_H

#include <kernel/types.h>

/* Memory: user/memory_calls.c. */
#define SYSCALLS_MEMORY(CALL)  \
	CALL(45, brk, 1)       \
	CALL(90, old_mmap, 1)  \
	CALL(91, munmap, 2)    \
	CALL(125, mprotect, 3) \
	CALL(163, mremap, 5)   \
	CALL(192, mmap2, 6)    \
	CALL(218, mincore, 3)  \
	CALL(219, madvise, 3)

/* Processes, signals, time: user/process_calls.c, user/signal.c, user/time_calls.c. */
#define SYSCALLS_PROCESS(CALL)            \
	CALL(1, exit, 1)                  \
	CALL(2, fork, 0)                  \
	CALL(7, waitpid, 3)               \
	CALL(11, execve, 3)               \
	CALL(13, time, 1)                 \
	CALL(20, getpid, 0)               \
	CALL(23, setuid, 1)               \
	CALL(24, getuid, 0)               \
	CALL(29, pause, 0)                \
	CALL(37, kill, 2)                 \
	CALL(43, times, 1)                \
	CALL(46, setgid, 1)               \
	CALL(47, getgid, 0)               \
	CALL(49, geteuid, 0)              \
	CALL(50, getegid, 0)              \
	CALL(57, setpgid, 2)              \
	CALL(64, getppid, 0)              \
	CALL(65, getpgrp, 0)              \
	CALL(66, setsid, 0)               \
	CALL(75, setrlimit, 2)            \
	CALL(77, getrusage, 2)            \
	CALL(78, gettimeofday, 2)         \
	CALL(88, reboot, 4)               \
	CALL(114, wait4, 4)               \
	CALL(116, sysinfo, 1)             \
	CALL(119, sigreturn, 0)           \
	CALL(120, clone, 5)               \
	CALL(122, uname, 1)               \
	CALL(132, getpgid, 1)             \
	CALL(147, getsid, 1)              \
	CALL(156, sched_setscheduler, 3)  \
	CALL(157, sched_getscheduler, 1)  \
	CALL(158, sched_yield, 0)         \
	CALL(162, nanosleep, 2)           \
	CALL(172, prctl, 5)               \
	CALL(173, rt_sigreturn, 0)        \
	CALL(174, rt_sigaction, 4)        \
	CALL(175, rt_sigprocmask, 4)      \
	CALL(176, rt_sigpending, 2)       \
	CALL(179, rt_sigsuspend, 2)       \
	CALL(186, sigaltstack, 2)         \
	CALL(190, vfork, 0)               \
	CALL(191, ugetrlimit, 2)          \
	CALL(199, getuid32, 0)            \
	CALL(200, getgid32, 0)            \
	CALL(201, geteuid32, 0)           \
	CALL(202, getegid32, 0)           \
	CALL(205, getgroups32, 2)         \
	CALL(209, getresuid32, 3)         \
	CALL(211, getresgid32, 3)         \
	CALL(213, setuid32, 1)            \
	CALL(214, setgid32, 1)            \
	CALL(224, gettid, 0)              \
	CALL(238, tkill, 2)               \
	CALL(240, futex, 6)               \
	CALL(242, sched_getaffinity, 3)   \
	CALL(243, set_thread_area, 1)     \
	CALL(244, get_thread_area, 1)     \
	CALL(252, exit_group, 1)          \
	CALL(258, set_tid_address, 1)     \
	CALL(265, clock_gettime, 2)       \
	CALL(266, clock_getres, 2)        \
	CALL(267, clock_nanosleep, 4)     \
	CALL(270, tgkill, 3)              \
	CALL(311, set_robust_list, 2)     \
	CALL(340, prlimit64, 4)           \
	CALL(355, getrandom, 3)           \
	CALL(386, rseq, 4)                \
	CALL(403, clock_gettime64, 2)     \
	CALL(406, clock_getres_time64, 2) \
	CALL(407, clock_nanosleep_time64, 4)

/* Files: user/file_calls.c and its neighbours. */
#define SYSCALLS_FILE(CALL)            \
	CALL(3, read, 3)               \
	CALL(4, write, 3)              \
	CALL(5, open, 3)               \
	CALL(6, close, 1)              \
	CALL(8, creat, 2)              \
	CALL(9, link, 2)               \
	CALL(10, unlink, 1)            \
	CALL(12, chdir, 1)             \
	CALL(15, chmod, 2)             \
	CALL(19, lseek, 3)             \
	CALL(33, access, 2)            \
	CALL(36, sync, 0)              \
	CALL(38, rename, 2)            \
	CALL(39, mkdir, 2)             \
	CALL(40, rmdir, 1)             \
	CALL(41, dup, 1)               \
	CALL(42, pipe, 1)              \
	CALL(54, ioctl, 3)             \
	CALL(55, fcntl, 3)             \
	CALL(60, umask, 1)             \
	CALL(63, dup2, 2)              \
	CALL(83, symlink, 2)           \
	CALL(85, readlink, 3)          \
	CALL(92, truncate, 2)          \
	CALL(93, ftruncate, 2)         \
	CALL(94, fchmod, 2)            \
	CALL(106, stat, 2)             \
	CALL(107, lstat, 2)            \
	CALL(108, fstat, 2)            \
	CALL(118, fsync, 1)            \
	CALL(133, fchdir, 1)           \
	CALL(140, _llseek, 5)          \
	CALL(141, getdents, 3)         \
	CALL(142, _newselect, 5)       \
	CALL(145, readv, 3)            \
	CALL(146, writev, 3)           \
	CALL(148, fdatasync, 1)        \
	CALL(168, poll, 3)             \
	CALL(180, pread64, 5)          \
	CALL(181, pwrite64, 5)         \
	CALL(183, getcwd, 2)           \
	CALL(187, sendfile, 4)         \
	CALL(193, truncate64, 3)       \
	CALL(194, ftruncate64, 3)      \
	CALL(195, stat64, 2)           \
	CALL(196, lstat64, 2)          \
	CALL(197, fstat64, 2)          \
	CALL(198, lchown32, 3)         \
	CALL(207, fchown32, 3)         \
	CALL(212, chown32, 3)          \
	CALL(220, getdents64, 3)       \
	CALL(221, fcntl64, 3)          \
	CALL(239, sendfile64, 4)       \
	CALL(268, statfs64, 3)         \
	CALL(269, fstatfs64, 3)        \
	CALL(295, openat, 4)           \
	CALL(296, mkdirat, 3)          \
	CALL(298, fchownat, 5)         \
	CALL(300, fstatat64, 4)        \
	CALL(301, unlinkat, 3)         \
	CALL(302, renameat, 4)         \
	CALL(303, linkat, 5)           \
	CALL(304, symlinkat, 3)        \
	CALL(305, readlinkat, 4)       \
	CALL(306, fchmodat, 3)         \
	CALL(307, faccessat, 3)        \
	CALL(308, pselect6, 6)         \
	CALL(309, ppoll, 5)            \
	CALL(320, utimensat, 4)        \
	CALL(330, dup3, 3)             \
	CALL(331, pipe2, 2)            \
	CALL(353, renameat2, 5)        \
	CALL(383, statx, 5)            \
	CALL(412, utimensat_time64, 4) \
	CALL(413, pselect6_time64, 6)  \
	CALL(414, ppoll_time64, 5)     \
	CALL(436, close_range, 3)      \
	CALL(439, faccessat2, 4)

#define SYSCALLS(CALL) SYSCALLS_MEMORY(CALL) SYSCALLS_PROCESS(CALL) SYSCALLS_FILE(CALL)

#define SYSCALL_LAST 439

/* Prototypes of all. */
#define ARGUMENTS_0 void
#define ARGUMENTS_1 uint32_t
#define ARGUMENTS_2 uint32_t, uint32_t
#define ARGUMENTS_3 uint32_t, uint32_t, uint32_t
#define ARGUMENTS_4 uint32_t, uint32_t, uint32_t, uint32_t
#define ARGUMENTS_5 uint32_t, uint32_t, uint32_t, uint32_t, uint32_t
#define ARGUMENTS_6 uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t
#define DECLARE_SYSCALL(number, name, arguments) int32_t sys_##name(ARGUMENTS_##arguments);
SYSCALLS(DECLARE_SYSCALL)
#undef DECLARE_SYSCALL

#endif /* USER_SYSCALL_LIST_H */
