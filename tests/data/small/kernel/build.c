#include <kernel.h>
const char kernel_build_id[] = "000000000000";
