/*
 * Open files from within: what their kinds share, and system calls on them.
 *
 * user/files.h is what the rest of user space needs of it.
 */
#ifndef USER_FILE_H
#define USER_FILE_H

#include <kernel/string.h>
#include <user/files.h>
#include <user/process.h>
#include <user/tree.h>
#include <user/uaccess.h>

/* Flags of open(); the values are Linux's for i386. */
#define O_ACCMODE 03
#define O_RDONLY 00
#define O_WRONLY 01
#define O_RDWR 02
#define O_CREAT 0100
#define O_EXCL 0200
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_LARGEFILE 0100000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_CLOEXEC 02000000
#define O_PATH 010000000

#define AT_FDCWD (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define AT_EACCESS 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_NO_AUTOMOUNT 0x800
#define AT_EMPTY_PATH 0x1000
#define AT_STATX_SYNC 0x6000

#define FILES_INLINE 16 /* descriptors that a table has from its beginning */
#define FILES_MAX 1024 /* that it can have */

/* The most that one read or write moves; Linux's. */
#define RW_MAX 0x7ffff000u

struct pipe;

/* What an open file is of. */
enum file_kind { FILE_NODE, FILE_PIPE };

struct file {
	uint32_t users; /* descriptors */
	uint32_t flags; /* O_* */
	uint32_t offset; /* of the next byte; in a directory, the next entry's cookie */
	enum file_kind kind;
	union {
		struct node *node;
		struct pipe *pipe;
	};
};

struct files {
	uint32_t users; /* processes */
	uint32_t size; /* descriptors that `open` has */
	uint32_t end; /* all from here on are free */
	uint32_t umask;
	struct node *directory;
	struct file **open; /* `inlined`, or an array of its own */
	struct file *inlined[FILES_INLINE];
	uint32_t close_on_exec[FILES_MAX / 32]; /* bits */
};

/* The current process's open file of a descriptor; NULL: there is none. */
static inline struct file *file_of(uint32_t fd)
{
	const struct files *files = current->files;

	return fd < files->end ? files->open[fd] : NULL;
}

static inline bool file_can_read(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_WRONLY && !(file->flags & O_PATH);
}

static inline bool file_can_write(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY && !(file->flags & O_PATH);
}

/* Whether it has an offset that can be set: not a pipe, nor the console. */
static inline bool file_can_seek(const struct file *file)
{
	return file->kind == FILE_NODE &&
	       (file->node->kind != NODE_DEVICE || file->node->device != DEVICE_CONSOLE);
}

/* --- user/files.c ------------------------------------------------------------------ */

/* An open file that one user has; it takes the node's or pipe's user over. NULL: -ENFILE. */
struct file *file_create(enum file_kind kind, uint32_t flags);
void file_put(struct file *file);

/* Undo file_create(): it has no node or pipe yet. */
void file_free(struct file *file);

/* Give an open file the lowest free descriptor from `from` on. -EMFILE; the user stays the caller's then. */
int32_t files_add(struct file *file, uint32_t from, bool close_on_exec);

/* Free a descriptor. 0 or -EBADF. */
int32_t files_close(struct files *files, uint32_t fd);

/* Make `to` mean `file`, whatever it meant. */
int32_t files_replace(struct file *file, uint32_t to, bool close_on_exec);

/* Of an open descriptor: whether execve() closes it. */
bool files_closes_on_exec(const struct files *files, uint32_t fd);
void files_set_close_on_exec(struct files *files, uint32_t fd, bool on);

bool files_init(void);
void files_exit(void);

/* --- user/pipe.c -------------------------------------------------------------------- */

#define PIPE_SIZE 0x10000 /* bytes that a pipe can hold; Linux's */
#define PIPE_ATOMIC 4096 /* PIPE_BUF: a write of so many bytes is not mixed with others' */

/* Both ends of a new pipe; 0, -ENFILE or -ENOMEM. */
int32_t pipe_create(struct file *ends[2], uint32_t flags);
void pipe_close(struct file *file);

/*
 * Move what can be moved now. How many bytes; 0 at the end of file; -EAGAIN if the caller
 * has to wait; -EPIPE, -EFAULT. A write of up to PIPE_ATOMIC bytes moves all or nothing.
 */
int32_t pipe_read(struct pipe *pipe, uint32_t to, uint32_t n);
int32_t pipe_write(struct pipe *pipe, uint32_t from, uint32_t n, bool kernel);

/* Few bytes, in the common case, -EWAIT among them: -EAGAIN if it is another, and nothing was done. */
int32_t pipe_write_few(struct pipe *pipe, uint32_t from, uint32_t n);
int32_t pipe_read_few(struct file *file, uint32_t to, uint32_t n);

/* Wait until that may have changed. */
int32_t pipe_wait_to_read(struct pipe *pipe);
int32_t pipe_wait_to_write(struct pipe *pipe);

uint32_t pipe_bytes(const struct pipe *pipe);
bool pipe_has_reader(const struct pipe *pipe);
uint32_t pipe_room(const struct pipe *pipe);
unsigned pipe_poll(const struct file *file);

bool pipes_init(void);
void pipes_exit(void);

/* --- user/console.c ------------------------------------------------------------------- */

void console_init(void);
int32_t console_read(uint32_t to, uint32_t n); /* as pipe_read() */
int32_t console_write(uint32_t from, uint32_t n, bool kernel);
int32_t console_wait(void);
bool console_has_input(void);
int32_t console_control(uint32_t request, uint32_t argument);

/* --- user/device.c ---------------------------------------------------------------------- */

int32_t device_read(enum device device, uint32_t to, uint32_t n);
int32_t device_write(enum device device, uint32_t from, uint32_t n, bool kernel);

/* --- user/poll_calls.c ------------------------------------------------------------------- */

/* Events of poll(); the values are Linux's. */
#define POLL_IN 0x001
#define POLL_OUT 0x004
#define POLL_ERROR 0x008
#define POLL_HANGUP 0x010
#define POLL_INVALID 0x020
#define POLL_READ_NORMAL 0x040
#define POLL_WRITE_NORMAL 0x100

/* Those that poll look again. */
extern bool somebody_polls;
void pollers_look(void);
static inline void pollers_wake(void)
{
	if (somebody_polls)
		pollers_look();
}

unsigned file_poll(const struct file *file);

/* Move bytes without waiting, at *offset, which grows; as pipe_read() and pipe_write(). */
int32_t file_read_some(struct file *file, uint32_t to, uint32_t n, uint32_t *offset);
int32_t file_write_some(struct file *file, uint32_t from, uint32_t n, uint32_t *offset,
			bool kernel);

/* Wait for a file that answered -EAGAIN; -EAGAIN again where its flags say not to. */
int32_t file_wait_to_read(struct file *file);
int32_t file_wait_to_write(struct file *file);

/* --- user/path_calls.c ------------------------------------------------------------------- */

/* Two paths of the current program's, copied: which = 0, 1. NULL and *error. */
const char *path_from_user(unsigned which, uint32_t path, int32_t *error);

/* Walk a path of the current program's that begins at a directory's descriptor. */
int32_t path_at(unsigned which, uint32_t fd, uint32_t path, unsigned flags, struct walk *walk);

/* Copy from the current program, or within the kernel. 0 or -EFAULT. */
static inline int32_t bytes_in(void *to, uint32_t from, size_t n, bool kernel)
{
	if (!kernel)
		return copy_from_user(to, from, n);
	memcpy(to, (const void *)(uintptr_t)from, n);
	return 0;
}

#endif /* USER_FILE_H */
