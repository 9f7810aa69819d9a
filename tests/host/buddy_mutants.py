"""Deliberate faults in the buddy and in each of its indexes, and the test that notices each.

``search`` goes through all states of small buddies, ``corruption`` breaks each invariant and looks
what buddy_check() says, ``access`` does the same under the sanitizers.
:mod:`tests.host.test_mutants` runs them.
"""

from __future__ import annotations

from tests.mutation import Edit

BUDDY_C, INDEX_H = "mm/buddy.c", "include/mm/buddy_index.h"

BUDDY_MUTANTS = {
    # --- allocating
    "not the smallest order": (
        "search",
        Edit(BUDDY_C, "unsigned from = order;", "unsigned from = MAX(order, b->max_order - 1u);"),
    ),
    "the lower half becomes free": (
        "search",
        Edit(BUDDY_C, "add_free(b, frame + block_pages(from), from);", "add_free(b, frame, from);"),
    ),
    "order of a halved block not noted": (
        "search",
        Edit(
            BUDDY_C,
            "} while (from > order); b->map[frame] = BUDDY_ALLOCATED | order;",
            "} while (from > order); b->map[frame] = BUDDY_ALLOCATED;",
        ),
    ),
    "allocated block not marked": (
        "search",
        Edit(
            BUDDY_C,
            "frame = index_take(b, order); b->map[frame] = BUDDY_ALLOCATED | order;",
            "frame = index_take(b, order);",
        ),
    ),
    "halved block not marked": (
        "search",
        Edit(
            BUDDY_C,
            "} while (from > order); b->map[frame] = BUDDY_ALLOCATED | order;",
            "} while (from > order);",
        ),
    ),
    "no such order": ("search", Edit(BUDDY_C, "if (order > b->max_order) return PHYS_NONE;", "")),
    "free blocks not counted": (
        "search",
        Edit(BUDDY_C, "(b, from); b->free_count[from]--;", "(b, from);"),
    ),
    "free pages miscounted": (
        "search",
        Edit(BUDDY_C, "pages += b->free_count[order] << order;", "pages += b->free_count[order];"),
    ),
    # --- freeing
    "merge skipped": (
        "search",
        Edit(BUDDY_C, "if (buddy_is_free(b, frame, order)) merge", "if (0) merge"),
    ),
    "merged once only": (
        "search",
        Edit(BUDDY_C, "} while (buddy_is_free(b, frame, order));", "} while (0);"),
    ),
    "merge across the largest order": (
        "search",
        Edit(
            BUDDY_C,
            "return (uint8_t)order < b->max_order && b->map[frame ^",
            "return b->map[frame ^",
        ),
    ),
    "free block not marked": (
        "search",
        Edit(INDEX_H, "b->map[frame] = BUDDY_FREE | order;", ""),
    ),
    "wrong buddy looked at": (
        "search",
        Edit(
            BUDDY_C,
            "b->map[frame ^ block_pages(order)] == (uint8_t)",
            "b->map[frame + block_pages(order)] == (uint8_t)",
        ),
    ),
    "wrong buddy": (
        "search",
        Edit(
            BUDDY_C,
            "do { size_t buddy = frame ^ block_pages(order);",
            "do { size_t buddy = frame + block_pages(order);",
        ),
    ),
    "buddy stays in the index": (
        "search",
        Edit(BUDDY_C, "block_pages(order); index_remove(b, buddy, order);", "block_pages(order);"),
    ),
    "upper half's byte stays": (
        "search",
        Edit(BUDDY_C, "map[frame | buddy] = BUDDY_NOTHING;", "(void)map;"),
    ),
    "merged block begins at its upper half": (
        "search",
        Edit(BUDDY_C, "frame &= buddy;", "frame |= buddy;"),
    ),
    # --- refusing
    "order not checked": (
        "search",
        Edit(
            BUDDY_C,
            "b->map[frame] != (BUDDY_ALLOCATED | order))",
            "(b->map[frame] & ~BUDDY_ORDER_MASK) != BUDDY_ALLOCATED)",
        ),
    ),
    "a byte of the map taken for an order": (
        "search",
        Edit(BUDDY_C, "if (order > b->max_order || b->map[frame]", "if (b->map[frame]"),
    ),
    "unaligned address accepted": (
        "search",
        Edit(BUDDY_C, "frame >= b->pages || !IS_ALIGNED(addr, PAGE_SIZE))", "frame >= b->pages)"),
    ),
    "page past the region accepted": (
        "search",
        Edit(BUDDY_C, "addr < b->base || frame >= b->pages", "addr < b->base || frame > b->pages"),
    ),
    "cached not told from allocated": (
        "search",
        Edit(
            BUDDY_C, "if (state_is_free(byte) || byte == BUDDY_CACHED)", "if (state_is_free(byte))"
        ),
    ),
    "interior not told from wrong order": (
        "search",
        Edit(BUDDY_C, "first == frame ? BUDDY_ERR_ORDER : BUDDY_ERR_INTERIOR", "BUDDY_ERR_ORDER"),
    ),
    "a block too short believed to hold the frame": (
        "search",
        Edit(BUDDY_C, "|| (byte & BUDDY_ORDER_MASK) < order)", ")"),
    ),
    # --- beginning
    "map believed to be clear": (
        "search",
        Edit(BUDDY_C, "memset(map, BUDDY_NOTHING, b->map_size);", ""),
    ),
    "map past the last page believed to be clear": (
        "search",
        Edit(BUDDY_C, "memset(map, BUDDY_NOTHING, b->map_size);", "memset(map, 0xff, b->pages);"),
    ),
    "blocks too large at the end of a run": (
        "search",
        Edit(BUDDY_C, "block_pages(order + 1) <= last)", "block_pages(order) < last)"),
    ),
    "blocks not aligned": (
        "search",
        Edit(BUDDY_C, "IS_ALIGNED(frame, block_pages(order + 1)) &&", ""),
    ),
    "pages past the region given": (
        "search",
        Edit(BUDDY_C, "end < start || last > b->pages ||", "end < start ||"),
    ),
    "parts of pages given": (
        "search",
        Edit(BUDDY_C, "|| !IS_ALIGNED(start | end, PAGE_SIZE))", ")"),
    ),
    "adjacent runs not merged": (
        "search",
        Edit(
            BUDDY_C,
            "free_and_merge(b, frame, order); frame +=",
            "add_free(b, frame, order); frame +=",
        ),
    ),
    # --- frames for a cache
    "more frames than asked for": (
        "search",
        Edit(BUDDY_C, "while (block_pages(order) > count)", "while (order > count)"),
    ),
    "no smaller batch": ("search", Edit(BUDDY_C, "if (!order--) return 0;", "return 0;")),
    "cached frames not marked": (
        "search",
        Edit(BUDDY_C, "BUDDY_CACHED, block_pages(order));", "BUDDY_CACHED, 1);"),
    ),
    "highest frame first": (
        "search",
        Edit(
            BUDDY_C,
            "for (size_t i = block_pages(order); i-- > 0; addr += PAGE_SIZE)",
            "for (size_t i = 0; i < block_pages(order); i++, addr += PAGE_SIZE)",
        ),
    ),
    "a run's bytes stay": (
        "search",
        Edit(BUDDY_C, "memset(b->map + first, BUDDY_NOTHING, run);", ""),
    ),
    "a run with gaps": (
        "search",
        Edit(BUDDY_C, "frames[run] == *frames + run * PAGE_SIZE", "frames[run] > *frames"),
    ),
    # --- what buddy_check() looks at
    "check: states": (
        "corruption",
        Edit(BUDDY_C, "if (!is_state(b, b->map[frame]) || ", "if ("),
    ),
    "check: orders": (
        "corruption",
        Edit(BUDDY_C, "return (byte & BUDDY_ORDER_MASK) <= b->max_order;", "return true;"),
    ),
    "check: alignment": (
        "corruption",
        Edit(BUDDY_C, "!IS_ALIGNED(frame, block_pages(order)) || frame", "frame"),
    ),
    "check: end of the region": (
        "corruption",
        Edit(BUDDY_C, "|| frame + block_pages(order) > b->pages)", ")"),
    ),
    "check: overlaps": ("corruption", Edit(BUDDY_C, "if (is_block(b->map[inside]))", "if (0)")),
    "check: unmerged": (
        "corruption",
        Edit(BUDDY_C, "b->map[buddy] == b->map[frame])", "b->map[buddy] == 1)"),
    ),
    "check: map past the last page": (
        "corruption",
        Edit(BUDDY_C, "for (; frame < b->map_size; frame++)", "for (; 0; frame++)"),
    ),
    "check: counters": (
        "corruption",
        Edit(BUDDY_C, "if (count[order] != b->free_count[order])", "if (0)"),
    ),
    "check: managed pages": (
        "corruption",
        Edit(BUDDY_C, "allocated == b->managed ? BUDDY_OK : BUDDY_BAD_COUNT", "allocated ? 0 : 0"),
    ),
    "check: index": (
        "corruption",
        Edit(BUDDY_C, "if (!index_agrees(b, order, count[order]))", "if (0)"),
    ),
}

LIST_MUTANTS = {
    "list: back link forgotten when added": (
        "search",
        Edit(INDEX_H, "if (next) next->link = &node->next;", ""),
    ),
    "list: back link forgotten when removed": (
        "search",
        Edit(INDEX_H, "if (next) next->link = node->link;", ""),
    ),
    "list: back link forgotten when taken": (
        "search",
        Edit(INDEX_H, "if (next) next->link = list;", ""),
    ),
    "list: next taken for the first": (
        "search",
        Edit(INDEX_H, "return node - b->nodes;", "return (next ? next : node) - b->nodes;"),
    ),
    "list check: back links": ("corruption", Edit(INDEX_H, "node->link != link ||", "")),
    "list check: end of the nodes": (
        "access",
        Edit(INDEX_H, "node >= b->nodes + b->pages ||", ""),
    ),
    "list check: map": (
        "corruption",
        Edit(INDEX_H, "|| b->map[node - b->nodes] != (BUDDY_FREE | order))", ")"),
    ),
    "list check: number": ("corruption", Edit(INDEX_H, "return !count;", "return true;")),
}

BITMAP_MUTANTS = {
    "bits: believed to be clear": (
        "search bitmaps",
        Edit(INDEX_H, "memset(memory, 0, index_size(b->pages, b->max_order));", ";"),
    ),
    "bits: all levels in one place": ("search bitmaps", Edit(INDEX_H, "at += bits;", "")),
    "bits: a bit too few": (
        "search bitmaps",
        Edit(INDEX_H, "(pages + ((size_t)1 << shift) - 1) >> shift;", "pages >> shift;"),
    ),
    "bits: pairs at the largest order": (
        "search bitmaps",
        Edit(
            INDEX_H,
            "return frame >> (order < b->max_order ? order + 1 : order);",
            "return frame >> (order + 1);",
        ),
    ),
    "bits: summary not set": ("search bitmaps", Edit(INDEX_H, "if (old) return;", "return;")),
    "bits: summary cleared too soon": (
        "search bitmaps",
        Edit(
            INDEX_H,
            "if (b->bits[order][level][bit / 32] &= ~(1u << (bit % 32))) return;",
            "b->bits[order][level][bit / 32] &= ~(1u << (bit % 32));",
        ),
    ),
    "bits: summary not cleared": (
        "search bitmaps",
        Edit(
            INDEX_H,
            "if (b->bits[order][level][bit / 32] &= ~(1u << (bit % 32))) return;",
            "b->bits[order][level][bit / 32] &= ~(1u << (bit % 32)); return;",
        ),
    ),
    "bits: always the lower of two buddies": (
        "search bitmaps",
        Edit(
            INDEX_H,
            "return b->map[frame] == (BUDDY_FREE | order) ? frame : frame + ((size_t)1 << order);",
            "return frame;",
        ),
    ),
    "bits: highest address first": (
        "search bitmaps",
        Edit(
            INDEX_H,
            "bit = bit * 32 + lowest_bit(b->bits[order][level][bit]);",
            "bit = bit * 32 + highest_bit(b->bits[order][level][bit]);",
        ),
    ),
    "bits check: range": ("access bitmaps", Edit(INDEX_H, "bit >= bits ||", "")),
    "bits check: map": (
        "corruption bitmaps",
        Edit(INDEX_H, "b->map[index_frame(b, bit, order)] == (BUDDY_FREE | order);", "1;"),
    ),
    "bits check: words below": (
        "corruption bitmaps",
        Edit(INDEX_H, "return b->bits[order][level - 1][bit];", "return 1;"),
    ),
    "bits check: number": ("corruption bitmaps", Edit(INDEX_H, "if (count) return false;", "")),
}
