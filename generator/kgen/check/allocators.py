"""Rules on zones, slabs, heap and arena: sizes that must suit one another."""

from __future__ import annotations

from collections.abc import Iterator

from kgen import footprint
from kgen.check.registry import proof, rule
from kgen.describe import Kernel
from kgen.errors import Problem
from kgen.units import FOUR_GIB, PAGE_SIZE, TABLE_SPAN, align_up, is_power_of_two, show_size

# --- zones ------------------------------------------------------------------------

RESERVED_NAMES = {
    "any": "the highest zone of all",
    "direct": "the highest zone inside the direct map",
    "count": "the number of zones",
    "table": "the table of them",
}
"""Names of zones that C has already, with ``ZONE_`` in front, and what they mean there."""


@rule("buddy.zones")
def zones_have_names_of_their_own(kernel: Kernel) -> Iterator[Problem]:
    names: set[str] = set()
    for index, zone in enumerate(kernel.buddy.zones):
        taken = f"ZONE_{zone.name.upper()} is {RESERVED_NAMES.get(zone.name, '')}"
        if zone.name in names or zone.name in RESERVED_NAMES:
            yield Problem(
                f"buddy.zones[{index}].name",
                repr(zone.name),
                "two zones have this name" if zone.name in names else f"in C, {taken}",
                "rename one" if zone.name in names else "rename it",
            )
        names.add(zone.name)


@rule("buddy.zones", "layout.direct_map_limit")
def zones_ascend(kernel: Kernel) -> Iterator[Problem]:
    start = 0
    for index, zone in enumerate(kernel.buddy.zones):
        end = footprint.zone_limit(kernel, index)
        if end <= start:
            yield Problem(
                f"buddy.zones[{index}].limit",
                show_size(end),
                f"zone {zone.name!r} would be empty: it starts at {show_size(start)}",
                "list zones by ascending limit",
            )
        start = max(start, end)


@proof("buddy.zones", "buddy.max_order", "layout.direct_map_limit")
def zones_end_on_largest_blocks(kernel: Kernel) -> Iterator[Problem]:
    block = PAGE_SIZE << kernel.buddy.max_order
    for index in range(len(kernel.buddy.zones)):
        end = footprint.zone_limit(kernel, index)
        if end % block:
            yield Problem(
                f"buddy.zones[{index}].limit",
                show_size(end),
                f"buddies are found by address, so zones end at a multiple of the largest block, "
                f"{show_size(block)}",
                _rounded(kernel, index, end - end % block),
            )


def _rounded(kernel: Kernel, index: int, below: int) -> str:
    """How zone ``index`` comes to end at ``below``, if there is anything below."""
    order = "lower buddy.max_order"
    if not below:
        return order
    direct = kernel.buddy.zones[index].limit == "direct"
    field = "layout.direct_map_limit=" if direct else ""
    return f"use {field}{show_size(below)}, or {order}"


@rule("buddy.zones")
def zones_end_below_4_gib(kernel: Kernel) -> Iterator[Problem]:
    for index in range(len(kernel.buddy.zones)):
        end = footprint.zone_limit(kernel, index)
        if end > FOUR_GIB:
            yield Problem(
                f"buddy.zones[{index}].limit",
                show_size(end),
                "page tables of an i386 reach no memory beyond 4 GiB",
                "use 'end', which is 4 GiB",
            )


@proof("buddy.zones", "layout.direct_map_limit")
def a_zone_ends_with_the_direct_map(kernel: Kernel) -> Iterator[Problem]:
    limit = kernel.layout.direct_map_limit
    ends = [footprint.zone_limit(kernel, index) for index in range(len(kernel.buddy.zones))]
    if limit not in ends:
        yield Problem(
            "buddy.zones",
            ", ".join(show_size(end) for end in ends),
            f"no zone ends where the direct map does ({show_size(limit)}), so a zone would mix "
            "memory that is mapped with memory that is not",
            "give one zone the limit 'direct'",
        )


@rule("kmalloc.alignment")
def alignment_is_a_power_of_two(kernel: Kernel) -> Iterator[Problem]:
    value = kernel.kmalloc.alignment
    if not is_power_of_two(value):
        yield Problem(
            "kmalloc.alignment",
            str(value),
            "an alignment is a power of two",
            f"use {1 << (value.bit_length() - 1)} or {1 << value.bit_length()}",
        )


# --- kmalloc's tiers ---------------------------------------------------------------


@rule("kmalloc.classes")
def classes_are_steps_of_8(kernel: Kernel) -> Iterator[Problem]:
    for size in kernel.kmalloc.classes:
        if size % 8 or not size:
            yield Problem(
                "kmalloc.classes",
                str(size),
                "size classes have a granularity of 8 bytes",
                f"use {align_up(max(size, 1), 8)}",
            )


@rule("kmalloc.classes")
def classes_ascend(kernel: Kernel) -> Iterator[Problem]:
    sizes = kernel.kmalloc.classes
    if list(sizes) != sorted(set(sizes)):
        yield Problem(
            "kmalloc.classes",
            ", ".join(map(str, sizes)),
            "sizes ascend",
            f"use {', '.join(map(str, sorted(set(sizes))))}",
        )


@proof("kmalloc.classes", "kmalloc.alignment", "kmalloc.header", "slab.order", "buddy.max_order")
def slabs_hold_two_of_each_class(kernel: Kernel) -> Iterator[Problem]:
    largest, most = max(kernel.kmalloc.classes, default=0), footprint.class_limit(kernel)
    if largest > most:
        yield Problem(
            "kmalloc.classes",
            str(largest),
            f"a slab of {show_size(PAGE_SIZE << footprint.slab_order(kernel))} has no room for two "
            "objects of this size",
            (f"use {most} at most" if most else "leave all classes out")
            + _or_raise(kernel, "slab.order", kernel.slab.order),
        )


@proof("kmalloc.heap_limit", "kmalloc.heap_order", "kmalloc.alignment", "kmalloc.classes")
def chunks_hold_the_largest_of_the_heap(kernel: Kernel) -> Iterator[Problem]:
    limit, order = kernel.kmalloc.heap_limit, kernel.kmalloc.heap_order
    most = footprint.heap_room(kernel, order)
    useful = most > max(kernel.kmalloc.classes, default=0)
    if limit > max(0, most):
        room = f"room for {most} bytes" if most > 0 else "no room for anything"
        more = f", or raise kmalloc.heap_order ({order})" if order < LARGEST_ORDER else ""
        yield Problem(
            "kmalloc.heap_limit",
            show_size(limit),
            f"the heap's chunks of {show_size(PAGE_SIZE << order)} have {room}, aligned to "
            f"kmalloc.alignment ({kernel.kmalloc.alignment})",
            (f"use {most} at most" if useful else "use 0, which is no heap") + more,
        )


@rule("kmalloc.heap_limit", "kmalloc.classes")
def heap_serves_more_than_slabs(kernel: Kernel) -> Iterator[Problem]:
    limit, slabs = kernel.kmalloc.heap_limit, max(kernel.kmalloc.classes, default=0)
    if limit and limit < slabs:
        yield Problem(
            "kmalloc.heap_limit",
            show_size(limit),
            f"sizes up to {slabs} bytes come from slabs, so the heap would have nothing to do",
            f"use 0, or more than {slabs}",
        )


LARGEST_ORDER = 5
"""The largest ``slab.order`` and ``kmalloc.heap_order`` that a description may say."""


def _or_raise(kernel: Kernel, field: str, order: int) -> str:
    """What to raise for larger blocks: the field, or the buddy's largest, or nothing helps."""
    if order > kernel.buddy.max_order:
        return f", or raise buddy.max_order ({kernel.buddy.max_order})"
    return f", or raise {field} ({order})" if order < LARGEST_ORDER else ""


@proof("layout.arena_size", "kmalloc.guard_pages", "buddy.max_order")
def arena_holds_largest_block(kernel: Kernel) -> Iterator[Problem]:
    pages = (1 << kernel.buddy.max_order) + 1 + kernel.kmalloc.guard_pages
    if kernel.layout.arena_size < pages * PAGE_SIZE:
        yield Problem(
            "layout.arena_size",
            show_size(kernel.layout.arena_size),
            "kmalloc could not map as much as the buddy's largest block: with header and guard "
            f"that is {show_size(pages * PAGE_SIZE)}",
            f"use at least {show_size(align_up(pages * PAGE_SIZE, TABLE_SPAN))}, or lower "
            "buddy.max_order",
        )
