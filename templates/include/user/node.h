/*
 * Nodes: what has a name in the tree of files, and what has a content.
 *
 * All files are in memory. Those that came with the boot, Multiboot modules and what a cpio
 * archive among them holds, are read-only and stay where the loader put them; what programs
 * write is in frames of its own, below /tmp. A few are made when they are read (/proc).
 */
#ifndef USER_NODE_H
#define USER_NODE_H

#include <user/errno.h>

struct node;

/* Count one more user of a node; one fewer: the last one of a removed file frees it. */
void node_get(struct node *node);
void node_put(struct node *node);

/* Bytes of a file's content. */
uint32_t node_size(const struct node *node);

/* Copy up to n bytes at `offset` into kernel memory. Returns how many there were. */
size_t node_read(struct node *node, uint32_t offset, void *to, size_t n);

/*
 * The frame that holds page `index` of a file's content, to be mapped by programs as it is.
 * It belongs to the node, which keeps it as long as it has users. PHYS_NONE where no frame
 * can be shown: past the content's last page; where the content is not in whole pages (a file in
 * an archive; a module's last page, which others' bytes follow): node_read() gives those.
 *
 * With `grow` a page of a /tmp file that was never written gets a zeroed frame (a shared
 * mapping writes to it); PHYS_NONE then means that memory has run out.
 */
phys_addr_t node_page(struct node *node, uint32_t index, bool grow);

/* A path for people, "/bin/hello", cut to `size` bytes with the NUL. */
void node_path(const struct node *node, char *to, size_t size);

/*
 * The node of a path, which begins at the current directory of the current process unless with a slash. Follows
 * links. 0 and *node with a user more, or -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG.
 */
int32_t node_find(const char *path, struct node **node);

/* Whether a node may be executed: a regular file with an execute bit; modules all have one. */
bool node_is_executable(const struct node *node);

/* Build the tree: /dev, /proc, /tmp, the modules, archives unpacked. 0 or -ENOMEM. */
int32_t nodes_init(void);

/* Free everything again: no process is left. */
void nodes_exit(void);

#endif /* USER_NODE_H */
