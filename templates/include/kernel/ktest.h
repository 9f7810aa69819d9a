/*
 * In-kernel tests, reported as KTAP version 1.
 *
 *     KTEST(buddy, splits_and_merges)
 *     {
 *             uintptr_t page = alloc_pages(ZONE_ANY, 0);
 *
 *             KTEST_EXPECT_NE(test, page, PHYS_NONE);
 *             free_pages(page, 0);
 *             KTEST_EXPECT_EQ(test, pages_check(), BUDDY_OK);
 *     }
 *
 * They run after stage `allocate`, suite by suite, in the order in which the
 * files are linked (by path) and the tests stand in them. A test may register
 * itself from any source file, the user's own included. It may print what it likes.
 */
#ifndef KERNEL_KTEST_H
#define KERNEL_KTEST_H

#include <kernel/types.h>

struct ktest {
	const char *suite;
	const char *name;
	bool failed;
	bool quiet; /* expectations that fail are noted, but not printed */
	bool broken; /* a KTEST_ALWAYS() failed */
	const char *skipped; /* why, or NULL */
};

struct ktest_case {
	const char *suite;
	const char *name;
	void (*run)(struct ktest *test);
};

struct ktest_counts {
	unsigned ok;
	unsigned fail;
	unsigned skip;
};

extern struct ktest_counts ktest_counts;

/* Run all tests. Returns false if one failed. */
bool ktest_run_all(void);

/* Tests of a suite. */
unsigned ktest_count(const char *suite);

/* Run all tests as ktest_run_all() does, but let `run` run each. */
bool ktest_run_by(void (*run)(const struct ktest_case *c, struct ktest *test));

#define KTEST_IN(section_name, suite_, name_, id)                                       \
	static void id(struct ktest *test);                                             \
	static const struct ktest_case id##_case                                        \
		__attribute__((used, section(section_name), aligned(4))) NO_REORDER = { \
			suite_,                                                         \
			name_,                                                          \
			id,                                                             \
		};                                                                      \
	static void id(struct ktest *test __attribute__((unused)))

/* Define a test of a suite. Names are taken as written, whatever macros there are. */
#define KTEST(suite, name) KTEST_IN(".ktests", #suite, #name, ktest_##suite##_##name)

/* The same, but run after all others: for what must hold at the end. */
#define KTEST_FINAL(suite, name) KTEST_IN(".ktests.final", #suite, #name, ktest_##suite##_##name)

/* Expectations note a failure and go on. */
#define KTEST_EXPECT(test, condition) \
	ktest_expect(test, !!(condition), __FILE__, __LINE__, #condition)
#define KTEST_EXPECT_EQ(test, a, b) KTEST_COMPARE(test, a, ==, b)
#define KTEST_EXPECT_NE(test, a, b) KTEST_COMPARE(test, a, !=, b)
#define KTEST_EXPECT_LE(test, a, b) KTEST_COMPARE(test, a, <=, b)
#define KTEST_EXPECT_GE(test, a, b) KTEST_COMPARE(test, a, >=, b)
#define KTEST_EXPECT_NULL(test, a) KTEST_COMPARE(test, (uintptr_t)(a), ==, 0)
#define KTEST_EXPECT_NOT_NULL(test, a) KTEST_COMPARE(test, (uintptr_t)(a), !=, 0)

/* The same, but a failure ends the test: it must stand in the test function itself. */
#define KTEST_ASSERT(test, condition)                 \
	do {                                          \
		if (!KTEST_EXPECT(test, (condition))) \
			return;                       \
	} while (0)

/*
 * The same, but go on at `label`, where the test frees its memory: a test that was denied
 * memory must not leak any (docs/failure-injection.md).
 */
#define KTEST_ASSERT_OR(test, condition, label)       \
	do {                                          \
		if (!KTEST_EXPECT(test, (condition))) \
			goto label;                   \
	} while (0)

/* Must hold even where requests for memory fail. A sweep counts only these. */
#define KTEST_ALWAYS(test, condition) \
	ktest_always(test, !!(condition), __FILE__, __LINE__, #condition)

/* End the test: it can't say anything on this machine. */
#define KTEST_SKIP(test, why)            \
	do {                             \
		(test)->skipped = (why); \
		return;                  \
	} while (0)

#define KTEST_COMPARE(test, a, op, b)                                                          \
	({                                                                                     \
		unsigned long long ktest_a = (unsigned long long)(a);                          \
		unsigned long long ktest_b = (unsigned long long)(b);                          \
		ktest_compare(test, ktest_a op ktest_b, __FILE__, __LINE__, #a " " #op " " #b, \
			      ktest_a, ktest_b);                                               \
	})

bool ktest_expect(struct ktest *test, bool holds, const char *file, int line, const char *text);
bool ktest_always(struct ktest *test, bool holds, const char *file, int line, const char *text);
bool ktest_compare(struct ktest *test, bool holds, const char *file, int line, const char *text,
		   unsigned long long a, unsigned long long b);

#endif /* KERNEL_KTEST_H */
