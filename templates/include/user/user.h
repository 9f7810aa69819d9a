/* Stage `user`. */
#ifndef USER_USER_H
#define USER_USER_H

#include <kernel/types.h>

/*
 * Set user space up, run process 1, `path` with `arguments` (the first is its name; NULL
 * ends them), and all that it starts, to its end; give everything back. Its wait status.
 */
uint32_t user_run(const char *path, const char *const arguments[]);

/* The first and the last step of that: 0 or -ENOMEM, and nothing is left to undo. */
int32_t user_begin(void);
void user_end(void);

#endif /* USER_USER_H */
