/*
 * Whoever can run runs.
 *
 *     for (;;) {
 *             enter_user(&current->frame);     ring 3, until it traps
 *             a system call, a fault, a tick   is handled to its end
 *             attend()                         only if something asks for it: a signal,
 *     }                                        another's turn
 *
 * The kernel runs with interrupts off, and another process is chosen in attend() alone: no
 * process ever sees another one in the middle of the kernel.
 *
 * If nobody can run, the CPU halts until a tick makes a deadline true, or something comes in
 * at the console. If nobody waits for either, nothing will ever happen: the log
 * says so, and process 1 ends.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/io.h>
#include <arch/timer.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <user/process.h>
#include <user/report.h>
#include <user/syscall.h>
#include <user/uaccess.h>

#define VECTOR_DIVIDE 0
#define VECTOR_DEBUG 1
#define VECTOR_NMI 2
#define VECTOR_BREAKPOINT 3
#define VECTOR_OPCODE 6
#define VECTOR_NO_FPU 7
#define VECTOR_NOT_PRESENT 11
#define VECTOR_STACK 12
#define VECTOR_PAGE_FAULT 14
#define VECTOR_FPU 16
#define VECTOR_ALIGNMENT 17
#define VECTOR_MACHINE_CHECK 18

/* --- faults ----------------------------------------------------------------------- */

static void page_fault(uint32_t error)
{
	uint32_t addr = read_cr2();

	switch (space_fault(current->space, addr, error, current->frame.esp)) {
	case FAULT_RESOLVED:
		return;
	case FAULT_UNMAPPED:
		signal_fault(SIGSEGV, SEGV_MAPERR, addr, VECTOR_PAGE_FAULT, error);
		return;
	case FAULT_DENIED:
		signal_fault(SIGSEGV, SEGV_ACCERR, addr, VECTOR_PAGE_FAULT, error);
		return;
	case FAULT_BUS:
		signal_fault(SIGBUS, BUS_ADRERR, addr, VECTOR_PAGE_FAULT, error);
		return;
	case FAULT_OOM:
		process_out_of_memory(addr);
		return;
	}
}

//% if cpu.fpu == "x87"
/* The exception's bits in status and control words: Intel SDM vol. 1, 8.1.3. */
static int32_t fpu_code(void)
{
	uint32_t raised;

	fpu_sync(&current->fpu);
	raised = current->fpu.words[1] & ~current->fpu.words[0] & 0x3f;
	if (raised & 0x01)
		return FPE_FLTINV;
	if (raised & 0x04)
		return FPE_FLTDIV;
	if (raised & 0x08)
		return FPE_FLTOVF;
	if (raised & 0x12)
		return FPE_FLTUND;
	return FPE_FLTRES;
}

/* An x87 instruction, while its registers are another process's. */
static bool fpu_fault(void)
{
	if (!fpu_present())
		return false;
	if (!current->uses_fpu) {
		fpu_reset(&current->fpu);
		current->uses_fpu = true;
	}
	fpu_take(&current->fpu);
	return true;
}

//% else
static int32_t fpu_code(void)
{
	return SI_KERNEL;
}

static bool fpu_fault(void)
{
	return false;
}

//% endif
/* Exceptions but page faults: what Linux sends for each. */
static void exception(uint32_t vector, uint32_t error)
{
	uint32_t eip = current->frame.trap.eip;

	switch (vector) {
	case VECTOR_DIVIDE:
		signal_fault(SIGFPE, FPE_INTDIV, eip, vector, error);
		break;
	case VECTOR_DEBUG:
		signal_fault(SIGTRAP, TRAP_TRACE, eip, vector, error);
		break;
	case VECTOR_BREAKPOINT:
		signal_fault(SIGTRAP, SI_KERNEL, 0, vector, error);
		break;
	case VECTOR_OPCODE:
		signal_fault(SIGILL, ILL_ILLOPN, eip, vector, error);
		break;
	case VECTOR_NO_FPU:
		if (!fpu_fault())
			signal_fault(SIGFPE, SI_KERNEL, eip, vector, error);
		break;
	case VECTOR_NOT_PRESENT:
	case VECTOR_STACK:
		signal_fault(SIGBUS, SI_KERNEL, 0, vector, error);
		break;
	case VECTOR_FPU:
		signal_fault(SIGFPE, fpu_code(), eip, vector, error);
		break;
	case VECTOR_ALIGNMENT:
		signal_fault(SIGBUS, BUS_ADRALN, 0, vector, error);
		break;
	case VECTOR_NMI:
	case VECTOR_MACHINE_CHECK:
		panic("exception %u while %s[%d] ran: the machine is broken", vector, current->name,
		      current->pid);
	default: /* overflow, bounds, invalid TSS, general protection */
		signal_fault(SIGSEGV, SI_KERNEL, 0, vector, error);
	}
}

static void tick(void)
{
	const char *fault = process_check(current);

	if (unlikely(fault))
		panic("process %d (%s): %s", current->pid, current->name, fault);
	timer_tick();
	current->ticks++;
	process_tick();
	console_poll();
	attention |= ATTEND_SWITCH;
}

static void trapped(uint32_t vector, uint32_t error)
{
	if (vector == VECTOR_PAGE_FAULT) {
		page_fault(error);
	} else if (vector == VECTOR_TIMER) {
		tick();
	} else if (vector < VECTOR_IRQ) {
		exception(vector, error);
	} /* else an interrupt that was gone when the CPU asked which */
}

/* --- turns ------------------------------------------------------------------------ */

/*
 * Nobody will ever wake anybody. Two lines say who waits in which call, then process 1
 * ends, as nothing else can.
 */
static COLD void nobody_left(void)
{
	log_line("user: all %u processes wait, and nobody can wake one: the end", process_count);
	for (struct process *each = process_after(NULL); each; each = process_after(each)) {
		if (each->state == PROCESS_WAITING)
			log_line("user: %s[%d] waits in %s", each->name, each->pid,
				 syscall_name(each->frame.trap.eax));
	}
	process_end(process_find(1), SIGKILL);
}

static void switch_to(struct process *next)
{
	struct process *former = current;

	if (next == former)
		return;
	user_totals.switches++;
	if (former->state != PROCESS_ENDED)
		save_segments(&former->fs, &former->gs);
	else if (!former->parent)
		process_free(former); /* nobody will ask for its status */
	current = next;
	space_switch(next->space);
	load_tls(next->tls);
	load_segments(next->fs, next->gs);
	//% if cpu.fpu == "x87"
	fpu_switch(&next->fpu);
	//% endif
	if (unlikely(next->set_tid)) {
		word_to_user(next->set_tid, next->pid);
		next->set_tid = 0;
	}
}

/* Choose who is next; wait until there is one. */
static void take_turns(void)
{
	struct process *next;

	while (!(next = process_choose()) && !init_has_ended) {
		if (!process_is_awaited() && !console_is_awaited()) {
			nobody_left();
			continue;
		}
		timer_wait(); /* the tick is counted as it comes: entry/trap.c */
		process_tick();
		console_poll();
	}
	if (!next)
		return;
	switch_to(next);
	attention = next->has_signal ? ATTEND_SIGNAL : 0;
}

/*
 * Something asks for attention: another's turn, or a signal. A system call that is to be
 * made again is made from here, as soon as nothing does: ring 3 would only trap at once.
 */
static NOINLINE void attend(void)
{
	if (attention & ATTEND_SWITCH) {
		take_turns();
	} else {
		attention = 0;
		if (current->has_signal)
			signal_deliver();
	}
	if (!attention && current->late & LATE_AGAIN && !init_has_ended) {
		current->frame.trap.eip += SYSCALL_SIZE;
		syscall();
	}
}

void processes_schedule(void)
{
	while (!init_has_ended) {
		if (unlikely(attention)) {
			attend();
			continue;
		}
		enter_user(&current->frame);
		if (likely(current->frame.trap.vector == VECTOR_SYSCALL))
			syscall();
		else
			trapped(current->frame.trap.vector, current->frame.trap.error);
	}
}
