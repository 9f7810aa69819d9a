/* What user space says of itself, when stage `user` is over. */
#include <kernel/printk.h>
#include <user/report.h>
#include <user/syscall.h>

struct user_totals user_totals;

void user_account(const struct space *space)
{
	struct user_totals *totals = &user_totals;
	struct space_use use;

	space_use(space, &use);
	totals->peak = MAX(totals->peak, use.peak);
	totals->zero += use.faults.zero;
	totals->zero_page += use.faults.zero_page;
	totals->copy += use.faults.copy;
	totals->sole += use.faults.sole;
	totals->file += use.faults.file;
	totals->around += use.faults.around;
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
	kgen_stat(totals->peak, "user.resident.peak");
	kgen_stat(totals->zero, "user.faults.zero");
	kgen_stat(totals->zero_page, "user.faults.zero-page");
	kgen_stat(totals->copy, "user.faults.copy");
	kgen_stat(totals->sole, "user.faults.sole");
	kgen_stat(totals->file, "user.faults.file");
	kgen_stat(totals->around, "user.faults.around");
}

void user_print(void)
{
	const struct user_totals *totals = &user_totals;

	printk("user space: %u processes, at most %u at once, %u ended by a signal; %u programs, "
	       "%u system calls, %u switches, %u handlers\n",
	       totals->processes, totals->most, totals->killed, totals->executed, syscall_count,
	       totals->switches, totals->signals);
	printk("  faults: %u zeroed, %u of the zero page, %u copied, %u taken by the last owner, "
	       "%u of files, %u mapped around; largest program %u pages\n",
	       totals->zero, totals->zero_page, totals->copy, totals->sole, totals->file,
	       totals->around, totals->peak);
}
