/* Types that system calls speak of. */
#ifndef _SYS_TYPES_H
#define _SYS_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef int pid_t;
typedef int ssize_t;
typedef long off_t;
typedef unsigned mode_t;
typedef unsigned uid_t;
typedef unsigned gid_t;
typedef long time_t; /* 32 bits, as the old calls have it */
typedef long suseconds_t;

#endif /* _SYS_TYPES_H */
