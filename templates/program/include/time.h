/* Time. */
#ifndef _TIME_H
#define _TIME_H

#include <sys/types.h>

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1

struct timespec {
	time_t tv_sec;
	long tv_nsec;
};

time_t time(time_t *into);
int clock_gettime(int clock, struct timespec *into);
int nanosleep(const struct timespec *wanted, struct timespec *left);

#endif /* _TIME_H */
