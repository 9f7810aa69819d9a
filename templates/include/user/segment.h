/* Thread-local storage: the three descriptors of a process. */
#ifndef USER_SEGMENT_H
#define USER_SEGMENT_H

#include <arch/usermode.h>
#include <user/errno.h>

/*
 * Set the descriptor that the struct user_desc at `from` in the current program says; where
 * that says entry -1, the first that is free, and which one is written back, if `choose`.
 * 0, -EINVAL, -ESRCH if all are taken, or -EFAULT.
 */
int32_t segment_set(struct segment tls[TLS_COUNT], uint32_t from, bool choose);

#endif /* USER_SEGMENT_H */
