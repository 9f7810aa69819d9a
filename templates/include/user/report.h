/* What user space says of itself. */
#ifndef USER_REPORT_H
#define USER_REPORT_H

#include <user/process.h>

/* Since the beginning of stage `user`. */
struct user_totals {
	uint32_t processes; /* that there ever were */
	uint32_t most; /* at once */
	uint32_t executed; /* programs */
	uint32_t switches;
	uint32_t signals; /* handlers run */
	uint32_t killed; /* processes, by a signal */
	bool tells_all; /* `stats` on the command line: a line for each process */
};

extern struct user_totals user_totals;

/*
 * A process is about to give everything back: what process 1 has is noted for user_report(), and
 * with `stats` on the command line what any has becomes a line for people.
 */
void user_account(const struct process *process);

/* Counters as `# kgen:stat k=user.…`, and for people the table. */
void user_report(void);
void user_print(void);

#endif /* USER_REPORT_H */
