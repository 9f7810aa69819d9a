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
	uint32_t peak; /* resident pages of the largest space */
	uint32_t zero, zero_page, copy, sole, file, around; /* faults of spaces that are gone */
};

extern struct user_totals user_totals;

/* A space is about to be left by its process, and shared with nobody: what it had is added up. */
void user_account(const struct space *space);

/* Counters as `# kgen:stat k=user.…`, and for people the table. */
void user_report(void);
void user_print(void);

#endif /* USER_REPORT_H */
