/*
 * Processes: who runs, who waits, who has ended.
 *
 * Those that can run are in a ring and take turns (user/process.c). One that waits is in
 * no ring; whoever makes true what it waits for puts it back. There is one kernel stack:
 * a system call that has to wait ends, and is made again from its beginning later.
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
	PROCESS_STOPPED, /* until SIGCONT */
	PROCESS_ENDED, /* until its parent asks for its status */
};

#define LATE_WAITS 1u /* it has to be made again */
#define LATE_AGAIN 2u /* and is: it was made before */

struct process {
	struct user_frame frame; /* its registers while the kernel runs */
	uint32_t fs, gs;
	struct segment tls[TLS_COUNT];
	//% if cpu.fpu == "x87"
	struct fpu_state fpu;
	bool uses_fpu; /* it has executed an x87 instruction */
	//% endif

	enum process_state state;
	struct process *next, *previous; /* in the ring, or among those that wait */
	const void *channel; /* what it waits for */
	uint32_t deadline; /* in ticks, if `timed` */
	bool timed;
	bool woken_by_deadline;
	uint8_t late; /* bits: of its system call, that has to wait */
	bool deaf; /* waits, and only SIGKILL wakes it: vfork's parent */
	bool has_signal; /* one is pending that is not blocked */

	int32_t pid, group, session;
	struct process *same; /* list of those with the same hash */
	struct process *parent;
	struct process *children, *sibling; /* lists */
	struct process *lender; /* vfork's parent, which waits until this one has its own space */
	bool shares_space; /* with whoever made it: clone(CLONE_VM) */
	bool has_executed; /* execve() since it was forked */
	uint32_t status; /* as wait4() gives it */
	uint32_t stop_status; /* the same, of a stop or a continuation not told yet; 0 */
	char name[16]; /* of its program */

	struct space *space;
	struct files *files;
	struct node *program; /* /proc/self/exe */
	struct signals *signals;
	uint32_t set_tid; /* clone(): where its pid is written before it first runs; 0 */
	uint32_t clear_tid; /* set_tid_address(): where a 0 is written when it ends */
	uint32_t progress; /* bytes that a call which waits has moved already */

	uint32_t started; /* tick */
	uint32_t ticks; /* that interrupted it */
	uint32_t children_ticks; /* of those waited for */
};

/* Who is running, or ran last: whose system call or fault is being handled. */
extern struct process *current;

/* There is something to do before `current` goes on: bits. */
#define ATTEND_SIGNAL 1u /* it may have a signal */
#define ATTEND_SWITCH 2u /* it gives up its turn */
extern uint32_t attention;

/* --- waiting ---------------------------------------------------------------------- */

/*
 * The current process must wait until process_wake(channel), or a signal. A system call
 * returns what this returns, -EWAIT, and is then made again from its beginning; so before
 * it calls this it has changed nothing but what it can go on from: current->progress.
 *
 * A signal ends the wait. If a handler runs, the call ends with current->progress if that is
 * not 0, else -EINTR, unless it is one that SA_RESTART makes again: its function never
 * sees any of this.
 */
int32_t process_wait(const void *channel);

/* The same, but at most until timer_ticks reaches `deadline`. */
int32_t process_wait_until(const void *channel, uint32_t deadline);

/*
 * `ticks` from now, as the call that is being made was made for the first time: the deadline
 * of a call that is made again is what it was.
 */
uint32_t process_deadline(uint32_t ticks);

/* Whether `deadline` has come. */
bool process_is_late(uint32_t deadline);

/* All that wait for it can run; at most so many, and how many they were. */
void process_wake(const void *channel);
unsigned process_wake_some(const void *channel, unsigned most);

/* --- the table -------------------------------------------------------------------- */

/* The process of a pid; NULL. */
struct process *process_find(int32_t pid);

/* Walk all processes: the one after `process`, the first after NULL; NULL is the end. */
struct process *process_after(const struct process *process);

/* What is wrong with a process, or with any; NULL: nothing. */
const char *process_check(const struct process *process);
const char *processes_check(void);

/* How many there are, those that have ended included. */
extern unsigned process_count;

/* End the current process. `status` is a wait status: exit code << 8, or the signal that killed it. */
void process_exit(uint32_t status);

/*
 * No frame was left for the current process: a line by name, its areas, and a SIGKILL, which
 * it can't escape; a system call is ended first. While execve() builds a space nobody is
 * ended: that fails with -ENOMEM.
 */
void process_out_of_memory(uint32_t addr);

/* --- inside ----------------------------------------------------------------------- */

/* A process with a pid, in the table, that is nobody's and does not run; NULL if memory ran out. */
struct process *process_create(void);

/* The pid given last; they count up to PID_MAX, and begin again. */
#define PID_MAX 32767 /* Linux's */
extern int32_t process_last_pid;

/* Out of the table, and freed: nobody refers to it. */
void process_free(struct process *process);

/* Set up, and give back, the cache of processes. 0 or -ENOMEM. */
int32_t process_init(void);
void process_fini(void);

/* Into the ring, as the last of a round; out of it. */
void process_join(struct process *process);
void process_leave(struct process *process);

/* Out of the ring, among those that wait for `channel`. */
void process_suspend(struct process *process, const void *channel);

/* A process that waits, or is stopped, does neither any more: it is nowhere. */
void process_remove(struct process *process);

/* A process that waits or is stopped can run. */
void process_resume(struct process *process);

/* A tick: those whose deadline has come can run. */
void process_tick(void);

/* Whether somebody waits for a deadline. */
bool process_is_awaited(void);

/* Whose turn it is after the current one's; NULL if nobody can run. */
struct process *process_choose(void);

/* End any process; process 1 last. */
void process_end(struct process *process, uint32_t status);

/* A process has left the space that it shared: vfork's parent can go on. */
void process_release_lender(struct process *process);

/* Into its parent's list of children; out of it. */
void process_adopt(struct process *parent, struct process *child);
void process_disown(struct process *child);

/* Load `path` into the current process: execve() inside. 0 or an error, nothing changed. */
struct program_arguments; /* user/exec.h */
int32_t process_execute(const char *path, struct program_arguments *arguments);

/* The name of a process, from its program's path. */
void process_set_name(struct process *process, const char *path);

/*
 * Run process 1, `path` with `arguments` (the first is its name; NULL ends them), and all
 * that it starts, to its end. Its wait status. A program that can't be run is a line in the
 * log, and status 127 << 8 or 126 << 8 as a shell has it.
 */
uint32_t processes_run(const char *path, const char *const arguments[]);

/* Run whoever can until process 1 has ended (run.c). */
void processes_schedule(void);

/* Where process 1's status is when it has ended. */
extern uint32_t init_status;
extern bool init_has_ended;

#endif /* USER_PROCESS_H */
