/*
 * A walk through the zones: page.c, its hot list, and the buddies below them, with
 * random calls whose outcome a model knows that sees nothing but frames:
 *
 *     frame      0      1      2      3      4      5      6      7
 *     owner      HOLE   FREE   1      INSIDE 0      FREE   FREE   FREE
 *
 * Frames in the hot list are free in the model. As buddies merge at once, and the
 * hot list is drained before anything is refused or a lower zone asked, a request
 * must be served by the highest zone that suits and has a free, aligned run of
 * 2^order frames; if there is no such run, frames that wait for a TLB flush are freed,
 * and the request must be served from them, or fail and be counted once.
 *
 * Input: one line, SEED ROUNDS HOT, then FIRST and END of each region of RAM in
 * frames. HOT: frames that the hot list holds at most.
 */
#include <arch/paging.h>
#include <kernel/panic.h>
#include <mm/early.h>
#include <mm/page.h>
#include <mm/reclaim.h>

#include "bare.h"
#include "page_map.h"

#define FRAMES 2048
#define TIDE 250 /* rounds in which more is taken than given back, or the other way round */
#define FREE 0xfe
#define HOLE 0xff /* no RAM, or page frame 0 */
#define INSIDE 0x80 /* of an allocated block, after its first frame */

struct memblock memblock;

static uint8_t owner[FRAMES]; /* one of the above, or the order of the block that begins here */
static size_t live[FRAMES]; /* first frames of allocated blocks */
static size_t live_count;
static size_t last_freed;
static size_t free_count;
static unsigned long failures;
static size_t ram_end; /* frame */
static struct free_profile initial;
static size_t hot_frames; /* the hot list holds at most */
static size_t waiting[FRAMES]; /* for a TLB flush: allocated frames that nobody uses */
static size_t waiting_count;

static struct {
	unsigned zone;
	unsigned order;
	unsigned server; /* the zone that must serve it; ZONE_COUNT if none can */
	unsigned purges; /* that it has led to */
} request;

/* --- the machine ------------------------------------------------------------------- */

static void *landing[5]; /* for __builtin_longjmp() */
static bool panic_expected;
static char panic_text[256];

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(panic_text, sizeof(panic_text), format, args);
	va_end(args);
	if (panic_expected)
		__builtin_longjmp(landing, 1);
	wrong("panic: %s", panic_text);
}

/* --- the model --------------------------------------------------------------------- */

static unsigned zone_of_frame(size_t frame)
{
	unsigned zone = ZONE_COUNT - 1;

	while (zone && frame < zones[zone].buddy.base / PAGE_SIZE)
		zone--;
	return zone;
}

static bool all_free(size_t frame, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (frame + i >= ram_end || owner[frame + i] != FREE)
			return false;
	}
	return true;
}

/* Whether the zone has a block of this order, or a larger one. */
static bool zone_has(unsigned zone, unsigned order)
{
	size_t first = zones[zone].buddy.base / PAGE_SIZE;

	for (size_t frame = first;
	     order <= MAX_ORDER && frame < ram_end && zone_of_frame(frame) == zone;
	     frame += 1u << order) {
		if (all_free(frame, 1u << order))
			return true;
	}
	return false;
}

/* The zone that must serve a request; ZONE_COUNT if none can. */
static unsigned serving_zone(unsigned zone, unsigned order)
{
	for (unsigned i = zone + 1; i-- > 0;) {
		if (zone_has(i, order))
			return i;
	}
	return ZONE_COUNT;
}

/* In place of vmalloc.c's shrinker: free what waits. */
static size_t free_waiting(void)
{
	size_t count = waiting_count;

	while (waiting_count) {
		size_t frame = waiting[--waiting_count];

		owner[frame] = FREE;
		free_count++;
		free_pages(frame * PAGE_SIZE, 0);
	}
	request.server = serving_zone(request.zone, request.order);
	request.purges++;
	return count;
}

/* The error that free_pages() must report. Returns NULL for a valid free. */
static const char *complaint(phys_addr_t addr, unsigned order)
{
	size_t frame = addr / PAGE_SIZE;
	size_t first = frame;

	if (addr % PAGE_SIZE || frame >= ram_end)
		return "not a page frame of this zone";
	if (owner[frame] == HOLE)
		return "the allocator never had it";
	if (owner[frame] == FREE)
		return "it is free already";
	while (owner[first] == INSIDE)
		first--;
	if (first != frame)
		return "it lies inside an allocated block";
	return owner[frame] == order ? NULL : "the block has another order";
}

/* --- operations -------------------------------------------------------------------- */

static void take(unsigned zone, unsigned order)
{
	unsigned server = serving_zone(zone, order);
	phys_addr_t addr;
	size_t frame;

	request.zone = zone;
	request.order = order;
	request.server = server;
	request.purges = 0;
	addr = alloc_pages(zone, order);
	frame = addr / PAGE_SIZE;
	if (request.purges != (server == ZONE_COUNT))
		wrong("order %u of zone %u: %u flushes", order, zone, request.purges);
	if (request.server == ZONE_COUNT) {
		failures++;
		if (addr)
			wrong("0x%x of order %u, which there is not", addr, order);
		return;
	}
	if (!addr || !IS_ALIGNED(addr, PAGE_SIZE << order) || !all_free(frame, 1u << order))
		wrong("0x%x is no free block of order %u", addr, order);
	if (zone_of_frame(frame) != request.server)
		wrong("0x%x for zone %u, order %u: not from zone %u", addr, zone, order,
		      request.server);
	memset(owner + frame, INSIDE, 1u << order);
	owner[frame] = order;
	free_count -= 1u << order;
	live[live_count++] = frame;
}

static void give_back(void)
{
	size_t i = draw(live_count);
	size_t frame = live[i];
	unsigned order = owner[frame];

	live[i] = live[--live_count];
	memset(owner + frame, FREE, 1u << order);
	free_count += 1u << order;
	free_pages(frame * PAGE_SIZE, order);
	last_freed = frame;
}

/* A frame is not used any more, and waits for a flush. */
static void retire(void)
{
	size_t i = draw(live_count);

	if (owner[live[i]])
		return;
	waiting[waiting_count++] = live[i];
	live[i] = live[--live_count];
}

/* The panic that these calls end in; "" if they do not. */
static const char *panic_of(void (*use)(phys_addr_t addr, unsigned order), phys_addr_t addr,
			    unsigned order)
{
	panic_expected = true;
	panic_text[0] = '\0';
	if (!__builtin_setjmp(landing))
		use(addr, order);
	panic_expected = false;
	return panic_text;
}

static void just_free(phys_addr_t addr, unsigned order)
{
	free_pages(addr, order);
}

/* One that is live, the one freed last, or just any. */
static size_t some_frame(void)
{
	switch (draw(4)) {
	case 0:
		return draw(8) ? draw(ram_end + 40) : 0xfffff;
	case 1:
		return last_freed;
	default:
		return live_count ? live[draw(live_count)] : 0;
	}
}

/* A free that is wrong; a right one is left out. */
static void mistake(void)
{
	static const unsigned odd[] = { MAX_ORDER + 1, 0x20, 0x21, 0x40, 0x80, 0xff, 0xffffffff };
	size_t frame = some_frame();
	phys_addr_t addr = frame * PAGE_SIZE + (draw(3) ? 0 : draw(2) ? 1 + draw(PAGE_SIZE - 1) : 256 * (1 + draw(15)));
	unsigned order = draw(4) ? draw(MAX_ORDER + 1) : odd[draw(ARRAY_SIZE(odd))];
	const char *reason;
	char expected[128];

	if (draw(2))
		order = frame < ram_end && owner[frame] <= MAX_ORDER ? owner[frame] : 0;
	reason = complaint(addr, order);
	if (!reason)
		return;
	snprintf(expected, sizeof(expected), "free_pages(0x%08x, %u), zone %s: %s", addr, order,
		 zones[zone_of_frame(addr / PAGE_SIZE)].name, reason);
	if (strcmp(panic_of(just_free, addr, order), expected))
		wrong("expected: %s\nactual:   %s", expected, panic_text);
}

/* --- checks ------------------------------------------------------------------------ */

/* Free frames of each zone: what the hot list has belongs to the highest that has any. */
static void check_zones(void)
{
	size_t in_buddies = 0;
	size_t hot;
	unsigned highest = ZONE_COUNT - 1;

	while (highest && !zones[highest].buddy.managed)
		highest--;
	for (unsigned i = 0; i < ZONE_COUNT; i++)
		in_buddies += buddy_free_pages(&zones[i].buddy);
	hot = free_count - in_buddies;
	if (hot > hot_frames)
		wrong("%lu frames are nowhere", (unsigned long)hot);
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		size_t expected = 0;

		for (size_t frame = 0; frame < ram_end; frame++)
			expected += owner[frame] == FREE && zone_of_frame(frame) == i;
		if (buddy_free_pages(&zones[i].buddy) + (i == highest ? hot : 0) != expected)
			wrong("zone %s does not have its %lu free frames", zones[i].name,
			      (unsigned long)expected);
	}
}

static void check(void)
{
	enum buddy_error error = pages_check();

	if (error)
		wrong("%s", buddy_strerror(error));
	if (free_page_count() != free_count)
		wrong("%lu frames free, not %lu", (unsigned long)free_page_count(),
		      (unsigned long)free_count);
	if (page_stats.failures != failures)
		wrong("%lu failures, not %lu", page_stats.failures, failures);
	check_zones();
}

/* --- the walk ---------------------------------------------------------------------- */

static unsigned some_order(void)
{
	return draw(3) ? 0 : draw(50) ? draw(draw(MAX_ORDER + 1) + 1) : MAX_ORDER + 1 + draw(30);
}

static void operate(unsigned round)
{
	bool flood = round / TIDE % 2 == 0;

	switch (draw(40)) {
	case 0:
		pages_drain();
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		mistake();
		break;
	case 5:
	case 6:
		if (live_count)
			retire();
		break;
	default:
		if (draw(20) < (flood ? 15 : 6))
			take(draw(2) ? ZONE_ANY : draw(ZONE_COUNT), some_order());
		else if (live_count)
			give_back();
	}
}

/* Take single frames until none is left. */
static void exhaust(unsigned zone)
{
	unsigned long before = failures;

	while (failures == before) {
		take(zone, 0);
		check();
	}
}

static void expect_nothing_left(void)
{
	struct free_profile final;

	while (live_count)
		give_back();
	free_waiting();
	check();
	free_profile_read(&final);
	check();
	if (memcmp(&initial, &final, sizeof(final)))
		wrong("not the blocks that there were at first");
}

static size_t number(char **at)
{
	size_t value = 0;

	while (**at == ' ')
		++*at;
	for (; **at >= '0' && **at <= '9'; ++*at)
		value = value * 10 + **at - '0';
	return value;
}

static void begin(char *line)
{
	memset(owner, HOLE, sizeof(owner));
	memblock_init(&memblock);
	while (*line) {
		size_t first = number(&line);
		size_t end = number(&line);

		memblock_add(&memblock, first * PAGE_SIZE, end * PAGE_SIZE);
		first = MAX(first, (size_t)1);
		memset(owner + first, FREE, end - first);
		free_count += end - first;
		ram_end = end;
	}
	zones_reserve(ram_end * PAGE_SIZE);
	zones_init();
	reclaim_register(RECLAIM_FLUSH, free_waiting);
	check();
	free_profile_read(&initial);
}

int run(void)
{
	char *line = next_line();
	size_t seed = number(&line);
	size_t rounds = number(&line);

	hot_frames = number(&line);
	while (seed-- > 0)
		draw(1);
	begin(line);
	for (size_t round = 0; round < rounds; round++) {
		operate(round);
		check();
	}
	expect_nothing_left();
	for (unsigned zone = 0; zone < ZONE_COUNT; zone++) {
		exhaust(zone);
		expect_nothing_left();
	}
	say("failures %lu refills %lu drains %lu\n", failures, page_stats.refills,
	    page_stats.drains);
	return 0;
}
