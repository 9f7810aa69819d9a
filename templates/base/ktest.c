/*
 * Runs the tests and reports them as nested KTAP:
 *
 *     # kgen:tests suites=2 cases=9
 *     KTAP version 1
 *     1..2
 *       KTAP version 1
 *       # Subtest: buddy
 *       1..1
 *     # kgen:test i=1 suite=buddy name=splits_and_merges
 *       ok 1 splits_and_merges
 *     ok 1 buddy
 *     …
 *
 * A test may print any text, even text that looks like a report. So machine lines mark
 * the start of the report and of each test. After that mark, the first line with the
 * indentation, number and name of the test is its result. Each line of the report begins
 * on a line of its own.
 *
 * The linker gathers the cases of all files in one table. Cases of one suite need
 * not stand together: each suite is run where its first case stands.
 */
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/string.h>

/* Longer names are cut in the line that announces a test, so that it fits. */
#define SUITE_SHOWN 70
#define NAME_SHOWN 90

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

	kgen_line("test i=%u suite=%.*s name=%.*s", number, SUITE_SHOWN, c->suite, NAME_SHOWN,
		  c->name);
	runner(c, &test);
	if (test.failed) {
		ktest_counts.fail++;
		log_line("  not ok %u %s", number, c->name);
	} else if (test.skipped) {
		ktest_counts.skip++;
		log_line("  ok %u %s # SKIP %s", number, c->name, test.skipped);
	} else {
		ktest_counts.ok++;
		log_line("  ok %u %s", number, c->name);
	}
	return !test.failed;
}

static bool run_suite(const char *suite)
{
	unsigned number = 0;
	bool passed = true;

	log_line("  KTAP version 1");
	log_line("  # Subtest: %s", suite);
	log_line("  1..%u", ktest_count(suite));
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
	kgen_line("tests suites=%u cases=%td", count_suites(), _ktests_end - _ktests);
	log_line("KTAP version 1");
	log_line("1..%u%s", count_suites(), count_suites() ? "" : " # SKIP no tests were built in");
	for (const struct ktest_case *c = _ktests; c < _ktests_end; c++) {
		if (!first_of_suite(c))
			continue;
		log_line("%sok %u %s", run_suite(c->suite) ? "" : "not ", ++number, c->suite);
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
			log_line("  # %s: expected %s at %s:%d", test->name, text, file, line);
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
			log_line("  # %s: expected %s at %s:%d, with 0x%llx and 0x%llx", test->name,
				 text, file, line, a, b);
	}
	return holds;
}
