/* As little as a C library does: musl, statically linked. */
#include <stdio.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%s%s", argv[i], i + 1 < argc ? " " : "\n");
	printf("hello from musl, pi is %.5f\n", 355.0 / 113.0);
	return 0;
}
