/*
 * The account of promises: reads lines, answers each with the account.
 *
 *     init LIMIT | charge PAGES | release PAGES      →  yes|no COMMITTED PEAK
 */
#include <stdio.h>
#include <string.h>

#include <user/commit.h>

int main(void)
{
	struct commit account;
	char what[16];
	unsigned pages;

	while (scanf("%15s %u", what, &pages) == 2) {
		bool granted = true;

		if (!strcmp(what, "init"))
			commit_init(&account, pages);
		else if (!strcmp(what, "charge"))
			granted = commit_charge(&account, pages);
		else
			commit_release(&account, pages);
		printf("%s %u %u\n", granted ? "yes" : "no", account.committed, account.peak);
	}
	return 0;
}
