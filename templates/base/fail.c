/*
 * Failures on demand.
 *
 * Requests for memory are made at four places, and kmalloc() in turn makes requests
 * for pages and addresses:
 *
 *     kmalloc ────┬────────────▶ page
 *     cache ──────┘  ┌─────────▶ page
 *     vmalloc ───────┴─────────▶ address ◀──── ioremap
 *
 * Each asks here first. Requests of the selected kinds are numbered from 1. These fail:
 * the nth and a number of requests after it; those of one call site; or one in N, chosen
 * by a seeded sequence. The command line selects them, or a sweep (kernel/sweep.c), which
 * tries them all.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <generated/config.h>
#include <kernel/cmdline.h>
#include <kernel/fail.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>

static const char *const kind_names[FAIL_KINDS] = {
	[FAIL_KMALLOC] = "kmalloc",
	[FAIL_CACHE] = "cache",
	[FAIL_PAGE] = "page",
	[FAIL_ADDRESS] = "address",
};

#define EVERY_KIND ((1u << FAIL_KINDS) - 1)

static struct {
	uint32_t kinds; /* that count: bit 1 << kind */
	unsigned long nth; /* fail this request, counted from 1; 0: none */
	unsigned long times; /* number of requests that fail from there on; 0: all */
	bool its_kind; /* of these, only those of the nth's kind */
	enum fail_kind kind; /* of the nth, once it was made */
	uintptr_t site; /* fail requests from here */
	uint32_t rate; /* fail one in this many */
	uint32_t seed;
	bool until_tests;
} fail;

static struct {
	unsigned long number;
	enum fail_kind kind;
	const void *site;
} last; /* that was made to fail */

struct fail_counts fail_counts;

/* --- the command line -------------------------------------------------------------- */

/* Whether the text is a number of 32 bits, decimal, or hexadecimal after 0x. */
static bool is_number(const char *text, uint32_t *value)
{
	unsigned base = text[0] == '0' && text[1] == 'x' ? 16 : 10;
	uint64_t sum = 0;

	text += base == 16 ? 2 : 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned digit = *text <= '9' ? *text - '0' : (*text | ' ') - 'a' + 10;

		if (digit >= base)
			return false;
		sum = sum * base + digit;
		if (sum >> 32)
			return false;
	}
	*value = sum;
	return true;
}

static uint32_t option(const char *key, uint32_t otherwise)
{
	uint32_t value = otherwise;
	char text[16] = "";

	if (boot_option(key, text, sizeof(text)) && !is_number(text, &value))
		refuse_boot("%s=%s: it must be a number of 32 bits, such as 5 or 0xc0100000", key,
			    text);
	return value;
}

/* The kinds that fail.of= names, as bits. */
static uint32_t kinds_wanted(void)
{
	char text[16] = "kmalloc";

	boot_option(OPTION_FAIL_OF, text, sizeof(text));
	if (!strcmp(text, "all"))
		return EVERY_KIND;
	for (unsigned kind = 0; kind < FAIL_KINDS; kind++) {
		if (!strcmp(text, kind_names[kind]))
			return 1u << kind;
	}
	refuse_boot(OPTION_FAIL_OF "=%s: it must be kmalloc, cache, page, address or all", text);
}

static void print_injected(void)
{
	if (fail_counts.injected)
		printk("fail: %lu of %lu requests failed on demand, the last was number %lu: %s "
		       "from %p\n",
		       fail_counts.injected, fail_counts.requests, last.number,
		       kind_names[last.kind], last.site);
}

void fail_init(void)
{
	static struct panic_note note = { .print = print_injected };
	char until[8] = "";

	panic_add_note(&note);
	fail.kinds = kinds_wanted();
	fail.nth = option(OPTION_FAIL_NTH, 0);
	fail.times = option(OPTION_FAIL_TIMES, 1);
	fail.site = option(OPTION_FAIL_SITE, 0);
	fail.rate = option(OPTION_FAIL_RATE, 0);
	fail.seed = option(OPTION_FAIL_SEED, 0);
	fail.until_tests = boot_option(OPTION_FAIL_UNTIL, until, sizeof(until));
	if (fail.until_tests && strcmp(until, "tests"))
		refuse_boot(OPTION_FAIL_UNTIL "=%s: it must be tests", until);
}

/* --- requests ---------------------------------------------------------------------- */

/* Whether it is the nth, or one of those after it that fail, too. */
static bool is_nth(unsigned long request, enum fail_kind kind)
{
	if (!fail.nth || request < fail.nth)
		return false;
	if (request == fail.nth)
		fail.kind = kind;
	else if (fail.its_kind && kind != fail.kind)
		return false;
	return !fail.times || request - fail.nth < fail.times;
}

bool fail_from(enum fail_kind kind, const void *site)
{
	bool injected;

	if (!(fail.kinds >> kind & 1))
		return false;
	fail_counts.requests++;
	/* Numerical Recipes' generator; its upper bits are the better ones. */
	fail.seed = fail.seed * 1664525 + 1013904223;
	injected = is_nth(fail_counts.requests, kind) ||
		   (fail.site && fail.site == (uintptr_t)site) ||
		   (fail.rate && (fail.seed >> 8) % fail.rate == 0);
	if (injected) {
		fail_counts.injected++;
		last.number = fail_counts.requests;
		last.kind = kind;
		last.site = site;
	}
	return injected;
}

void fail_arm(unsigned long nth, enum fail_reach reach)
{
	memset(&fail, 0, sizeof(fail));
	memset(&fail_counts, 0, sizeof(fail_counts));
	fail.kinds = EVERY_KIND;
	fail.nth = nth;
	fail.times = reach == FAIL_ALONE;
	fail.its_kind = reach == FAIL_ITS_KIND;
}

void fail_boot_is_over(void)
{
	if (fail.until_tests)
		memset(&fail, 0, sizeof(fail));
}

void fail_report(void)
{
	kgen_stat(fail_counts.requests, "fail.requests");
	kgen_stat(fail_counts.injected, "fail.injected");
}
