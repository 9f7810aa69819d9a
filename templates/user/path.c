/*
 * Paths: from text to a node.
 *
 * One name after the other is looked up. A symbolic link puts its target in front of what
 * is left, so what is left is a stack of strings, not deeper than the links that one path
 * may lead through:
 *
 *     /tmp/a/b      where /tmp/a is a link to ../bin/../c
 *
 *     rest[0] = "b"     rest[1] = "../bin/../c"     the top is read first
 *
 * So there is no recursion, and nothing is copied.
 *
 * Steps: take a name from the top string; if it is the last of all, keep it as the result;
 * look it up; follow it if it is a link.
 *
 * Invariant: `at` is a directory.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <user/process.h>
#include <user/tree.h>

struct state {
	struct node *at;
	const char *rest[LINKS_MAX + 1]; /* what is left to walk; never begins with a slash */
	unsigned depth; /* strings in it */
	unsigned links; /* followed so far */
	bool slash; /* a slash came after the last name */
};

static const char *skip_slashes(const char *text)
{
	while (*text == '/')
		text++;
	return text;
}

/* Begin with another string: the path, or a link's target. */
static void push(struct state *state, const char *text)
{
	if (*text == '/')
		state->at = root_node;
	text = skip_slashes(text);
	if (*text)
		state->rest[state->depth++] = text;
}

/* Take the next name; false if there is none. */
static bool pop(struct state *state, const char **name, size_t *length)
{
	const char *text;
	size_t n = 0;

	if (!state->depth)
		return false;
	text = state->rest[state->depth - 1];
	while (text[n] && text[n] != '/')
		n++;
	*name = text;
	*length = n;
	state->slash = text[n] == '/';
	text = skip_slashes(text + n);
	if (*text)
		state->rest[state->depth - 1] = text;
	else
		state->depth--; /* at once, so that a chain of links takes one place */
	return true;
}

static bool is_dots(const char *name, size_t length)
{
	return name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
}

/* What a step came to, if not to an error. */
enum { AT_NODE, ELSEWHERE };

/* Go on at a link's target: a string, or a node at once. */
static int32_t follow(struct state *state, struct walk *walk)
{
	const struct node *link = walk->node;

	if (++state->links > LINKS_MAX)
		return -ELOOP;
	walk->node = NULL;
	if (link->target) {
		push(state, link->target);
		return ELSEWHERE;
	}
	if (current)
		walk->node = current->program;
	return walk->node ? AT_NODE : -ENOENT;
}

/* One name, neither "." nor "..". */
static int32_t step(struct state *state, unsigned flags, struct walk *walk)
{
	struct entry *entry;
	bool last = !state->depth;

	if (walk->length > NAME_MAX)
		return -ENAMETOOLONG;
	entry = tree_find(state->at, walk->name, walk->length);
	walk->directory = state->at;
	walk->node = entry ? entry->node : NULL;
	if (!entry)
		return last && (flags & WALK_PARENT) && tree_parent(state->at) ? AT_NODE : -ENOENT;
	if (walk->node->kind != NODE_LINK)
		return AT_NODE;
	if (last && (flags & WALK_NO_FOLLOW) && !walk->slash)
		return AT_NODE;
	return follow(state, walk);
}

/* "." and "..". */
static int32_t step_dots(const struct state *state, struct walk *walk)
{
	walk->directory = NULL;
	walk->node = walk->length == 1 ? state->at : tree_parent(state->at);
	return walk->node ? AT_NODE : -ENOENT;
}

int32_t path_walk(struct node *from, const char *path, unsigned flags, struct walk *walk)
{
	struct state state = { .at = from };
	int32_t result;

	if (!*path)
		return -ENOENT;
	push(&state, path);
	*walk = (struct walk){ .node = state.at };
	while (pop(&state, &walk->name, &walk->length)) {
		walk->slash |= !state.depth && state.slash;
		if (is_dots(walk->name, walk->length))
			result = step_dots(&state, walk);
		else
			result = step(&state, flags, walk);
		if (result < 0)
			return result;
		if (result == ELSEWHERE) {
			walk->directory = NULL; /* the target may be / alone */
			walk->node = state.at;
		} else if (!walk->node) {
			return 0; /* the last name is missing */
		} else if (node_is_directory(walk->node)) {
			state.at = walk->node;
		} else if (state.depth || walk->slash) {
			return -ENOTDIR;
		}
	}
	return 0;
}

int32_t node_find(const char *path, struct node **node)
{
	struct walk walk;
	int32_t error = path_walk(files_directory(), path, 0, &walk);

	if (error)
		return error;
	*node = walk.node;
	node_get(*node);
	return 0;
}
