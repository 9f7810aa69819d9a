/*
 * What user space says of itself. Spaces count their own pages and faults (user/space.c);
 * here is what processes do.
 */
#include <arch/timer.h>
#include <kernel/cmdline.h>
#include <kernel/printk.h>
#include <user/commit.h>
#include <user/frames.h>
#include <user/report.h>
#include <user/space_state.h>
#include <user/syscall.h>

struct user_totals user_totals;

/* Of process 1. Kept until user_report(): in-kernel tests run processes, too. */
static struct space_use at_start, at_end;
static uint32_t shared_at_end;

void user_note_start(const struct space *space)
{
	space_use(space, &at_start);
}

static void report_process_1(void)
{
	kgen_stat(at_start.resident, "user.start.resident");
	kgen_stat(at_start.committed, "user.start.committed");
	kgen_stat(at_start.tables, "user.start.tables");
	kgen_stat(at_end.resident, "user.1.resident");
	kgen_stat(shared_at_end, "user.1.shared");
	kgen_stat(at_end.committed, "user.1.committed");
	kgen_stat(at_end.tables, "user.1.tables");
	kgen_stat(at_end.peak, "user.1.peak");
	kgen_stat(at_end.faults.zero, "user.1.faults.zero");
	kgen_stat(at_end.faults.zero_page, "user.1.faults.zero_page");
	kgen_stat(at_end.faults.copy, "user.1.faults.copy");
	kgen_stat(at_end.faults.sole, "user.1.faults.sole");
	kgen_stat(at_end.faults.file, "user.1.faults.file");
	kgen_stat(at_end.faults.around, "user.1.faults.around");
}

static void print_process(const struct process *process, const struct space_use *use)
{
	log_line("%s[%d]: ends with 0x%x after %u ticks; %u pages, %u of them shared, at most %u, "
		 "%u promised, %u tables; faults: %u zeroed, %u zero page, %u copied, %u sole, "
		 "%u file, %u around",
		 process->name, process->pid, process->status, timer_ticks - process->started,
		 use->resident, space_shared(process->space), use->peak, use->committed,
		 use->tables, use->faults.zero, use->faults.zero_page, use->faults.copy,
		 use->faults.sole, use->faults.file, use->faults.around);
}

void user_account(const struct process *process)
{
	struct space_use use;

	if (!process->space || (process->pid != 1 && !user_totals.tells_all))
		return;
	space_use(process->space, &use);
	if (process->pid == 1) {
		at_end = use;
		shared_at_end = space_shared(process->space);
	}
	if (user_totals.tells_all)
		print_process(process, &use);
}

static void report_spaces(void)
{
	struct space_use use;

	spaces_use(&use);
	kgen_stat(use.faults.zero, "user.faults.zero");
	kgen_stat(use.faults.zero_page, "user.faults.zero_page");
	kgen_stat(use.faults.copy, "user.faults.copy");
	kgen_stat(use.faults.sole, "user.faults.sole");
	kgen_stat(use.faults.file, "user.faults.file");
	kgen_stat(use.faults.around, "user.faults.around");
	kgen_stat(use.peak, "user.peak_pages");
	kgen_stat(commit.peak, "user.peak_committed");
	kgen_stat(commit.limit, "user.commit_limit");
	kgen_stat(frame_stats.owned, "user.frames");
	kgen_stat(frame_stats.tables, "user.tables");
}

void user_report(void)
{
	const struct user_totals *totals = &user_totals;

	kgen_stat(totals->processes, "user.processes");
	kgen_stat(totals->most, "user.processes.peak");
	kgen_stat(totals->executed, "user.programs");
	kgen_stat(totals->killed, "user.killed");
	kgen_stat(syscall_count, "user.calls");
	kgen_stat(totals->switches, "user.switches");
	kgen_stat(totals->signals, "user.signals");
	report_process_1();
	report_spaces();
}

void user_print(void)
{
	const struct user_totals *totals = &user_totals;
	struct space_use use;

	spaces_use(&use);
	printk("user space: %u processes, at most %u at once, %u ended by a signal; %u programs, "
	       "%u system calls, %u switches, %u handlers\n",
	       totals->processes, totals->most, totals->killed, totals->executed, syscall_count,
	       totals->switches, totals->signals);
	printk("  faults: %u zeroed, %u of the zero page, %u copied, %u taken by the last owner, "
	       "%u of files, %u mapped around; at most %u pages in a program\n",
	       use.faults.zero, use.faults.zero_page, use.faults.copy, use.faults.sole,
	       use.faults.file, use.faults.around, use.peak);
}
