/*
 * Open files, and the table of descriptors that a process has of them.
 */
#ifndef USER_FILES_H
#define USER_FILES_H

#include <user/errno.h>

struct file; /* an open file: what dup() and fork() share */
struct files; /* descriptors, umask, current directory */

/* A table with the console as 0, 1 and 2, and / as current directory; NULL if memory ran out. */
struct files *files_create(void);

/* fork: a table of its own that shares the open files; NULL if memory ran out. */
struct files *files_clone(const struct files *files);

/* clone(CLONE_FILES) shares the table itself. */
void files_get(struct files *files);
void files_put(struct files *files);

/* execve: close what is marked so. */
void files_close_on_exec(struct files *files);

/* The node of a descriptor of the current process, for mmap: NULL if it is not of a file. */
struct node *files_node(int32_t fd, bool *writable);

/* The current directory of the current process; the root if there is no process. */
struct node *files_directory(void);

/*
 * Take what has come in at the console, and wake who waits for it. The run loop calls it at
 * each tick, and before it halts.
 */
void console_poll(void);

/* Whether somebody may wait for what comes in there. */
bool console_is_awaited(void);

#endif /* USER_FILES_H */
