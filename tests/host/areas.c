/*
 * Areas against a model that keeps pages in an array.
 *
 *     areas states PAGES       every state that can be reached in so many pages: every tree
 *     areas walk SEED STEPS    a random walk with many areas
 *     areas steps COUNT        the most basic blocks of one search, one insertion, one removal among
 *                              COUNT areas (when compiled with -fsanitize-coverage=trace-pc)
 *
 * A state is a tree, not only what is taken: it is written as a string in preorder, and built again
 * from that before each operation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/area.h>

#define MOST 4096 /* areas at a time */
#define PAGES_MOST 64

static unsigned long steps;

void __sanitizer_cov_trace_pc(void);

__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void)
{
	steps++;
}

#define REQUIRE(condition)                                                        \
	do {                                                                      \
		if (!(condition)) {                                               \
			printf("line %d: %s\n", __LINE__, #condition);            \
			exit(1);                                                  \
		}                                                                 \
	} while (0)

static struct areas areas;
static unsigned pages; /* 1 … pages; page 0 is nobody's */

/* --- nodes ------------------------------------------------------------------- */

static struct area pool[MOST + 1];
static unsigned free_nodes[MOST + 1];
static unsigned free_count;

static void empty(void)
{
	memset(&areas, 0, sizeof(areas));
	memset(pool, 0xa5, sizeof(pool)); /* what a node held before has no meaning */
	for (free_count = 0; free_count <= MOST; free_count++)
		free_nodes[free_count] = MOST - free_count;
}

static struct area *node(unsigned start, unsigned end, unsigned guard)
{
	struct area *area = &pool[free_nodes[--free_count]];

	area->start = start * PAGE_SIZE;
	area->end = end * PAGE_SIZE;
	area->guard = guard * PAGE_SIZE;
	memset(&area->use, 0, sizeof(area->use));
	area->use.shared = (struct shared *)1; /* so that offsets count */
	area->use.offset = start + 1000;
	return area;
}

static void drop(struct area *area)
{
	area_remove(&areas, area);
	memset(area, 0xa5, sizeof(*area));
	area->start = 0; /* whoever still asks it finds everything in it */
	area->end = UINT32_MAX;
	free_nodes[free_count++] = area - pool;
}

/* --- the model: a sorted array ------------------------------------------------- */

static struct range {
	unsigned start, end, guard;
} model[MOST + 1];
static unsigned model_count;

static unsigned model_above(unsigned page)
{
	unsigned i = 0;

	while (i < model_count && model[i].end <= page)
		i++;
	return i;
}

static void model_insert(struct range range)
{
	unsigned at = model_above(range.start);

	memmove(model + at + 1, model + at, (model_count++ - at) * sizeof(*model));
	model[at] = range;
}

static void model_remove(unsigned at)
{
	memmove(model + at, model + at + 1, (--model_count - at) * sizeof(*model));
}

/* Whether `size` pages from `page` on are free, up to the guard of what follows. */
static bool fits(unsigned page, unsigned size)
{
	unsigned i = model_above(page);

	return i == model_count || page + size + model[i].guard <= model[i].start;
}

static unsigned model_hole(unsigned low, unsigned high, unsigned size, bool highest)
{
	unsigned found = 0;

	for (unsigned page = low; page + size <= high; page++) {
		if (fits(page, size) && (highest || !found))
			found = page;
	}
	return found;
}

/* --- comparing ------------------------------------------------------------------ */

static void compare_list(void)
{
	const struct area *area = areas.first;

	REQUIRE(areas_check(&areas));
	REQUIRE(areas.count == model_count);
	for (unsigned i = 0; i < model_count; i++, area = area->next) {
		REQUIRE(area->start == model[i].start * PAGE_SIZE);
		REQUIRE(area->end == model[i].end * PAGE_SIZE);
		REQUIRE(area->use.offset == model[i].start + 1000);
	}
}

static void compare_page(unsigned page)
{
	unsigned i = model_above(page);
	const struct area *above = area_above(&areas, page * PAGE_SIZE);
	const struct area *found = area_find(&areas, page * PAGE_SIZE + PAGE_SIZE - 1);

	REQUIRE(!above == (i == model_count));
	REQUIRE(!above || above->start == model[i].start * PAGE_SIZE);
	REQUIRE(found == (above && above->start <= page * PAGE_SIZE ? above : NULL));
}

static void compare_holes(unsigned low, unsigned high, unsigned size)
{
	REQUIRE(area_highest_hole(&areas, low * PAGE_SIZE, high * PAGE_SIZE, size * PAGE_SIZE) ==
		model_hole(low, high, size, true) * PAGE_SIZE);
	REQUIRE(area_lowest_hole(&areas, low * PAGE_SIZE, high * PAGE_SIZE, size * PAGE_SIZE) ==
		model_hole(low, high, size, false) * PAGE_SIZE);
}

static void compare_all(void)
{
	compare_list();
	for (unsigned page = 0; page <= pages + 1; page++)
		compare_page(page);
	for (unsigned low = 1; low <= pages; low++) {
		for (unsigned high = low; high <= pages + 1; high++) {
			for (unsigned size = 1; size <= pages; size++)
				compare_holes(low, high, size);
		}
	}
}

/* --- every state ------------------------------------------------------------------ */

struct state {
	unsigned char length;
	unsigned char text[4 * PAGES_MOST];
};

#define SLOTS (1u << 20)

static struct state *queue;
static unsigned queued;
static unsigned slots[SLOTS]; /* number of the state, plus 1 */

static void write_tree(const struct area *area, struct state *state)
{
	unsigned char *at = state->text + state->length;

	if (!area) {
		*at = 0xff;
		state->length++;
		return;
	}
	at[0] = area->start / PAGE_SIZE;
	at[1] = area->end / PAGE_SIZE;
	at[2] = area->guard / PAGE_SIZE;
	state->length += 3;
	write_tree(area->left, state);
	write_tree(area->right, state);
}

static struct area *last_read;

static struct area *read_tree(const unsigned char **at, struct area *parent)
{
	struct area *area;

	if (**at == 0xff) {
		++*at;
		return NULL;
	}
	area = node((*at)[0], (*at)[1], (*at)[2]);
	*at += 3;
	area->parent = parent;
	area->left = read_tree(at, area);
	area->previous = last_read;
	area->next = NULL;
	if (last_read)
		last_read->next = area;
	else
		areas.first = area;
	last_read = area;
	areas.count++;
	model[model_count++] = (struct range){ area->start / PAGE_SIZE, area->end / PAGE_SIZE,
					       area->guard / PAGE_SIZE };
	area->right = read_tree(at, area);
	return area;
}

/* Heights and holes, in the model's own way. */
static void sum(struct area *area)
{
	uint32_t before;

	if (!area)
		return;
	sum(area->left);
	sum(area->right);
	before = area->previous ? area->previous->end : 0;
	area->hole = area->start - before > area->guard ? area->start - before - area->guard : 0;
	area->height = 1;
	area->best = area->hole;
	for (unsigned side = 0; side < 2; side++) {
		const struct area *child = side ? area->right : area->left;

		if (child && child->height >= area->height)
			area->height = child->height + 1;
		if (child && child->best > area->best)
			area->best = child->best;
	}
}

static void load(const struct state *state)
{
	const unsigned char *at = state->text;

	empty();
	model_count = 0;
	last_read = NULL;
	areas.root = read_tree(&at, NULL);
	areas.last = last_read;
	sum(areas.root);
}

/* Note the state that there is now, if it is new, and compare it with the model. */
static void arrive(void)
{
	static struct state state;
	unsigned hash = 2166136261u;

	memset(&state, 0, sizeof(state));
	write_tree(areas.root, &state);
	for (unsigned i = 0; i < state.length; i++)
		hash = (hash ^ state.text[i]) * 16777619u;
	for (hash %= SLOTS; slots[hash]; hash = (hash + 1) % SLOTS) {
		if (!memcmp(&queue[slots[hash] - 1], &state, sizeof(state))) {
			compare_list(); /* holes were compared when it was new */
			return;
		}
	}
	REQUIRE(queued < SLOTS / 2);
	queue[queued] = state;
	slots[hash] = ++queued;
	compare_all();
}

static struct area *area_number(unsigned i)
{
	struct area *area = areas.first;

	while (i--)
		area = area->next;
	return area;
}

/* All operations on the i-th area of a state. */
static void change(const struct state *state, unsigned i)
{
	struct range was;
	unsigned low;
	unsigned high;

	load(state);
	was = model[i];
	low = i ? model[i - 1].end : 1;
	high = i + 1 < model_count ? model[i + 1].start : pages + 1;
	drop(area_number(i));
	model_remove(i);
	arrive();
	for (unsigned start = low; start < high; start++) {
		for (unsigned end = start + 1; end <= high; end++) {
			load(state);
			area_resize(area_number(i), start * PAGE_SIZE, end * PAGE_SIZE);
			model[i] = (struct range){ start, end, was.guard };
			arrive();
		}
	}
	for (unsigned at = was.start + 1; at < was.end; at++) {
		load(state);
		area_split(&areas, area_number(i), at * PAGE_SIZE, node(1, 2, 0));
		model[i].end = at;
		model_insert((struct range){ at, was.end, was.guard });
		arrive();
	}
}

static void insert_all(const struct state *state)
{
	for (unsigned start = 1; start <= pages; start++) {
		for (unsigned end = start + 1; end <= pages + 1; end++) {
			for (unsigned how = 0; how < 3; how++) { /* guard 0, guard 2, append */
				struct range range = { start, end, how == 1 ? 2 : 0 };

				load(state);
				if (!fits(start, end - start) &&
				    model_above(start) < model_count &&
				    model[model_above(start)].start < end)
					continue;
				if (how == 2 && model_above(start) < model_count)
					continue;
				if (how == 2)
					area_append(&areas, node(start, end, 0));
				else
					area_insert(&areas, node(start, end, range.guard));
				model_insert(range);
				arrive();
			}
		}
	}
}

static int all_states(void)
{
	queue = calloc(SLOTS / 2, sizeof(*queue));
	REQUIRE(queue);
	empty();
	arrive();
	for (unsigned done = 0; done < queued; done++) {
		struct state state = queue[done];
		unsigned count;

		load(&state);
		count = model_count;
		insert_all(&state);
		for (unsigned i = 0; i < count; i++)
			change(&state, i);
	}
	printf("%u states\n", queued);
	return 0;
}

/* --- a walk ------------------------------------------------------------------------ */

static unsigned below(unsigned n)
{
	return (unsigned)random() % n;
}

static void step(unsigned span)
{
	unsigned start = 1 + below(span);
	unsigned end = start + 1 + below(8);
	unsigned i = model_above(start);
	unsigned what = below(4);

	if (what == 0 && (i == model_count || model[i].start >= end) && model_count < MOST / 2) {
		struct range range = { start, end, below(6) };

		area_insert(&areas, node(start, end, range.guard));
		model_insert(range);
		return;
	}
	if (i == model_count)
		return;
	if (what == 1) {
		drop(area_above(&areas, start * PAGE_SIZE));
		model_remove(i);
	} else if (what == 2 && model[i].start < start) {
		struct range upper = { start, model[i].end, model[i].guard };

		area_split(&areas, area_above(&areas, start * PAGE_SIZE), start * PAGE_SIZE,
			   node(1, 2, 0));
		model[i].end = start;
		model_insert(upper);
	} else if (what == 3) {
		unsigned low = i ? model[i - 1].end : 1;
		unsigned high = i + 1 < model_count ? model[i + 1].start : model[i].end + 4;
		struct area *area = area_above(&areas, start * PAGE_SIZE);

		model[i].start = low + below(high - low);
		model[i].end = model[i].start + 1 + below(high - model[i].start);
		area_resize(area, model[i].start * PAGE_SIZE, model[i].end * PAGE_SIZE);
	}
}

static int walk(unsigned seed, unsigned long count)
{
	unsigned span = 2000;

	srandom(seed);
	empty();
	while (count--) {
		unsigned low = 1 + below(span);

		step(span);
		compare_list();
		compare_page(below(span));
		compare_holes(low, low + below(span), 1 + below(12));
	}
	return 0;
}

/* --- how many steps ------------------------------------------------------------------ */

static unsigned long most(unsigned long *so_far, unsigned long before)
{
	if (steps - before > *so_far)
		*so_far = steps - before;
	return steps;
}

static int count_steps(unsigned count)
{
	unsigned long search = 0;
	unsigned long insert = 0;
	unsigned long removal = 0;

	empty();
	for (unsigned i = 0; i < count; i++) { /* holes of one page between all, in ascending order */
		unsigned long before = steps;

		area_insert(&areas, node(1 + 2 * i, 2 + 2 * i, 0));
		most(&insert, before);
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned page = 1 + 2 * ((i * 7919ul) % count);
		unsigned long before = steps;

		area_highest_hole(&areas, PAGE_SIZE, page * PAGE_SIZE, 2 * PAGE_SIZE);
		area_lowest_hole(&areas, page * PAGE_SIZE, (2 * count + 1) * PAGE_SIZE, 2 * PAGE_SIZE);
		area_above(&areas, page * PAGE_SIZE);
		most(&search, before);
	}
	for (unsigned i = 0; i < count; i++) {
		struct area *area = areas.root;
		unsigned long before = steps;

		area_remove(&areas, area);
		most(&removal, before);
	}
	printf("%lu %lu %lu\n", search, insert, removal);
	return 0;
}

int main(int argc, char **argv)
{
	REQUIRE(argc > 2);
	if (!strcmp(argv[1], "states")) {
		pages = strtoul(argv[2], NULL, 10);
		return all_states();
	}
	if (!strcmp(argv[1], "walk"))
		return walk(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	return count_steps(strtoul(argv[2], NULL, 10));
}
