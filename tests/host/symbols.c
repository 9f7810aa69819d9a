/*
 * Functions of an ELF file: reads addresses, answers each with the function that it is in, or
 * "-". Usage: symbols FILE [SEED]; with a seed some bytes of the file are changed before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/symbol.h>

struct node {
	unsigned char *content;
	size_t size;
};

size_t node_read(struct node *node, uint32_t offset, void *to, size_t n)
{
	size_t there = offset < node->size ? node->size - offset : 0;

	n = MIN(n, there);
	memcpy(to, node->content + offset, n);
	return n;
}

int main(int argc, char **argv)
{
	static unsigned char content[1 << 20];
	struct node node = { .content = content };
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
	unsigned addr;

	if (!file)
		return 2;
	node.size = fread(content, 1, sizeof(content), file);
	if (argc > 2) {
		srand(atoi(argv[2]));
		for (int i = 0; i < 40; i++) {
			size_t back = rand() % 2000 + 1;
			size_t at = rand() % 2 ? (size_t)rand() % 52 : node.size - back;

			content[at] = rand();
		}
	}
	while (scanf("%x", &addr) == 1) {
		char text[64];
		bool is_known = symbol_describe(&node, addr, text, sizeof(text));

		for (char *c = text; *c; c++)
			*c = *c < ' ' || *c > '~' ? '?' : *c; /* as the log has it */
		printf("%s\n", is_known ? text : "-");
	}
	return 0;
}
