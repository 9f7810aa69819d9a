"""Deliberate faults in the zones and their hot list: the walk of ``pages.c`` notices each.

``pages`` has a hot list, ``plain pages`` none. :mod:`tests.host.test_mutants` runs them.
"""

from __future__ import annotations

from tests.mutation import Edit

BUDDY_C, UNROLLED_C = "mm/buddy.c", "mm/buddy_unrolled.c"
PAGE_C, PAGE_H = "mm/page.c", "include/mm/page.h"
RECLAIM_C = "mm/reclaim.c"

_HOT = {
    # --- allocating
    "no other zone is asked": Edit(
        PAGE_H,
        "unlikely(!addr) ? alloc_elsewhere(zone, order) : addr;",
        "addr;",
    ),
    "a lower zone before the hot list": Edit(PAGE_C, "if (first_zone[id] == hot_zone)", "if (0)"),
    "the hot list for any order": Edit(
        PAGE_H, "if (zone == ZONE_ANY && !order)", "if (zone == ZONE_ANY)"
    ),
    "the hot list for any zone": Edit(PAGE_H, "if (zone == ZONE_ANY && !order)", "if (!order)"),
    "the hot list for nobody": Edit(PAGE_H, "if (zone == ZONE_ANY && !order)", "if (0)"),
    "an empty hot zone is the end": Edit(
        PAGE_C,
        "if (!hot.count) return alloc_elsewhere(ZONE_ANY, 0);",
        "if (!hot.count) return PHYS_NONE;",
    ),
    "a refill is counted twice": Edit(
        PAGE_C,
        "hot.count = buddy_take_cached(",
        "hot.count = 2 * buddy_take_cached(",
    ),
    "a frame handed out stays cached": Edit(
        PAGE_C, "page_map[addr / PAGE_SIZE] = BUDDY_ALLOCATED;", ""
    ),
    "failures not counted": Edit(PAGE_C, "page_stats.failures++;", ";"),
    "failures counted twice": Edit(PAGE_C, "page_stats.failures++;", "page_stats.failures += 2;"),
    "a frame of a lower zone may be cached": Edit(
        PAGE_C, "return order ? addr : uncached(addr);", "return addr;"
    ),
    "a block's order is lost": Edit(
        PAGE_C, "return order ? addr : uncached(addr);", "return uncached(addr);"
    ),
    "a frame of the zone asked may be cached": Edit(
        PAGE_C, "return uncached(buddy_alloc(", "return (buddy_alloc("
    ),
    "requests begin at zones without memory": Edit(
        PAGE_C, "first_zone[i] = hot_zone;", "first_zone[i] = &zones[i];"
    ),
    # --- freeing
    "freed frames are not marked": Edit(PAGE_C, "*state = BUDDY_CACHED;", ""),
    "a frame's address is not looked at": Edit(
        PAGE_C, "unlikely(!IS_ALIGNED(addr, PAGE_SIZE)) || unlikely(*state", "unlikely(*state"
    ),
    "a frame's state is not looked at": Edit(PAGE_C, "unlikely(*state != BUDDY_ALLOCATED)", "0"),
    "the hot list overflows": Edit(
        PAGE_C, "if (unlikely(hot.count == HOT_FRAMES))", "if (unlikely(hot.count > HOT_FRAMES))"
    ),
    "a block's address is not looked at": Edit(PAGE_C, "|| addr % PAGE_SIZE || order", "|| order"),
    "a block's state is not looked at": Edit(
        PAGE_C, "if (state != (BUDDY_ALLOCATED | order) ||", "if ((state & ~order) ||"
    ),
    "a state is taken for an order": Edit(PAGE_C, "|| order > MAX_ORDER ||", "||"),
    "blocks of lower zones go to the hot zone": Edit(
        PAGE_C, "__builtin_sub_overflow(frame, hot_first, &frame))", "(frame -= hot_first, 0))"
    ),
    "a frame of a lower zone can't be freed": Edit(PAGE_C, "*state = BUDDY_ALLOCATED;", ";"),
    "a wrong address changes the state": Edit(
        PAGE_C,
        "== BUDDY_UNCACHED && IS_ALIGNED(addr, PAGE_SIZE)",
        "== BUDDY_UNCACHED",
    ),
    "a wrong order changes the state": Edit(
        PAGE_C, "if (!order && *state == BUDDY_UNCACHED", "if (*state == BUDDY_UNCACHED"
    ),
    "a zone ends a page too late": Edit(
        PAGE_C, "addr < zones[i].buddy.base", "addr <= zones[i].buddy.base"
    ),
    # --- draining
    "a run is cut short": Edit(BUDDY_C, "release_range(b, first, first + run);", ";"),
    "frames of a run stay cached": Edit(BUDDY_C, "memset(b->map + first, BUDDY_NOTHING, run);", ""),
    "any frame is a neighbour": Edit(
        BUDDY_C, "frames[run] == *frames + run * PAGE_SIZE)", "frames[run] > *frames)"
    ),
    "frames do not merge": Edit(
        UNROLLED_C, "!MAX_ORDER || !finds_free_buddy(map, frame, 0, &buddy)", "1"
    ),
    "frames merge once only": Edit(
        UNROLLED_C, "if (!finds_free_buddy(map, frame, order, &buddy)) break;", "break;"
    ),
    "frames merge with what is allocated": Edit(
        UNROLLED_C, "return map[*buddy] == (BUDDY_FREE | order);", "return !(map[*buddy] & 0x1f);"
    ),
    "a merged frame stays cached": Edit(
        UNROLLED_C, "map[frame] = BUDDY_NOTHING; frame = absorb", "frame = absorb"
    ),
    "an absorbed buddy stays free": Edit(
        UNROLLED_C, "map[buddy] = BUDDY_NOTHING; index_remove", "index_remove"
    ),
    "an absorbed buddy stays in the index": Edit(
        UNROLLED_C, "BUDDY_NOTHING; index_remove(b, buddy, order);", "BUDDY_NOTHING;"
    ),
    "an absorbed buddy is counted": Edit(
        UNROLLED_C, "b->free_count[order]--; return frame & buddy;", "return frame & buddy;"
    ),
    "a merged block begins at its upper half": Edit(
        UNROLLED_C, "return frame & buddy;", "return frame | buddy;"
    ),
    "the largest order is not reached": Edit(
        UNROLLED_C,
        "order != MAX_ORDER; order++",
        "order + 1 < MAX_ORDER; order++",
    ),
    "refused beside what waits for a flush": Edit(RECLAIM_C, "gave = ask(*step);", "gave = false;"),
    "flushed before it must be": Edit(
        PAGE_C, "for (unsigned step = 0; !addr && reclaim", "for (unsigned step = 0; reclaim"
    ),
    "flushed, and not drained": Edit(RECLAIM_C, "if (gave) settle(*step);", ""),
    "drained into another zone": Edit(
        PAGE_C, "buddy_give_cached(&hot_zone->buddy,", "buddy_give_cached(&zones[0].buddy,"
    ),
    "drained, and lost": Edit(
        PAGE_C, "buddy_give_cached(&hot_zone->buddy, hot.frames, count);", ";"
    ),
    "drained, and kept": Edit(
        PAGE_C,
        "memmove(hot.frames, hot.frames + count, ",
        "memmove(hot.frames, hot.frames, ",
    ),
    "all forgotten after half is drained": Edit(PAGE_C, "hot.count -= count;", "hot.count = 0;"),
    "a profile without the hot list's frames": Edit(
        PAGE_C, "{ pages_drain(); for (unsigned i", "{ for (unsigned i"
    ),
    "the hot list's frames are not free": Edit(
        PAGE_C,
        "{ size_t count = hot.count; for (unsigned i = 0; i < ZONE_COUNT",
        "{ size_t count = 0; for (unsigned i = 0; i < ZONE_COUNT",
    ),
}

_PLAIN = {
    "no lower zone is asked": Edit(
        PAGE_C, "for (; zone >= zones; zone--) {", "for (int i = 0; i < 1; i++) {"
    ),
    "failures not counted": Edit(PAGE_C, "page_stats.failures++;", ";"),
    "a frame's order is not looked at": Edit(
        PAGE_C,
        "buddy_free(&zone->buddy, addr, order);",
        "buddy_free(&zone->buddy, addr, 0);",
    ),
}

PAGE_MUTANTS = {
    **{f"zones: {name}": ("pages", edit) for name, edit in _HOT.items()},
    **{f"plain zones: {name}": ("plain pages", edit) for name, edit in _PLAIN.items()},
}
