/*
 * Processes: who runs, who waits, who has ended.
 */
#ifndef USER_PROCESS_H
#define USER_PROCESS_H

//% if cpu.fpu == "x87"
#include <arch/fpu.h>
//% endif
#include <arch/usermode.h>
#include <user/files.h>
#include <user/signal.h>
#include <user/space.h>

enum process_state {
	PROCESS_READY, /* in the ring of those that can run */
	PROCESS_WAITING, /* for whoever wakes `channel` */
	PROCESS_ENDED, /* until its parent asks for its status */
};

struct process {
	struct user_frame frame; /* its registers while the kernel runs */
	uint32_t fs, gs;
	struct segment tls[TLS_COUNT];
	//% if cpu.fpu == "x87"
	struct fpu_state fpu;
	//% endif

	enum process_state state;
	struct process *next, *previous; /* in the ring of those that are ready */
	const void *channel; /* what it waits for */
	uint32_t deadline; /* in ticks, if `timed` */
	bool timed;
	bool woken_by_deadline;

	int32_t pid, group, session;
	struct process *parent;
	struct process *children, *sibling; /* lists */
	uint32_t status; /* as wait4() gives it */
	char name[16]; /* of its program */

	struct space *space;
	struct files *files;
	struct node *program; /* /proc/self/exe */
	struct signals *signals;
	uint32_t clear_tid; /* set_tid_address() */
	uint32_t progress; /* bytes that a call which waits has moved already */
};

/* Who is running, or ran last: whose system call or fault is being handled. */
extern struct process *current;

/*
 * The current process must wait until process_wake(channel), or a signal. A system call
 * returns what this returns, -EWAIT, and is then made again from its beginning; so before
 * it calls this it has changed nothing but what it can go on from. If a signal is there
 * already: -EINTR.
 */
int32_t process_wait(const void *channel);

/* The same, but at most until timer_ticks reaches `deadline`. */
int32_t process_wait_until(const void *channel, uint32_t deadline);

/* All that wait for it can run. */
void process_wake(const void *channel);

/* End the current process. `status` is a wait status: exit code << 8, or the signal that killed it. */
void process_exit(uint32_t status);

/* The process of a pid; NULL. */
struct process *process_find(int32_t pid);

/* Run process 1, `path` with `arguments`, and all that it starts, to its end. Its wait status. */
uint32_t processes_run(const char *path, const char *const arguments[]);

#endif /* USER_PROCESS_H */
