/*
 * The table of processes, and who of them can run.
 *
 *     hashed by pid:  [0] → 256 → …      the table; a process is in it from its creation
 *                     [1] → 1 → 257      until its parent has asked for its status
 *
 *     the ring:       ready → B → C → current → (B)
 *     waiting:        [hash of the channel] → D → E     each for its own channel
 *
 * `ready` has the next turn. A process that gives up its turn is passed, and stays in the
 * ring; one that enters the ring is the last of the round. One that waits is in a list
 * with those whose channels have the same hash: process_wake() looks at few.
 *
 * A deadline is looked for at a tick, and only when the earliest that was ever set has
 * come.
 *
 * Invariants:
 *   - READY ⟺ in the ring; WAITING ⟺ in a list of those that wait; else in neither.
 *   - no pid is given again while a process, a group or a session has it; numbers are
 *     used up before one is used again.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/timer.h>
#include <generated/config.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <mm/slab.h>
#include <user/process.h>

#define HASHES 64 /* of pids, and of channels; a power of two */

struct process *current;
uint32_t attention;
unsigned process_count;
int32_t process_last_pid;

static struct process *table[HASHES];
static struct process *waiting[HASHES];
static struct process *ready; /* whose turn is next; NULL: nobody can run */
static struct kmem_cache *cache;
static bool pids_were_all_used; /* at least once */
static unsigned timed; /* how many wait with a deadline */
static uint32_t earliest; /* no deadline is before it */

int32_t process_init(void)
{
	cache = kmem_cache_create("process", sizeof(struct process), _Alignof(struct process),
				  NULL);
	process_last_pid = 0;
	pids_were_all_used = false;
	attention = 0;
	return cache ? 0 : -ENOMEM;
}

void process_fini(void)
{
	BUG_ON(process_count || ready || timed);
	kmem_cache_destroy(cache);
	cache = NULL;
	current = NULL;
}

/* --- the table -------------------------------------------------------------------- */

static struct process **table_of(int32_t pid)
{
	return &table[pid % HASHES];
}

struct process *process_find(int32_t pid)
{
	struct process *process = pid > 0 ? *table_of(pid) : NULL;

	while (process && process->pid != pid)
		process = process->same;
	return process;
}

struct process *process_after(const struct process *process)
{
	unsigned next = 0;

	if (process) {
		if (process->same)
			return process->same;
		next = process->pid % HASHES + 1;
	}
	while (next < HASHES && !table[next])
		next++;
	return next < HASHES ? table[next] : NULL;
}

/* Whether a number is still some process's, group's or session's. */
static bool pid_is_used(int32_t pid)
{
	if (!pids_were_all_used)
		return false;
	for (struct process *each = process_after(NULL); each; each = process_after(each)) {
		if (each->pid == pid || each->group == pid || each->session == pid)
			return true;
	}
	return false;
}

static int32_t next_pid(void)
{
	do {
		if (process_last_pid == PID_MAX) {
			process_last_pid = 1; /* process 1 is there to the end */
			pids_were_all_used = true;
		}
		process_last_pid++;
	} while (pid_is_used(process_last_pid));
	return process_last_pid;
}

struct process *process_create(void)
{
	struct process *process = kmem_cache_alloc(cache);
	struct process **head;

	if (!process)
		return NULL;
	memset(process, 0, sizeof(*process));
	process->pid = next_pid();
	process->state = PROCESS_ENDED;
	process->started = timer_ticks;
	head = table_of(process->pid);
	process->same = *head;
	*head = process;
	process_count++;
	return process;
}

void process_free(struct process *process)
{
	struct process **link = table_of(process->pid);

	while (*link != process)
		link = &(*link)->same;
	*link = process->same;
	process_count--;
	kmem_cache_free(cache, process);
}

/* --- the ring --------------------------------------------------------------------- */

static void link_before(struct process *process, struct process *next)
{
	process->next = next;
	process->previous = next->previous;
	next->previous->next = process;
	next->previous = process;
}

static inline void join(struct process *process)
{
	process->state = PROCESS_READY;
	if (ready) {
		link_before(process, ready);
	} else {
		process->next = process->previous = process;
		ready = process;
	}
}

void process_join(struct process *process)
{
	join(process);
}

static inline void leave(struct process *process)
{
	if (process == ready)
		ready = process->next == process ? NULL : process->next;
	process->next->previous = process->previous;
	process->previous->next = process->next;
	if (process == current)
		attention |= ATTEND_SWITCH;
}

void process_leave(struct process *process)
{
	leave(process);
}

struct process *process_choose(void)
{
	struct process *chosen = ready;

	if (chosen)
		ready = chosen->next;
	return chosen;
}

/* --- waiting ---------------------------------------------------------------------- */

static struct process **waiting_for(const void *channel)
{
	uint32_t bits = (uintptr_t)channel;

	return &waiting[(bits >> 4 ^ bits >> 12) % HASHES];
}

void process_suspend(struct process *process, const void *channel)
{
	struct process **head = waiting_for(channel);

	leave(process);
	process->state = PROCESS_WAITING;
	process->channel = channel;
	process->woken_by_deadline = false;
	process->previous = NULL;
	process->next = *head;
	if (*head)
		(*head)->previous = process;
	*head = process;
}

/* Out of the list of those that wait. */
static inline void take_out(struct process *process)
{
	if (process->next)
		process->next->previous = process->previous;
	if (process->previous)
		process->previous->next = process->next;
	else
		*waiting_for(process->channel) = process->next;
	if (process->timed)
		timed--;
	process->timed = false;
	process->deaf = false;
}

void process_remove(struct process *process)
{
	if (process->state == PROCESS_WAITING)
		take_out(process);
}

void process_resume(struct process *process)
{
	process_remove(process);
	process_join(process);
}

int32_t process_wait(const void *channel)
{
	current->late |= LATE_WAITS;
	if (!current->has_signal) /* else it is seen first: attention says so */
		process_suspend(current, channel);
	return -EWAIT;
}

int32_t process_wait_until(const void *channel, uint32_t deadline)
{
	int32_t result = process_wait(channel);

	current->deadline = deadline;
	if (current->state != PROCESS_WAITING)
		return result;
	if (!timed++ || (int32_t)(deadline - earliest) < 0)
		earliest = deadline;
	current->timed = true;
	return result;
}

uint32_t process_deadline(uint32_t ticks)
{
	if (!(current->late & LATE_AGAIN))
		current->deadline = timer_ticks + ticks;
	return current->deadline;
}

bool process_is_late(uint32_t deadline)
{
	return (int32_t)(timer_ticks - deadline) >= 0;
}

unsigned process_wake_some(const void *channel, unsigned most)
{
	struct process *process = *waiting_for(channel);
	unsigned count = 0;

	while (process && count < most) {
		struct process *next = process->next;

		if (process->channel == channel) {
			take_out(process);
			join(process);
			count++;
		}
		process = next;
	}
	return count;
}

void process_wake(const void *channel)
{
	process_wake_some(channel, ~0u);
}

bool process_is_awaited(void)
{
	return timed > 0;
}

void process_tick(void)
{
	uint32_t now = timer_ticks;
	uint32_t nearest = now + INT32_MAX;

	if (!timed || !process_is_late(earliest))
		return;
	for (unsigned i = 0; i < HASHES; i++) {
		struct process *next;

		for (struct process *process = waiting[i]; process; process = next) {
			next = process->next;
			if (!process->timed)
				continue;
			if (process_is_late(process->deadline)) {
				process_resume(process);
				process->woken_by_deadline = true;
			} else if ((int32_t)(process->deadline - nearest) < 0) {
				nearest = process->deadline;
			}
		}
	}
	earliest = nearest;
}
