/*
 * The failure-injection sweep. For each test:
 *
 *   1. Run it without failures. It must pass.
 *   2. Run it again while its k-th request for memory fails, for k = 1, 2, … until it
 *      makes fewer than k. Do so three times for each k: with that request failing
 *      alone, with all later ones of its kind, and with all later ones.
 *   3. Failed expectations of the test do not count, as it expects to get memory; only
 *      KTEST_ALWAYS() counts. Nothing may panic, every allocator must be sound, and all
 *      memory must be free again.
 *
 * So a test has to free all that it got, whichever requests failed.
 *
 * A test that makes tens of thousands of requests would be run tens of thousands of
 * times. The short form tries the first 16 requests, then steps that grow by a quarter:
 *
 *     k        1 2 3 … 16 20 25 31 38 … 1027 1283 …
 *
 * Requests are those of kernel/fail.h, of all kinds together.
 */
#include <arch/paging.h>
#include <kernel/cmdline.h>
#include <kernel/fail.h>
#include <kernel/ktest.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/sweep.h>
#include <mm/kmalloc.h>
#include <mm/kspace.h>
#include <mm/page.h>
#include <mm/vmalloc.h>

#define EACH_UP_TO 16 /* the short form tries every request up to this one */
#define THEN_SKIP 4 /* and from k goes on to k + k / THEN_SKIP */

static const char *const reach_names[] = {
	[FAIL_ALONE] = "",
	[FAIL_ITS_KIND] = " and all of its kind after it",
	[FAIL_ALL] = " and all after it",
};

/* The present position, for the message of a panic. */
static struct {
	const struct ktest_case *test;
	unsigned long k;
	enum fail_reach reach;
} now;

static bool full;
static char only[24]; /* this suite is swept; if empty, all are */
static bool fired; /* the k-th request was made */

/* Whether the command line wants a sweep, and which. */
static bool sweep_is_wanted(void)
{
	char form[8] = "";

	if (!boot_option(OPTION_FAIL_SWEEP, form, sizeof(form)))
		return false;
	full = !strcmp(form, "full");
	if (!full && strcmp(form, "short"))
		refuse_boot(OPTION_FAIL_SWEEP "=%s: it must be short or full", form);
	if (boot_option(OPTION_FAIL_SUITE, only, sizeof(only)) && !ktest_count(only))
		refuse_boot(OPTION_FAIL_SUITE "=%s: there is no such suite of tests", only);
	return true;
}

/* --- what there was before --------------------------------------------------------- */

struct balance {
	struct free_profile profile;
	unsigned long objects; /* of kmalloc, live */
	unsigned long mappings; /* of any kind, live */
	size_t pages; /* that kmalloc has */
};

/* Taken after all memory that is not in use was reclaimed. */
static void read_balance(struct balance *balance)
{
	struct kmalloc_stats stats;

	kmalloc_shrink();
	free_profile_read(&balance->profile);
	kmalloc_stats_read(&stats);
	balance->objects = stats.allocs - stats.frees;
	balance->pages = stats.live_pages;
	balance->mappings = vmalloc_stats.maps - vmalloc_stats.unmaps;
}

/* Check everything after a run. Returns the error in words, or NULL. */
static const char *fault_since(const struct balance *before)
{
	static struct balance after;
	const char *fault = kmalloc_check();
	enum buddy_error error;

	if (fault)
		return fault;
	read_balance(&after);
	error = pages_check();
	if (error)
		return buddy_strerror(error);
	if (after.objects != before->objects)
		return "kmalloc has other objects than before";
	if (after.mappings != before->mappings)
		return "there are other mappings than before";
	if (after.pages != before->pages)
		return "kmalloc has other pages than before";
	if (memcmp(&after.profile, &before->profile, sizeof(after.profile)))
		return "not all pages are back in the same blocks";
	return NULL;
}

/* --- one test -------------------------------------------------------------------- */

/* Run a test while requests fail. Returns the error afterwards, or NULL. */
static const char *run_failing(unsigned long k, enum fail_reach reach, const struct balance *before)
{
	struct ktest test = { .suite = now.test->suite, .name = now.test->name, .quiet = true };
	const char *fault;

	now.k = k;
	now.reach = reach;
	fail_arm(k, reach);
	now.test->run(&test);
	fired = fail_counts.injected;
	fail_arm(0, FAIL_ALONE);
	now.k = 0;
	fault = fault_since(before);
	return test.broken ? "what must hold even then does not" : fault;
}

static unsigned long next(unsigned long k)
{
	return full || k < EACH_UP_TO ? k + 1 : k + k / THEN_SKIP;
}

/* All runs in which the k-th request fails. Returns false after an error, or if k is too high. */
static bool try_request(struct ktest *test, unsigned long k, const struct balance *before)
{
	for (unsigned reach = FAIL_ALONE; reach <= FAIL_ALL; reach++) {
		const char *fault = run_failing(k, reach, before);

		if (fault) {
			test->failed = true;
			log_line("  # %s.%s: request %lu failed%s: %s", test->suite, test->name, k,
				 reach_names[reach], fault);
			return false;
		}
		if (!fired)
			return false;
	}
	return true;
}

static void sweep_test(const struct ktest_case *c, struct ktest *test)
{
	static struct balance before;
	unsigned long requests;
	unsigned long tried = 0;
	unsigned long k = 1;
	const char *fault;

	if (only[0] && strcmp(only, c->suite)) {
		c->run(test);
		return;
	}
	now.test = c;
	read_balance(&before);
	fail_arm(0, FAIL_ALONE);
	c->run(test);
	requests = fail_counts.requests;
	fault = fault_since(&before);
	if (fault) {
		test->failed = true;
		log_line("  # %s.%s: no request failed: %s", test->suite, test->name, fault);
	}
	if (test->failed || test->skipped)
		return;
	for (; try_request(test, k, &before); k = next(k))
		tried++;
	if (test->failed)
		return;
	log_line("  # %s.%s: %lu requests, %lu of them failed in turn", test->suite, test->name,
		 requests, tried);
	KTEST_EXPECT_NULL(test, paging_check());
}

/* For people: which test was running, and which of its requests failed. */
static void print_place(void)
{
	if (now.test && now.k)
		printk("sweep: in %s.%s, with request %lu failing%s\n", now.test->suite,
		       now.test->name, now.k, reach_names[now.reach]);
	else if (now.test)
		printk("sweep: at %s.%s, with no request failing\n", now.test->suite,
		       now.test->name);
}

/*
 * Run the sweep instead of the tests, with a report of the same form. Returns false if a
 * test failed.
 */
static bool sweep_run(void)
{
	static struct panic_note note = { .print = print_place };
	bool passed;

	panic_add_note(&note);
	printk("sweep: %s\n", full ? "every request of every test fails" :
				     "the first 16 requests of every test fail, then fewer");
	passed = ktest_run_by(sweep_test);
	now.test = NULL;
	return passed;
}

bool run_tests(void)
{
	fail_boot_is_over();
	return sweep_is_wanted() ? sweep_run() : ktest_run_all();
}
