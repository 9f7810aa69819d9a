#include <kernel.h>
void kernel_main(void)
{
	answer = 42;
}
