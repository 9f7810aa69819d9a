/*
 * Signals: sent, pending, delivered.
 *
 * A signal that is sent is pending until its receiver is about to go on in ring 3. Then,
 * in order of numbers, each that is not blocked is taken: ignored, or the process ends or
 * stops, or its registers go to its stack and it goes on in a handler
 * (user/signal_frame.c). An ignored one is not even pending, unless it is blocked.
 *
 * A fault of the process's own is delivered at once, as the next instruction would fault
 * again; if it is blocked or ignored, that ends the process.
 *
 * A signal that comes while a system call waits ends the wait. The call's instruction
 * is still where EIP is (user/syscall.c). If a handler runs, the call ends instead:
 *     with what it has moved already, if that is something,
 *     or is made again when the handler returns, if SA_RESTART says so and the call is of
 *     the kind, or with -EINTR.
 * If no handler runs, it is made again, and nobody sees the difference.
 *
 * Process 1 is not ended by what others send (as in Linux); what it sends itself, and its
 * own faults, do end it.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/bits.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <user/process.h>
#include <user/report.h>
#include <user/syscall.h>

#define STOPS \
	(SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define IGNORED \
	(SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))
#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

/* --- a process's -------------------------------------------------------------------- */

struct signals *signals_create(void)
{
	return kzalloc(sizeof(struct signals));
}

struct signals *signals_clone(const struct signals *signals)
{
	struct signals *clone = kmalloc(sizeof(*clone));

	if (!clone)
		return NULL;
	clone->mask = signals->mask;
	clone->pending = 0;
	clone->is_replaced = false;
	clone->stack = signals->stack;
	memcpy(clone->actions, signals->actions, sizeof(clone->actions));
	return clone;
}

void signals_free(struct signals *signals)
{
	kfree(signals);
}

void signals_exec(struct signals *signals)
{
	for (unsigned i = 0; i < SIGNAL_MAX; i++) {
		struct signal_action *action = &signals->actions[i];
		uint32_t handler = action->handler == SIG_IGN ? SIG_IGN : SIG_DFL;

		*action = (struct signal_action){ .handler = handler };
	}
	signals->stack = (struct signal_stack){ .flags = 0 };
}

bool signal_is_pending(const struct process *process)
{
	return process->has_signal;
}

/* Pending signals or mask have changed. */
static void look_again(struct process *process)
{
	struct signals *signals = process->signals;

	process->has_signal = signals->pending & ~signals->mask;
	if (process->has_signal && process == current)
		attention |= ATTEND_SIGNAL;
}

void signal_set_mask(struct process *process, signal_set mask)
{
	process->signals->mask = mask & ~UNBLOCKABLE;
	look_again(process);
}

void signal_replace_mask(signal_set mask)
{
	struct signals *signals = current->signals;

	if (!signals->is_replaced)
		signals->saved = signals->mask;
	signals->is_replaced = true;
	signal_set_mask(current, mask);
}

void signal_restore_mask(void)
{
	struct signals *signals = current->signals;

	if (!signals->is_replaced)
		return;
	signals->is_replaced = false;
	signal_set_mask(current, signals->saved);
}

bool signal_is_ignored(const struct process *process, unsigned number)
{
	uint32_t handler = process->signals->actions[number - 1].handler;

	if (handler == SIG_DFL)
		return IGNORED & SIGNAL_BIT(number);
	return handler == SIG_IGN;
}

/* --- sending ------------------------------------------------------------------------ */

/* A stop undoes a continuation that is pending, and the other way round; this one at once. */
static void stop_or_continue(struct process *to, unsigned number)
{
	if (STOPS & SIGNAL_BIT(number))
		to->signals->pending &= ~SIGNAL_BIT(SIGCONT);
	if (number != SIGCONT && number != SIGKILL)
		return;
	to->signals->pending &= ~STOPS;
	if (to->state != PROCESS_STOPPED)
		return;
	process_resume(to);
	to->stop_status = number == SIGCONT ? 0xffff : 0;
	if (to->parent && number == SIGCONT)
		process_wake(to->parent);
}

/* Process 1 has no mercy on itself; others can't end it. */
static bool is_immune(const struct process *to, unsigned number, const struct process *from)
{
	return to->pid == 1 && from != to && to->signals->actions[number - 1].handler == SIG_DFL;
}

void signal_send_info(struct process *to, unsigned number, const struct signal_info *info,
		      const struct process *from)
{
	struct signals *signals = to->signals;
	bool is_blocked;

	if (to->state == PROCESS_ENDED || is_immune(to, number, from))
		return;
	stop_or_continue(to, number);
	is_blocked = signals->mask & SIGNAL_BIT(number);
	if (signal_is_ignored(to, number) && !is_blocked)
		return;
	if (!(signals->pending & SIGNAL_BIT(number)))
		signals->info[number - 1] = *info;
	signals->pending |= SIGNAL_BIT(number);
	look_again(to);
	if (to->has_signal && to->state == PROCESS_WAITING && (!to->deaf || number == SIGKILL))
		process_resume(to);
}

void signal_send(struct process *to, unsigned number)
{
	const struct signal_info info = { .code = SI_KERNEL };

	signal_send_info(to, number, &info, current);
}

/* --- delivery ----------------------------------------------------------------------- */

/* A handler is about to run: a call that waits ends, unless it is made again afterwards. */
static void end_call(const struct signal_action *action)
{
	struct trap_frame *registers = &current->frame.trap;
	int32_t result = 0; /* it is made again */

	if (!(current->late & LATE_AGAIN))
		return;
	if (!syscall_restarts(registers->eax))
		result = -EINTR; /* its progress is a deadline, if anything */
	else if (current->progress)
		result = current->progress;
	else if (!(action->flags & SA_RESTART))
		result = -EINTR;
	current->late = 0;
	current->progress = 0;
	if (!result)
		return;
	if (result == -EINTR)
		time_interrupted(registers);
	registers->eax = result;
	registers->eip += SYSCALL_SIZE;
}

/* Run a handler; if its frame finds no place, the process gets SIGSEGV instead. */
static void handle(unsigned number, const struct signal_info *info, uint32_t vector, uint32_t error,
		   uint32_t address)
{
	struct signals *signals = current->signals;
	struct signal_action *kept = &signals->actions[number - 1];
	struct signal_action action = *kept;
	signal_set mask = signals->is_replaced ? signals->saved : signals->mask;
	signal_set blocked = action.mask[0] | (signal_set)action.mask[1] << 32;

	end_call(&action);
	signals->is_replaced = false;
	if (action.flags & SA_RESETHAND)
		kept->handler = SIG_DFL;
	if (signal_push(number, info, &action, mask, vector, error, address)) {
		if (number == SIGSEGV)
			kept->handler = SIG_DFL;
		signal_fault(SIGSEGV, SI_KERNEL, 0, FAULT_OF_FRAME, 0);
		return;
	}
	user_totals.signals++;
	if (!(action.flags & SA_NODEFER))
		blocked |= SIGNAL_BIT(number);
	signal_set_mask(current, signals->mask | blocked);
}

static void stop(unsigned number)
{
	struct process *parent = current->parent;

	process_leave(current);
	current->state = PROCESS_STOPPED;
	current->stop_status = number << 8 | 0x7f;
	if (!parent)
		return;
	if (!(parent->signals->actions[SIGCHLD - 1].flags & SA_NOCLDSTOP)) {
		struct signal_info info = {
			.code = CLD_STOPPED,
			.words = { current->pid, 0, number },
		};

		signal_send_info(parent, SIGCHLD, &info, NULL);
	}
	process_wake(parent);
}

static void end_by(unsigned number)
{
	user_totals.killed++;
	if (current->pid == 1)
		log_line("user: %s[1] is ended by %s", current->name, signal_name(number));
	process_exit(number);
}

/* The next signal that is not blocked; SIGKILL before all. 0: none. */
static unsigned take_next(struct signals *signals)
{
	signal_set set = signals->pending & ~signals->mask;
	uint32_t low = set;
	unsigned number;

	if (set & SIGNAL_BIT(SIGKILL))
		number = SIGKILL;
	else if (low)
		number = lowest_bit(low) + 1;
	else if (set >> 32)
		number = lowest_bit(set >> 32) + 33;
	else
		return 0;
	signals->pending &= ~SIGNAL_BIT(number);
	return number;
}

void signal_deliver(void)
{
	struct signals *signals = current->signals;
	unsigned number;

	while (current->state == PROCESS_READY && (number = take_next(signals))) {
		struct signal_info info = signals->info[number - 1];

		if (signal_is_ignored(current, number))
			continue;
		if (signals->actions[number - 1].handler != SIG_DFL)
			handle(number, &info, 0, 0, 0);
		else if (STOPS & SIGNAL_BIT(number))
			stop(number);
		else
			end_by(number);
	}
	if (current->state != PROCESS_ENDED)
		look_again(current);
}

/* --- faults ------------------------------------------------------------------------- */

/* One line: who, at which instruction, why. */
static COLD void print_fault(unsigned number, int32_t code, uint32_t address, uint32_t vector,
			     uint32_t error)
{
	static unsigned long faults;
	uint32_t eip = current->frame.trap.eip;
	char where[80];
	char what[80];

	if (++faults > 64 && !is_news(faults))
		return;
	space_describe(current->space, eip, where, sizeof(where));
	if (vector == TRAP_PAGE_FAULT) {
		space_describe(current->space, address, what, sizeof(what));
		log_line("%s[%d]: page fault: %s 0x%x (%s), at eip 0x%x (%s), %s", current->name,
			 current->pid, error & PF_WRITE ? "write to" : "read of", address, what,
			 eip, where, signal_name(number));
		return;
	}
	log_line("%s[%d]: %s, code %d, error 0x%x, at eip 0x%x (%s), %s", current->name,
		 current->pid, fault_name(vector), code, error, eip, where, signal_name(number));
}

void signal_fault(unsigned number, int32_t code, uint32_t address, uint32_t vector, uint32_t error)
{
	struct signals *signals = current->signals;
	struct signal_info info = { .code = code, .words = { address } };
	uint32_t handler = signals->actions[number - 1].handler;

	if (current->state != PROCESS_READY)
		return;
	if (handler > SIG_IGN && !(signals->mask & SIGNAL_BIT(number))) {
		handle(number, &info, vector, error, address);
		return;
	}
	print_fault(number, code, address, vector, error);
	user_totals.killed++;
	process_exit(number);
}
