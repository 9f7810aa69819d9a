/* What is known of a file: Linux's struct stat64 for i386. */
#ifndef _SYS_STAT_H
#define _SYS_STAT_H

#include <sys/types.h>

struct stat {
	uint64_t st_dev;
	uint32_t pad;
	uint32_t st_ino_low;
	uint32_t st_mode;
	uint32_t st_nlink;
	uint32_t st_uid, st_gid;
	uint64_t st_rdev;
	uint32_t pad2;
	int64_t st_size;
	uint32_t st_blksize;
	uint64_t st_blocks;
	uint32_t st_atime, st_atime_nsec;
	uint32_t st_mtime, st_mtime_nsec;
	uint32_t st_ctime, st_ctime_nsec;
	uint64_t st_ino;
} __attribute__((packed));

#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFREG 0100000
#define S_IFIFO 0010000
#define S_ISDIR(mode) (((mode) & S_IFMT) == S_IFDIR)
#define S_ISREG(mode) (((mode) & S_IFMT) == S_IFREG)

int stat(const char *path, struct stat *into);
int fstat(int fd, struct stat *into);
int mkdir(const char *path, mode_t mode);

#endif /* _SYS_STAT_H */
