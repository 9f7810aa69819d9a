/*
 * System calls about signals. Sets of signals have 64 bits; whoever passes another size
 * gets -EINVAL, as from Linux.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <user/process.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

/* --- dispositions and masks ------------------------------------------------------- */

int32_t sys_rt_sigaction(uint32_t number, uint32_t new, uint32_t old, uint32_t size)
{
	struct signals *signals = current->signals;
	struct signal_action action;

	if (size != sizeof(signal_set) || number < 1 || number > SIGNAL_MAX)
		return -EINVAL;
	if (new && (number == SIGKILL || number == SIGSTOP))
		return -EINVAL;
	if (new && copy_from_user(&action, new, sizeof(action)))
		return -EFAULT;
	if (old && copy_to_user(old, &signals->actions[number - 1], sizeof(action)))
		return -EFAULT;
	if (!new)
		return 0;
	action.mask[0] &= ~(uint32_t)(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	signals->actions[number - 1] = action;
	if (signal_is_ignored(current, number)) {
		signals->pending &= ~SIGNAL_BIT(number); /* one that is blocked is forgotten, too */
		signal_set_mask(current, signals->mask);
	}
	return 0;
}

int32_t sys_rt_sigprocmask(uint32_t how, uint32_t new, uint32_t old, uint32_t size)
{
	signal_set former = current->signals->mask;
	signal_set set;

	if (size != sizeof(set))
		return -EINVAL;
	if (new) {
		if (copy_from_user(&set, new, sizeof(set)))
			return -EFAULT;
		if (how == SIG_BLOCK)
			set |= former;
		else if (how == SIG_UNBLOCK)
			set = former & ~set;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		signal_set_mask(current, set);
	}
	return old ? copy_to_user(old, &former, sizeof(former)) : 0;
}

int32_t sys_rt_sigpending(uint32_t to, uint32_t size)
{
	signal_set set = current->signals->pending & current->signals->mask;

	if (size > sizeof(set))
		return -EINVAL;
	return copy_to_user(to, &set, size);
}

int32_t sys_rt_sigsuspend(uint32_t mask, uint32_t size)
{
	signal_set set;

	if (size != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, mask, sizeof(set)))
		return -EFAULT;
	signal_replace_mask(set);
	return process_wait(current->signals);
}

int32_t sys_pause(void)
{
	return process_wait(current->signals);
}

/* --- the alternate stack ------------------------------------------------------------ */

/* Whether the program is on it right now. */
static bool is_on_stack(void)
{
	const struct signal_stack *stack = &current->signals->stack;
	uint32_t esp = current->frame.esp;

	return stack->size && !(stack->flags & SS_AUTODISARM) && esp > stack->start &&
	       esp - stack->start <= stack->size;
}

int32_t signal_set_stack(const struct signal_stack *stack)
{
	uint32_t mode = stack->flags & ~SS_AUTODISARM;

	if (is_on_stack())
		return -EPERM;
	if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		current->signals->stack = (struct signal_stack){ .flags = stack->flags };
		return 0;
	}
	if (stack->size < MINSIGSTKSZ)
		return -ENOMEM;
	current->signals->stack = *stack;
	return 0;
}

int32_t sys_sigaltstack(uint32_t new, uint32_t old)
{
	struct signal_stack wanted;
	struct signal_stack former = current->signals->stack;
	int32_t error = 0;

	former.flags &= SS_AUTODISARM;
	if (!former.size)
		former.flags |= SS_DISABLE;
	else if (is_on_stack())
		former.flags |= SS_ONSTACK;
	if (new) {
		if (copy_from_user(&wanted, new, sizeof(wanted)))
			return -EFAULT;
		error = signal_set_stack(&wanted);
	}
	if (!error && old)
		error = copy_to_user(old, &former, sizeof(former));
	return error;
}

/* --- sending ------------------------------------------------------------------------ */

/* From the current process to one; signal 0 only asks whether it could. */
static void send(struct process *to, unsigned number, int32_t code)
{
	const struct signal_info info = { .code = code, .words = { current->pid, 0 } };

	if (number)
		signal_send_info(to, number, &info, current);
}

/* To all of a group; or, if that is 0, to all but process 1 and the sender. */
static int32_t send_to_many(int32_t group, unsigned number)
{
	bool any = false;

	for (struct process *each = process_after(NULL); each; each = process_after(each)) {
		if (group ? each->group != group : each->pid == 1 || each == current)
			continue;
		any = true;
		if (each->state != PROCESS_ENDED)
			send(each, number, SI_USER);
	}
	return any ? 0 : -ESRCH;
}

int32_t sys_kill(uint32_t pid, uint32_t number)
{
	int32_t whom = pid;
	struct process *to;

	if (number > SIGNAL_MAX)
		return -EINVAL;
	if (whom == INT32_MIN)
		return -ESRCH;
	if (whom <= 0)
		return send_to_many(!whom ? current->group : whom == -1 ? 0 : -whom, number);
	to = process_find(whom);
	if (!to)
		return -ESRCH;
	if (to->state != PROCESS_ENDED)
		send(to, number, SI_USER);
	return 0;
}

int32_t sys_tgkill(uint32_t group, uint32_t tid, uint32_t number)
{
	struct process *to = process_find(tid);

	if (number > SIGNAL_MAX || (int32_t)tid <= 0 || (int32_t)group <= 0)
		return -EINVAL;
	if (!to || group != tid)
		return -ESRCH;
	if (to->state != PROCESS_ENDED)
		send(to, number, SI_TKILL);
	return 0;
}

int32_t sys_tkill(uint32_t tid, uint32_t number)
{
	return sys_tgkill(tid, tid, number);
}
