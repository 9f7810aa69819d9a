/*
 * Pipes: a ring of bytes between those who write and those who read.
 *
 * `written` and `read` count bytes since the pipe was empty last. They may wrap: the
 * ring's size is a power of two. It is 16 pages, each of which has a frame only while bytes
 * are in it:
 *
 *     pages[0]     pages[1]     pages[2]                 pages[15]
 *     |....xxxxxxxx|xxxxxxxxxxxx|xxxxx.......|   NULL    |
 *          ^ read                    ^ written
 *
 * One that holds few bytes at a time stays in its first page, and keeps that.
 *
 * A process that must wait waits for the address of a flag in the pipe. The flag says that
 * somebody waits: without it nobody is looked for.
 *
 * Invariants: written - read <= PIPE_SIZE; a page that holds bytes has a frame.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/paging.h>
#include <kernel/panic.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <user/file.h>

#define PIPE_PAGES (PIPE_SIZE / PAGE_SIZE)

struct pipe {
	uint32_t written, read; /* bytes */
	uint32_t readers, writers; /* open files */
	bool readers_wait, writers_wait;
	char *pages[PIPE_PAGES];
};

static struct kmem_cache *pipe_cache;

bool pipes_init(void)
{
	pipe_cache = kmem_cache_create("pipe", sizeof(struct pipe), 0, NULL);
	return pipe_cache;
}

void pipes_exit(void)
{
	kmem_cache_destroy(pipe_cache);
	pipe_cache = NULL;
}

int32_t pipe_create(struct file *ends[2], uint32_t flags)
{
	struct pipe *pipe = kmem_cache_alloc(pipe_cache);

	ends[0] = file_create(FILE_PIPE, O_RDONLY | flags);
	ends[1] = file_create(FILE_PIPE, O_WRONLY | flags);
	if (!pipe || !ends[0] || !ends[1]) {
		for (unsigned i = 0; i < 2; i++) {
			if (ends[i])
				file_free(ends[i]);
		}
		kmem_cache_free(pipe_cache, pipe);
		return -ENFILE;
	}
	*pipe = (struct pipe){ .readers = 1, .writers = 1 };
	ends[0]->pipe = pipe;
	ends[1]->pipe = pipe;
	return 0;
}

static void free_page(struct pipe *pipe, uint32_t page)
{
	if (pipe->pages[page])
		free_pages(VIRT_TO_PHYS((uintptr_t)pipe->pages[page]), 0);
	pipe->pages[page] = NULL;
}

static void wake_readers(struct pipe *pipe)
{
	if (pipe->readers_wait) {
		pipe->readers_wait = false;
		process_wake(&pipe->readers_wait);
	}
	pollers_wake();
}

static void wake_writers(struct pipe *pipe)
{
	if (pipe->writers_wait) {
		pipe->writers_wait = false;
		process_wake(&pipe->writers_wait);
	}
	pollers_wake();
}

void pipe_close(struct file *file)
{
	struct pipe *pipe = file->pipe;

	if (file_can_read(file)) {
		if (!--pipe->readers)
			wake_writers(pipe); /* to be told that nobody reads */
	} else {
		if (!--pipe->writers)
			wake_readers(pipe); /* to see the end */
	}
	if (pipe->readers || pipe->writers)
		return;
	for (uint32_t page = 0; page < PIPE_PAGES; page++)
		free_page(pipe, page);
	kmem_cache_free(pipe_cache, pipe);
}

uint32_t pipe_bytes(const struct pipe *pipe)
{
	return pipe->written - pipe->read;
}

bool pipe_has_reader(const struct pipe *pipe)
{
	return pipe->readers;
}

uint32_t pipe_room(const struct pipe *pipe)
{
	return PIPE_SIZE - pipe_bytes(pipe);
}

/* So many bytes were read: free what they leave empty. */
static void advance(struct pipe *pipe, uint32_t n)
{
	uint32_t page = pipe->read % PIPE_SIZE / PAGE_SIZE;

	pipe->read += n;
	if (pipe->read == pipe->written) {
		if (page)
			free_page(pipe, page);
		pipe->read = 0;
		pipe->written = 0;
	} else if (!(pipe->read % PAGE_SIZE)) {
		free_page(pipe, page);
	}
}

int32_t pipe_read(struct pipe *pipe, uint32_t to, uint32_t n)
{
	uint32_t done = 0;

	if (pipe->read == pipe->written)
		return pipe->writers && n ? -EAGAIN : 0;
	while (done < n && pipe->read != pipe->written) {
		uint32_t at = pipe->read % PIPE_SIZE;
		uint32_t part = MIN(MIN(n - done, pipe_bytes(pipe)), PAGE_SIZE - at % PAGE_SIZE);

		if (copy_to_user(to + done, pipe->pages[at / PAGE_SIZE] + at % PAGE_SIZE, part)) {
			if (!done)
				return -EFAULT;
			break;
		}
		advance(pipe, part);
		done += part;
	}
	wake_writers(pipe);
	return (int32_t)done;
}

/* The page that the next byte goes to; NULL if memory ran out. */
static char *page_to_write(struct pipe *pipe, uint32_t at)
{
	char **page = &pipe->pages[at / PAGE_SIZE];
	phys_addr_t frame;

	if (*page)
		return *page;
	frame = kernel_may_spare() ? alloc_pages(ZONE_DIRECT, 0) : PHYS_NONE;
	if (frame)
		*page = phys_to_virt(frame);
	return *page;
}

int32_t pipe_write(struct pipe *pipe, uint32_t from, uint32_t n, bool kernel)
{
	uint32_t done = 0;
	int32_t error = 0;

	if (!n)
		return 0;
	if (!pipe->readers)
		return -EPIPE;
	if (pipe_room(pipe) < (n > PIPE_ATOMIC ? 1 : n))
		return -EAGAIN;
	while (done < n && pipe_room(pipe)) {
		uint32_t at = pipe->written % PIPE_SIZE;
		uint32_t part = MIN(MIN(n - done, pipe_room(pipe)), PAGE_SIZE - at % PAGE_SIZE);
		char *page = page_to_write(pipe, at);

		error = page ? bytes_in(page + at % PAGE_SIZE, from + done, part, kernel) : -ENOMEM;
		if (error)
			break;
		pipe->written += part;
		done += part;
	}
	if (error && !done)
		return error;
	wake_readers(pipe);
	return (int32_t)done;
}

/* A signal that is there already, or the process sleeps: then somebody waits. */
static int32_t wait_for(bool *flag)
{
	*flag = true;
	return process_wait(flag);
}

int32_t pipe_wait_to_read(struct pipe *pipe)
{
	return wait_for(&pipe->readers_wait);
}

int32_t pipe_wait_to_write(struct pipe *pipe)
{
	return wait_for(&pipe->writers_wait);
}

/*
 * The common cases, short: all of it is in one page that is there, or there is nothing to
 * read yet. Else -EAGAIN, with nothing done: pipe_write() and pipe_read() know what is to be
 * done then.
 */
int32_t pipe_write_few(struct pipe *pipe, uint32_t from, uint32_t n)
{
	uint32_t at = pipe->written % PIPE_SIZE;
	char *page = pipe->pages[at / PAGE_SIZE];

	if (n > PAGE_SIZE - at % PAGE_SIZE || !page || !pipe->readers || n > pipe_room(pipe))
		return -EAGAIN;
	if (copy_from_user(page + at % PAGE_SIZE, from, n))
		return -EFAULT;
	pipe->written += n;
	if (pipe->readers_wait || somebody_polls)
		wake_readers(pipe);
	return (int32_t)n;
}

int32_t pipe_read_few(struct file *file, uint32_t to, uint32_t n)
{
	struct pipe *pipe = file->pipe;
	uint32_t at = pipe->read % PIPE_SIZE;
	uint32_t there = pipe_bytes(pipe);

	if (!there && n && pipe->writers && !(file->flags & O_NONBLOCK) && user_range(to, n))
		return pipe_wait_to_read(pipe);
	n = MIN(n, there);
	if (!n || n > PAGE_SIZE - at % PAGE_SIZE)
		return -EAGAIN;
	if (copy_to_user(to, pipe->pages[at / PAGE_SIZE] + at % PAGE_SIZE, n))
		return -EFAULT;
	if (n == pipe->written && at < PAGE_SIZE)
		pipe->read = pipe->written = 0; /* empty, and its first page stays */
	else
		advance(pipe, n);
	if (pipe->writers_wait || somebody_polls)
		wake_writers(pipe);
	return (int32_t)n;
}

unsigned pipe_poll(const struct file *file)
{
	const struct pipe *pipe = file->pipe;
	unsigned events = 0;

	if (file_can_read(file)) {
		if (pipe_bytes(pipe))
			events |= POLL_IN;
		if (!pipe->writers)
			events |= POLL_HANGUP;
	} else {
		if (pipe_room(pipe) >= PIPE_ATOMIC)
			events |= POLL_OUT;
		if (!pipe->readers)
			events |= POLL_ERROR;
	}
	return events;
}
