/* What runs. */
#include <kernel.h>

//# A remark that no reader of the rendered code sees.
//% if features.tests
int tests_passed = 1;
//% endif

const char *const build = kernel_build_id;

void main(void)
{
	static const int table[2][2] = {{1, 2}, {3, 4}};

	answer = table[1][1];
	kernel_main();
}
