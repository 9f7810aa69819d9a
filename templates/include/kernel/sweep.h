/*
 * The failure-injection sweep: every test, once for each request for memory that it
 * makes, which then fails. In kernels with `debug.fail`.
 */
#ifndef KERNEL_SWEEP_H
#define KERNEL_SWEEP_H

#include <kernel/types.h>

/* Whether the command line wants a sweep, fail.sweep=short or fail.sweep=full. */
bool sweep_is_wanted(void);

/* Run it instead of the tests, and report it as the tests are; false if one failed. */
bool sweep_run(void);

#endif /* KERNEL_SWEEP_H */
