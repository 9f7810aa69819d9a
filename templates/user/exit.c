/*
 * The end of a process, and how its parent learns of it.
 *
 *     exit, a signal                     everything that it had is given back; its record
 *        │                               stays, ENDED, with the status
 *        ▼
 *     SIGCHLD to its parent, wake it     or the record goes at once, if the parent ignores
 *        │                               SIGCHLD
 *        ▼
 *     wait4()                            the record goes
 *
 * Children of who ends become process 1's. When process 1 ends, so do all others.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/timer.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <user/process.h>
#include <user/report.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

uint32_t init_status;
bool init_has_ended;

#define WNOHANG 1u
#define WUNTRACED 2u
#define WCONTINUED 8u
#define WNOTHREAD 0x20000000u
#define WALL 0x40000000u
#define WCLONE 0x80000000u

#define STOPPED 0x7f /* in the low byte of a wait status; the signal is in the next */

/* --- families --------------------------------------------------------------------- */

void process_adopt(struct process *parent, struct process *child)
{
	child->parent = parent;
	child->sibling = parent->children;
	parent->children = child;
}

void process_disown(struct process *child)
{
	struct process **link = &child->parent->children;

	while (*link != child)
		link = &(*link)->sibling;
	*link = child->sibling;
	child->parent = NULL;
	child->sibling = NULL;
}

void process_release_lender(struct process *process)
{
	struct process *lender = process->lender;

	process->lender = NULL;
	process->shares_space = false;
	if (lender && lender->state == PROCESS_WAITING)
		process_resume(lender);
}

/* Nobody asks for the status of an ended process: its record goes; the current one's later. */
static void forget(struct process *process)
{
	process_disown(process);
	if (process != current)
		process_free(process);
}

/* Whether a parent wants no statuses. */
static bool wants_no_children(const struct process *parent)
{
	const struct signal_action *action = &parent->signals->actions[SIGCHLD - 1];

	return action->handler == SIG_IGN || action->flags & SA_NOCLDWAIT;
}

/* An ended process's parent hears of it. */
static void tell_parent(struct process *process)
{
	struct process *parent = process->parent;
	uint32_t status = process->status;
	struct signal_info info = {
		.code = status & 0x7f ? CLD_KILLED : CLD_EXITED,
		.words = { process->pid, 0, status & 0x7f ? status & 0x7f : status >> 8 },
	};

	if (parent->state == PROCESS_ENDED)
		return; /* all end: nobody is left to hear of it */
	signal_send_info(parent, SIGCHLD, &info, NULL);
	process_wake(parent);
	if (wants_no_children(parent))
		forget(process);
}

/* Children of a process that ends go to process 1, which also reaps those that have ended. */
static void give_children_away(struct process *process)
{
	struct process *init = process_find(1);
	struct process *child;

	while ((child = process->children)) {
		process_disown(child);
		if (child->lender == process)
			child->lender = NULL;
		process_adopt(init, child);
		if (child->state == PROCESS_ENDED)
			tell_parent(child);
	}
}

/* --- the end ---------------------------------------------------------------------- */

static void leave_space(struct process *process)
{
	if (process->shares_space && process->clear_tid && process == current) {
		word_to_user(process->clear_tid, 0); /* fails if it is no address: its own loss */
		process_wake((const void *)process->clear_tid);
	}
	if (process == current)
		space_switch(NULL);
	if (process->space)
		space_put(process->space); /* process 1 has none if it could not be started */
	process->space = NULL;
	process_release_lender(process);
}

static void give_back(struct process *process)
{
	//% if cpu.fpu == "x87"
	fpu_forget(&process->fpu);
	//% endif
	leave_space(process);
	files_put(process->files);
	process->files = NULL;
	if (process->program)
		node_put(process->program);
	process->program = NULL;
	signals_free(process->signals);
	process->signals = NULL;
	process->has_signal = false;
	process->late = 0;
}

void process_end(struct process *process, uint32_t status)
{
	if (process->state == PROCESS_READY)
		process_leave(process);
	else if (process->state == PROCESS_WAITING || process->state == PROCESS_STOPPED)
		process_remove(process);
	else
		return; /* it has ended already */
	process->state = PROCESS_ENDED;
	process->status = status;
	user_account(process);
	give_back(process);
	if (process->pid == 1) {
		init_status = status;
		init_has_ended = true;
		return;
	}
	give_children_away(process);
	if (!init_has_ended)
		tell_parent(process);
}

void process_exit(uint32_t status)
{
	process_end(current, status);
}

int32_t sys_exit(uint32_t code)
{
	process_exit((code & 0xff) << 8);
	return 0;
}

int32_t sys_exit_group(uint32_t code)
{
	return sys_exit(code);
}

/* --- waiting for it --------------------------------------------------------------- */

/* Whether wait4(pid) means this child. */
static bool is_meant(const struct process *child, int32_t pid)
{
	if (pid > 0)
		return child->pid == pid;
	if (pid == -1)
		return true;
	return child->group == (pid ? -pid : current->group);
}

/* Whether there is something to tell of a child. */
static bool has_news(const struct process *child, uint32_t options)
{
	if (child->state == PROCESS_ENDED)
		return true;
	if (!child->stop_status)
		return false;
	return options & ((child->stop_status & 0xff) == STOPPED ? WUNTRACED : WCONTINUED);
}

/*
 * The oldest child of those that are meant and have news. NULL if there is none; *any tells
 * whether one is meant at all.
 */
static struct process *find_child(int32_t pid, uint32_t options, bool *any)
{
	struct process *found = NULL;

	*any = false;
	for (struct process *child = current->children; child; child = child->sibling) {
		if (!is_meant(child, pid))
			continue;
		*any = true;
		if (has_news(child, options))
			found = child;
	}
	return found;
}

/* struct rusage: user time in its first two words; nothing else is counted. */
static int32_t write_usage(uint32_t to, uint32_t ticks)
{
	uint32_t words[18] = { ticks / TIMER_HZ, ticks % TIMER_HZ * (1000000 / TIMER_HZ) };

	return to ? copy_to_user(to, words, sizeof(words)) : 0;
}

static int32_t wait_for_child(int32_t pid, uint32_t status, uint32_t options, uint32_t usage)
{
	struct process *child;
	uint32_t ticks;
	uint32_t how;
	bool any;
	int32_t told;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	child = find_child(pid, options, &any);
	if (!any || (options & (WALL | WCLONE)) == WCLONE)
		return -ECHILD;
	if (!child)
		return options & WNOHANG ? 0 : process_wait(current);
	told = child->pid;
	ticks = child->ticks;
	if (child->state != PROCESS_ENDED) {
		how = child->stop_status;
		child->stop_status = 0;
	} else { /* it is gone, even if nobody can be told how it ended */
		how = child->status;
		current->children_ticks += ticks + child->children_ticks;
		forget(child);
	}
	if ((status && word_to_user(status, how)) || write_usage(usage, ticks))
		return -EFAULT;
	return told;
}

int32_t sys_wait4(uint32_t pid, uint32_t status, uint32_t options, uint32_t usage)
{
	return wait_for_child(pid, status, options, usage);
}

int32_t sys_waitpid(uint32_t pid, uint32_t status, uint32_t options)
{
	return wait_for_child(pid, status, options, 0);
}
