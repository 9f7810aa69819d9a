/*
 * The index of a file's pages.
 *
 * A small file's frames are noted in the index itself. Those of larger ones are in
 * leaves of 256, which an array that grows points to; a leaf exists where a page does:
 *
 *     near[0..3]     page 0, 1, 2, 3
 *     leaves[0] ---> pages 0..255 (the first four unused)
 *     leaves[1]      NULL: a hole of 1 MiB
 *     leaves[2] ---> pages 512..767
 *
 * An array of n leaves has grown by doubling, so a file of p pages costs O(p) in all.
 *
 * Invariant: a leaf or a place that was made holds PHYS_NONE until a frame is noted there.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <mm/kmalloc.h>
#include <user/page_index.h>

phys_addr_t *page_index_find(struct page_index *index, uint32_t page)
{
	uint32_t leaf = page / INDEX_LEAF;

	if (page < INDEX_NEAR)
		return &index->near[page];
	if (leaf >= index->leaf_count || !index->leaves[leaf])
		return NULL;
	return &index->leaves[leaf][page % INDEX_LEAF];
}

/* Make the array long enough for a leaf. */
static bool widen(struct page_index *index, uint32_t leaf)
{
	uint32_t count = index->leaf_count ? index->leaf_count : 4;
	phys_addr_t **leaves;

	while (count <= leaf)
		count *= 2;
	leaves = krealloc(index->leaves, count * sizeof(leaves[0]));
	if (!leaves)
		return false;
	for (uint32_t i = index->leaf_count; i < count; i++)
		leaves[i] = NULL;
	index->leaves = leaves;
	index->leaf_count = count;
	return true;
}

phys_addr_t *page_index_make(struct page_index *index, uint32_t page)
{
	uint32_t leaf = page / INDEX_LEAF;

	if (page < INDEX_NEAR)
		return &index->near[page];
	if (page >= INDEX_PAGES || (leaf >= index->leaf_count && !widen(index, leaf)))
		return NULL;
	if (!index->leaves[leaf])
		index->leaves[leaf] = kcalloc(INDEX_LEAF, sizeof(phys_addr_t));
	return index->leaves[leaf] ? &index->leaves[leaf][page % INDEX_LEAF] : NULL;
}

static void release_one(phys_addr_t *place, void (*release)(phys_addr_t frame))
{
	if (*place)
		release(*place);
	*place = PHYS_NONE;
}

void page_index_cut(struct page_index *index, uint32_t first, void (*release)(phys_addr_t frame))
{
	for (uint32_t page = first; page < INDEX_NEAR; page++)
		release_one(&index->near[page], release);
	for (uint32_t leaf = first / INDEX_LEAF; leaf < index->leaf_count; leaf++) {
		uint32_t from = leaf == first / INDEX_LEAF ? first % INDEX_LEAF : 0;
		phys_addr_t *places = index->leaves[leaf];

		if (!places)
			continue;
		for (uint32_t i = from; i < INDEX_LEAF; i++)
			release_one(&places[i], release);
		if (!from) {
			kfree(places);
			index->leaves[leaf] = NULL;
		}
	}
	if (first)
		return;
	kfree(index->leaves);
	index->leaves = NULL;
	index->leaf_count = 0;
}

uint32_t page_index_next(const struct page_index *index, uint32_t from)
{
	for (; from < INDEX_NEAR; from++) {
		if (index->near[from])
			return from;
	}
	while (from / INDEX_LEAF < index->leaf_count) {
		const phys_addr_t *places = index->leaves[from / INDEX_LEAF];

		if (!places) {
			from = (from / INDEX_LEAF + 1) * INDEX_LEAF;
		} else if (places[from % INDEX_LEAF]) {
			return from;
		} else {
			from++;
		}
	}
	return INDEX_PAGES;
}
