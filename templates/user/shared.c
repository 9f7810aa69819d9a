/*
 * Shared anonymous memory: frames that belong to no space, but to all areas that show them.
 *
 * A child of fork sees what its parent writes, so the frames cannot be found in either's tables
 * alone: a page that neither has touched must become the same frame for both. They are noted here,
 * in tables of 1024 as the CPU's are:
 *
 *     struct shared ─▶ roots [ 0 | 1 | … ]      one for 4 MiB
 *                              │
 *                              └▶ 1024 addresses of frames; PHYS_NONE: not touched yet
 *
 * All that it may ever have is counted as promised when it is made. The last area that goes frees
 * frames and tables.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <user/space_state.h>

struct shared {
	uint32_t users; /* areas */
	uint32_t pages;
	phys_addr_t *roots[]; /* pages / TABLE_ENTRIES, rounded up */
};

static uint32_t roots_of(uint32_t pages)
{
	return (pages + TABLE_ENTRIES - 1) / TABLE_ENTRIES;
}

struct shared *shared_create(uint32_t pages)
{
	size_t size = sizeof(struct shared) + roots_of(pages) * sizeof(phys_addr_t *);
	struct shared *shared;

	if (!commit_charge(&commit, pages))
		return NULL;
	shared = kzalloc(size);
	if (!shared) {
		commit_release(&commit, pages);
		return NULL;
	}
	shared->users = 1;
	shared->pages = pages;
	return shared;
}

void shared_get(struct shared *shared)
{
	shared->users++;
}

static void free_root(phys_addr_t *root)
{
	for (uint32_t i = 0; i < TABLE_ENTRIES; i++) {
		if (!root[i])
			continue;
		frame_drop(FRAME_NUMBER(root[i]));
		frame_stats.shared--;
		root[i] = PHYS_NONE;
	}
	table_free(root);
}

void shared_put(struct shared *shared)
{
	if (--shared->users)
		return;
	for (uint32_t i = 0; i < roots_of(shared->pages); i++) {
		if (shared->roots[i])
			free_root(shared->roots[i]);
	}
	commit_release(&commit, shared->pages);
	kfree(shared);
}

uint32_t shared_pages(const struct shared *shared)
{
	return shared->pages;
}

phys_addr_t *shared_slot(struct shared *shared, uint32_t index)
{
	phys_addr_t **root = &shared->roots[index / TABLE_ENTRIES];

	if (!*root)
		*root = table_alloc();
	return *root ? *root + index % TABLE_ENTRIES : NULL;
}
