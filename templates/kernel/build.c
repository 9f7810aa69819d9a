/*
 * The place of the build id, in a file of its own: no compiler that reads the
 * zeros may rely on them.
 */
#include <kernel/build.h>

const char kernel_build_id[] = "000000000000";
