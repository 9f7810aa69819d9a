/*
 * fork(), vfork() and clone(): one process becomes two.
 *
 * A child has copies of its parent's registers, descriptors, dispositions of signals and
 * address space; pages of that are shared until one of both writes. With CLONE_VM the
 * space itself is shared, with CLONE_VFORK the parent waits until the child has ended or
 * has executed another program.
 *
 * There are no threads: what makes one (CLONE_THREAD, CLONE_SIGHAND) is refused by name.
 *
 * Everything that can fail happens before the child is in the ring, and is undone if it
 * does: the parent sees -ENOMEM, or -EAGAIN if there are USER_PROCESSES.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <generated/config.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <user/process.h>
#include <user/report.h>
#include <user/segment.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

#define CLONE_SIGNAL 0xffu /* what the parent is sent when the child ends */
#define CLONE_VM 0x100u
#define CLONE_FS 0x200u
#define CLONE_FILES 0x400u
#define CLONE_SIGHAND 0x800u
#define CLONE_VFORK 0x4000u
#define CLONE_THREAD 0x10000u
#define CLONE_SYSVSEM 0x40000u
#define CLONE_SETTLS 0x80000u
#define CLONE_PARENT_SETTID 0x100000u
#define CLONE_CHILD_CLEARTID 0x200000u
#define CLONE_DETACHED 0x400000u
#define CLONE_UNTRACED 0x800000u
#define CLONE_CHILD_SETTID 0x1000000u

#define CLONE_KNOWN                                                                       \
	(CLONE_SIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_VFORK | CLONE_SYSVSEM | \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED |     \
	 CLONE_UNTRACED | CLONE_CHILD_SETTID)

/* 0, or why a process can't be made so. */
static int32_t refuse(uint32_t flags)
{
	static bool said;

	if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if (flags & CLONE_SIGHAND && !(flags & CLONE_VM))
		return -EINVAL;
	if (flags & CLONE_SIGHAND) {
		if (!said)
			log_line("user: %s[%d] wants a thread: clone(0x%x), ENOSYS", current->name,
				 current->pid, flags);
		said = true;
		return -ENOSYS;
	}
	if (flags & ~CLONE_KNOWN)
		return -EINVAL;
	if ((flags & CLONE_SIGNAL) && (flags & CLONE_SIGNAL) != SIGCHLD)
		return -EINVAL;
	return process_count >= USER_PROCESSES ? -EAGAIN : 0;
}

/* Registers and what else is in the record itself. */
static void copy_record(struct process *child, uint32_t stack)
{
	child->frame = current->frame;
	child->frame.trap.eax = 0;
	if (stack)
		child->frame.esp = stack;
	save_segments(&child->fs, &child->gs);
	memcpy(child->tls, current->tls, sizeof(child->tls));
	//% if cpu.fpu == "x87"
	child->uses_fpu = current->uses_fpu;
	if (child->uses_fpu) {
		fpu_sync(&current->fpu);
		child->fpu = current->fpu;
	}
	//% endif
	child->group = current->group;
	child->session = current->session;
	memcpy(child->name, current->name, sizeof(child->name));
}

/* What is shared or copied outside of the record: true, or everything undone. */
static bool copy_rest(struct process *child, uint32_t flags)
{
	child->signals = signals_clone(current->signals);
	if (!child->signals)
		return false;
	child->files = current->files;
	if (flags & CLONE_FILES)
		files_get(child->files);
	else
		child->files = files_clone(current->files);
	if (!child->files)
		goto free_signals;
	child->space = current->space;
	if (flags & CLONE_VM)
		space_get(child->space);
	else
		child->space = space_clone(current->space);
	if (!child->space)
		goto free_files;
	child->program = current->program;
	child->moved = current->moved;
	if (child->program)
		node_get(child->program);
	return true;

free_files:
	files_put(child->files);
free_signals:
	signals_free(child->signals);
	return false;
}

static void undo(struct process *child)
{
	if (child->program)
		node_put(child->program);
	space_put(child->space);
	files_put(child->files);
	signals_free(child->signals);
	process_free(child);
}

/* Words of clone() that are addresses: 0, or an error. */
static int32_t set_words(struct process *child, uint32_t flags, uint32_t parent_tid, uint32_t tls,
			 uint32_t child_tid)
{
	if (flags & CLONE_SETTLS) {
		int32_t error = segment_set(child->tls, tls, false);

		if (error)
			return error;
	}
	if (flags & CLONE_CHILD_SETTID)
		child->set_tid = child_tid;
	if (flags & CLONE_CHILD_CLEARTID)
		child->clear_tid = child_tid;
	if (flags & CLONE_PARENT_SETTID)
		word_to_user(parent_tid, child->pid); /* as in Linux: a bad address is its loss */
	return 0;
}

int32_t sys_clone(uint32_t flags, uint32_t stack, uint32_t parent_tid, uint32_t tls,
		  uint32_t child_tid)
{
	struct process *child;
	int32_t error = refuse(flags);

	if (error)
		return error;
	child = process_create();
	if (!child)
		return -ENOMEM;
	copy_record(child, stack);
	if (!copy_rest(child, flags)) {
		process_free(child);
		return -ENOMEM;
	}
	error = set_words(child, flags, parent_tid, tls, child_tid);
	if (error) {
		undo(child);
		return error;
	}
	child->shares_space = flags & CLONE_VM;
	process_adopt(current, child);
	process_join(child);
	user_totals.processes++;
	user_totals.most = MAX(user_totals.most, process_count);
	if (flags & CLONE_VFORK) {
		child->lender = current;
		process_suspend(current, child);
		current->deaf = true;
	}
	return child->pid;
}

int32_t sys_fork(void)
{
	return sys_clone(SIGCHLD, 0, 0, 0, 0);
}

int32_t sys_vfork(void)
{
	return sys_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
}
