#include <user/process.h>
#include <user/files.h>
#include <user/uaccess.h>
#include <kernel/string.h>
#include <arch/paging.h>
#include <mm/page.h>
struct process *current;
int32_t copy_from_user(void *to, uint32_t from, size_t size)
{
	memcpy(to, (void *)from, size);
	return 0;
}
int32_t copy_to_user(uint32_t to, const void *from, size_t size)
{
	memcpy((void *)to, from, size);
	return 0;
}
struct node *files_node(int32_t fd, bool *w)
{
	(void)fd;
	(void)w;
	return NULL;
}
struct node {
	const char *text;
	uint32_t size;
	int users;
	phys_addr_t frame;
};
void node_get(struct node *n)
{
	n->users++;
}
void node_put(struct node *n)
{
	n->users--;
}
uint32_t node_size(const struct node *n)
{
	return n->size;
}
size_t node_read(struct node *n, uint32_t off, void *to, size_t k)
{
	k = MIN(k, n->size - off);
	for (size_t i = 0; i < k; i++)
		((char *)to)[i] = n->text[off + i];
	return k;
}
phys_addr_t node_page(struct node *n, uint32_t i, bool g)
{
	(void)g;
	if ((i + 1) * PAGE_SIZE > n->size)
		return 0;
	return VIRT_TO_PHYS((uintptr_t)n->text) + i * PAGE_SIZE;
}
void node_path(const struct node *n, char *to, size_t s)
{
	(void)n;
	memcpy(to, "/x", MIN(s, 3u));
}
