/*
 * The place of the build id. It has a file of its own, so that no compiler sees the zeros
 * and relies on them.
 */
#include <kernel/build.h>

const char kernel_build_id[] = "000000000000";
