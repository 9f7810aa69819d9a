/*
 * Rules for a process that is about to run, or was interrupted just now. At each tick the
 * one that it interrupted is looked at, so a rule that is broken is found within a turn.
 */
#include <user/process.h>

#define EFLAGS_VM 0x00020000u

/* High word of a descriptor: a data segment of ring 3, as user/segment.c makes them. */
#define SEGMENT_MASK 0x00007800u
#define SEGMENT_DATA 0x00007000u

/* The registers are those of ring 3: it can be interrupted, and touches no port. */
static bool is_of_ring_3(const struct user_frame *frame)
{
	uint32_t flags = frame->trap.eflags & (EFLAGS_IF | EFLAGS_IOPL | EFLAGS_VM);

	return (frame->trap.cs & 0xffff) == USER_CS && (frame->ss & 3) == 3 && flags == EFLAGS_IF;
}

static bool segments_are_data(const struct segment tls[TLS_COUNT])
{
	for (unsigned i = 0; i < TLS_COUNT; i++) {
		if (tls[i].high && (tls[i].high & SEGMENT_MASK) != SEGMENT_DATA)
			return false;
	}
	return true;
}

const char *process_check(const struct process *process)
{
	const struct signals *signals = process->signals;

	if (process_find(process->pid) != process)
		return "it is not in the table";
	if (process->state == PROCESS_ENDED)
		return process->space || process->files || signals ? "it has ended, but not all" :
								     NULL;
	if (!process->space || !process->files || !signals)
		return "it lacks a space, files or signals";
	if (process->state == PROCESS_READY &&
	    (process->next->previous != process || process->previous->next != process))
		return "its place in the ring is broken";
	if (!is_of_ring_3(&process->frame))
		return "its registers are not those of ring 3";
	if (!segments_are_data(process->tls))
		return "a descriptor of its own is no data segment of ring 3";
	if (signals->mask & (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)))
		return "it blocks a signal that it may not";
	if (process->has_signal != !!(signals->pending & ~signals->mask))
		return "a pending signal is overlooked";
	return NULL;
}

const char *processes_check(void)
{
	for (struct process *each = process_after(NULL); each; each = process_after(each)) {
		const char *fault = process_check(each);

		if (fault)
			return fault;
	}
	return NULL;
}
