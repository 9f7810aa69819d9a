/* Without an x87 for programs, one that uses it is ended. */
#include "check.h"

static void use(void *unused)
{
	(void)unused;
	__asm__ volatile("fld1");
}

int main(void)
{
	check_killed(use, NULL, SIGFPE, "an x87 instruction");
	return verdict();
}
