/*
 * Directories: which names they have.
 *
 * The entries of a directory are in a list, in the order in which they were made, so that
 * getdents() can go on where it stopped: each has a cookie, which grows along the list.
 * All entries of all directories are in one hash table as well, by directory and name: a
 * name is found without a walk along its directory.
 *
 *     directory.first -> entry -> entry -> entry <- directory.last      cookies 2, 3, 7
 *                          |
 *     buckets[hash(directory, name)] -> entry -> entry of another directory
 *
 * Invariants: an entry is one user and one link of its node; a directory has one entry at
 * most, so that the tree is one; node->entry is among the entries that name the node.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/panic.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <user/tree.h>

#define BUCKETS 256 /* a power of two */

static struct entry *buckets[BUCKETS];

/* FNV-1a. */
static struct entry **bucket(const struct node *directory, const char *name, size_t length)
{
	uint32_t hash = 0x811c9dc5u ^ directory->number;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x01000193u;
	return &buckets[(hash ^ hash >> 16) % BUCKETS];
}

struct entry *tree_find(const struct node *directory, const char *name, size_t length)
{
	struct entry *entry = *bucket(directory, name, length);

	while (entry && (entry->directory != directory || entry->length != length ||
			 memcmp(entry->name, name, length) != 0))
		entry = entry->hash_next;
	return entry;
}

/* An entry that is in no directory yet; NULL if memory ran out. */
static struct entry *create_entry(const char *name, size_t length)
{
	struct entry *entry = kmalloc(sizeof(*entry) + length + 1);

	if (!entry)
		return NULL;
	memcpy(entry->name, name, length);
	entry->name[length] = '\0';
	entry->length = (uint8_t)length;
	return entry;
}

static void add(struct node *directory, struct entry *entry, struct node *node)
{
	struct entry **head = bucket(directory, entry->name, entry->length);

	entry->hash_next = *head;
	*head = entry;
	entry->node = node;
	entry->directory = directory;
	entry->cookie = directory->directory.cookie++;
	entry->next = NULL;
	entry->previous = directory->directory.last;
	if (entry->previous)
		entry->previous->next = entry;
	else
		directory->directory.first = entry;
	directory->directory.last = entry;
	directory->directory.folders += node_is_directory(node);
	directory->mtime = node_clock();
	node->entry = entry;
	node->links++;
	node_get(node);
}

int32_t tree_link(struct node *directory, const char *name, size_t length, struct node *node)
{
	struct entry *entry;

	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	if (!tree_parent(directory) || !length)
		return -ENOENT;
	if (tree_find(directory, name, length))
		return -EEXIST;
	entry = create_entry(name, length);
	if (!entry)
		return -ENOSPC;
	add(directory, entry, node);
	return 0;
}

int32_t tree_make(struct node *directory, const char *name, size_t length, struct node *node)
{
	int32_t error;

	if (!node)
		return -ENOSPC;
	error = tree_link(directory, name, length, node);
	node_put(node); /* the entry holds it, or nobody */
	return error;
}

void tree_unlink(struct entry *entry)
{
	struct node *directory = entry->directory;
	struct node *node = entry->node;
	struct entry **at = bucket(directory, entry->name, entry->length);

	while (*at != entry)
		at = &(*at)->hash_next;
	*at = entry->hash_next;
	if (entry->previous)
		entry->previous->next = entry->next;
	else
		directory->directory.first = entry->next;
	if (entry->next)
		entry->next->previous = entry->previous;
	else
		directory->directory.last = entry->previous;
	directory->directory.folders -= node_is_directory(node);
	directory->mtime = node_clock();
	if (node->entry == entry)
		node->entry = NULL;
	node->links--;
	kfree(entry);
	node_put(node);
}

int32_t tree_move(struct entry *from, struct node *directory, const char *name, size_t length)
{
	struct node *node = from->node;
	struct entry *replaced = tree_find(directory, name, length);
	struct entry *entry;

	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	entry = create_entry(name, length);
	if (!entry)
		return -ENOSPC;
	if (replaced)
		tree_unlink(replaced); /* and perhaps `name` with it, which was a link's */
	node_get(node);
	tree_unlink(from);
	add(directory, entry, node);
	node_put(node);
	return 0;
}
