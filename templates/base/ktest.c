/*
 * Runs the tests and reports them as nested KTAP:
 *
 *     KTAP version 1
 *     1..2
 *       KTAP version 1
 *       # Subtest: buddy
 *       1..1
 *       ok 1 splits_and_merges
 *     ok 1 buddy
 *     …
 *
 * The linker gathers the cases of all files in one table. Cases of one suite need
 * not stand together: each suite is run where its first case stands.
 */
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/string.h>

extern const struct ktest_case _ktests[], _ktests_end[];

struct ktest_counts ktest_counts;

static bool first_of_suite(const struct ktest_case *c)
{
	for (const struct ktest_case *before = _ktests; before < c; before++) {
		if (!strcmp(before->suite, c->suite))
			return false;
	}
	return true;
}

static unsigned count_suites(void)
{
	unsigned count = 0;

	for (const struct ktest_case *c = _ktests; c < _ktests_end; c++)
		count += first_of_suite(c);
	return count;
}

unsigned ktest_count(const char *suite)
{
	unsigned count = 0;

	for (const struct ktest_case *c = _ktests; c < _ktests_end; c++)
		count += !strcmp(c->suite, suite);
	return count;
}

static void run_plainly(const struct ktest_case *c, struct ktest *test)
{
	c->run(test);
}

static void (*runner)(const struct ktest_case *c, struct ktest *test);

/* True unless it failed. */
static bool run_case(const struct ktest_case *c, unsigned number)
{
	struct ktest test = { .suite = c->suite, .name = c->name };

	runner(c, &test);
	if (test.failed) {
		ktest_counts.fail++;
		printk("  not ok %u %s\n", number, c->name);
	} else if (test.skipped) {
		ktest_counts.skip++;
		printk("  ok %u %s # SKIP %s\n", number, c->name, test.skipped);
	} else {
		ktest_counts.ok++;
		printk("  ok %u %s\n", number, c->name);
	}
	return !test.failed;
}

static bool run_suite(const char *suite)
{
	unsigned number = 0;
	bool passed = true;

	printk("  KTAP version 1\n  # Subtest: %s\n  1..%u\n", suite, ktest_count(suite));
	for (const struct ktest_case *c = _ktests; c < _ktests_end; c++) {
		if (!strcmp(c->suite, suite))
			passed &= run_case(c, ++number);
	}
	return passed;
}

bool ktest_run_by(void (*run)(const struct ktest_case *c, struct ktest *test))
{
	unsigned number = 0;

	runner = run;
	printk("KTAP version 1\n1..%u%s\n", count_suites(),
	       count_suites() ? "" : " # SKIP no tests were built in");
	for (const struct ktest_case *c = _ktests; c < _ktests_end; c++) {
		if (!first_of_suite(c))
			continue;
		printk("%sok %u %s\n", run_suite(c->suite) ? "" : "not ", ++number, c->suite);
	}
	return !ktest_counts.fail;
}

bool ktest_run_all(void)
{
	return ktest_run_by(run_plainly);
}

bool ktest_expect(struct ktest *test, bool holds, const char *file, int line, const char *text)
{
	if (!holds) {
		test->failed = true;
		if (!test->quiet)
			printk("  # %s: expected %s at %s:%d\n", test->name, text, file, line);
	}
	return holds;
}

bool ktest_always(struct ktest *test, bool holds, const char *file, int line, const char *text)
{
	bool quiet = test->quiet;

	test->quiet = false;
	test->broken |= !ktest_expect(test, holds, file, line, text);
	test->quiet = quiet;
	return holds;
}

bool ktest_compare(struct ktest *test, bool holds, const char *file, int line, const char *text,
		   unsigned long long a, unsigned long long b)
{
	if (!holds) {
		test->failed = true;
		if (!test->quiet)
			printk("  # %s: expected %s at %s:%d, with 0x%llx and 0x%llx\n", test->name,
			       text, file, line, a, b);
	}
	return holds;
}
