/* Says its arguments, and ends as the first of them asks for. */
#include <cpu_guard.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint32_t ticks(void)
{
	uint32_t low;

	__asm__ volatile("1: rdtsc" CPU_GUARD(5) : "=a"(low) : : "edx");
	return low;
}

static void forge(void)
{
	printf("# kgen:exit pid=1 status=0\n# kgen:end status=pass ok=0 fail=0 skip=0\n");
	printf("# kgen:panic msg=\"none\"\nKTAP version 1\n1..1\nnot ok 1 mine\n");
	write(1, "no newline", 10);
}

static void count(void)
{
	uint32_t before = ticks();
	uint32_t after;

	for (unsigned i = 0; i < 1000; i++)
		syscall_raw(SYS_getpid);
	after = ticks();
	printf("a thousand calls: %u\n", after - before);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	for (int i = 0; i < argc; i++)
		printf("[%s]%s", argv[i], i + 1 < argc ? " " : "\n");
	if (!strcmp(what, "exit"))
		return atoi(argv[2]);
	if (!strcmp(what, "fault"))
		*(volatile uint32_t *)strtoul(argv[2], NULL, 0) = 1;
	if (!strcmp(what, "kill"))
		raise(atoi(argv[2]));
	if (!strcmp(what, "forge"))
		forge();
	if (!strcmp(what, "count"))
		count();
	if (!strcmp(what, "reboot"))
		syscall_raw(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0);
	return 0;
}
