/* buddy_index_size() at the end of a pipe: PAGES MAX_ORDER gives bytes. */
#include "bare.h"

#include <mm/buddy.h>

static size_t number(char **at)
{
	size_t value = 0;

	for (; **at >= '0' && **at <= '9'; ++*at)
		value = value * 10 + (**at - '0');
	return value;
}

int run(void)
{
	char *line;

	while ((line = next_line())) {
		size_t pages = number(&line);

		line++;
		say("%lu\n", (unsigned long)buddy_index_size(pages * PAGE_SIZE, number(&line)));
	}
	return 0;
}
