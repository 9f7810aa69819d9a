/*
 * The run of the tests and, in kernels with `debug.fail`, the failure-injection sweep:
 * every test, once for each request for memory that it makes, which then fails.
 */
#ifndef KERNEL_SWEEP_H
#define KERNEL_SWEEP_H

#include <kernel/ktest.h>
#include <kernel/types.h>

//% if debug.fail
/*
 * Run all tests, as a sweep if the command line has fail.sweep=short or fail.sweep=full.
 * Returns false if one failed.
 */
bool run_tests(void);
//% else
/* Run all tests; false if one failed. */
static inline bool run_tests(void)
{
	return ktest_run_all();
}
//% endif

#endif /* KERNEL_SWEEP_H */
