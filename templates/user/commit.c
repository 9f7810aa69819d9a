/*
 * Commit accounting.
 *
 * A page is promised where a program may write to memory of its own: private and writable, or
 * shared and anonymous. It is counted when it is promised, whether or not it is ever touched.
 *
 //% if user.overcommit == "never"
 * This kernel never promises more than there is. A request that would is refused.
 //% elif user.overcommit == "always"
 * This kernel promises whatever is asked for. The account is kept for information.
 //% else
 * This kernel promises whatever is asked for but in one case: a request for more than there is at
 * all, in one piece, can only be a mistake, and is refused.
 //% endif
 *
 * Invariant: `committed` is the sum of what was charged less what was released.
 */
#include <user/commit.h>

struct commit commit;

void commit_init(struct commit *account, uint32_t limit)
{
	account->committed = 0;
	account->limit = limit;
	account->peak = 0;
}

HOT_LEAF bool commit_charge(struct commit *account, uint32_t pages)
{
	//% if user.overcommit == "never"
	if (account->committed > account->limit || pages > account->limit - account->committed)
		return false;
	//% elif user.overcommit == "heuristic"
	if (pages > account->limit)
		return false;
	//% endif
	account->committed += pages;
	account->peak = MAX(account->peak, account->committed);
	return true;
}

void commit_release(struct commit *account, uint32_t pages)
{
	account->committed -= pages;
}
