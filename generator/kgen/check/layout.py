"""Rules on the two address spaces: the areas of the virtual one, and where the image is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from kgen.areas import Area, areas
from kgen.check.registry import rule
from kgen.describe import Kernel
from kgen.errors import Problem
from kgen.units import (
    FOUR_GIB,
    PAGE_SIZE,
    TABLE_SPAN,
    MiB,
    align_up,
    show_address,
    show_size,
)

LEAST_KERNEL_BASE = 64 * MiB
"""Below, the image would soon be in the way of itself: see ``memory.boot_mapping``."""

_AREAS = (
    "layout.kernel_base",
    "layout.direct_map_limit",
    "layout.arena_base",
    "layout.arena_size",
    "layout.page_map_base",
    "layout.fixmap_base",
    "layout.fixmap_slots",
)


@rule("layout.kernel_base")
def kernel_base_is_high(kernel: Kernel) -> Iterator[Problem]:
    base = kernel.layout.kernel_base
    if base < LEAST_KERNEL_BASE:
        yield Problem(
            "layout.kernel_base",
            show_address(base),
            "while booting, the image is mapped at its physical address too, and would collide",
            f"use at least {show_address(LEAST_KERNEL_BASE)}; 0xc0000000 is customary",
        )


# --- areas ------------------------------------------------------------------------


@rule()
def areas_start_on_tables(kernel: Kernel) -> Iterator[Problem]:
    for area in areas(kernel.layout):
        if area.start % TABLE_SPAN:
            yield Problem(
                area.base_field,
                show_address(area.start),
                f"the {area.name} has page tables of its own, so it starts at a multiple of 4 MiB",
                f"use {show_address(area.start - area.start % TABLE_SPAN)}",
            )


@rule()
def areas_consist_of_tables(kernel: Kernel) -> Iterator[Problem]:
    for area in areas(kernel.layout):
        if area.size_field and (area.size % TABLE_SPAN or not area.size):
            yield Problem(
                area.size_field,
                show_size(area.size),
                f"the {area.name} consists of whole page tables of 4 MiB, at least one",
                f"use {show_size(max(TABLE_SPAN, area.size - area.size % TABLE_SPAN))}",
            )


@rule(*_AREAS)
def areas_end_below_4_gib(kernel: Kernel) -> Iterator[Problem]:
    for area in areas(kernel.layout):
        if area.size_field and area.end > FOUR_GIB:
            yield Problem(
                area.size_field,
                show_size(area.size),
                f"from {show_address(area.start)} the {area.name} ends beyond 4 GiB and would wrap",
                f"use at most {show_size(FOUR_GIB - area.start)}, or lower {area.base_field}",
            )


@rule(*_AREAS)
def areas_are_the_kernels(kernel: Kernel) -> Iterator[Problem]:
    base = kernel.layout.kernel_base
    for area in areas(kernel.layout):
        if area.start < base:
            yield Problem(
                area.base_field,
                show_address(area.start),
                f"addresses below layout.kernel_base ({show_address(base)}) belong to user "
                "programs",
                f"move the {area.name} above the direct map, which ends at "
                f"{show_address(base + kernel.layout.direct_map_limit)}",
            )


@rule(*_AREAS)
def areas_are_disjoint(kernel: Kernel) -> Iterator[Problem]:
    for one, other in combinations(areas(kernel.layout), 2):
        if one.start < other.reach and other.start < one.reach:
            yield Problem(
                other.base_field,
                _shown(other),
                f"the {other.name} overlaps the {one.name}, {_shown(one)}",
                ", or ".join([f"move the {other.name}", *_shrunk(one, other)]),
            )


def _shown(area: Area) -> str:
    return f"{show_address(area.start)}-{show_address(area.reach)}"


def _shrunk(*ones: Area) -> list[str]:
    return [f"lower {one.size_field}" for one in ones if one.size_field]


# --- the image -----------------------------------------------------------------------


@rule("layout.load_address")
def image_starts_on_a_page(kernel: Kernel) -> Iterator[Problem]:
    load = kernel.layout.load_address
    if load % PAGE_SIZE:
        yield Problem(
            "layout.load_address",
            show_address(load),
            "segments are loaded at page boundaries, multiples of 4 KiB",
            f"use {show_address(load - load % PAGE_SIZE)}",
        )


@rule("layout.load_address")
def image_starts_above_1_mib(kernel: Kernel) -> Iterator[Problem]:
    load = kernel.layout.load_address
    if load < MiB:
        yield Problem(
            "layout.load_address",
            show_address(load),
            "memory below 1 MiB holds the BIOS, the screen and what the loader passes",
            "use 0x00100000 or more",
        )


# --- the stack ------------------------------------------------------------------------


@rule("layout.stack_size")
def stack_has_whole_pages(kernel: Kernel) -> Iterator[Problem]:
    size = kernel.layout.stack_size
    if size % PAGE_SIZE:
        yield Problem(
            "layout.stack_size",
            show_size(size),
            "the stack consists of whole pages of 4 KiB, with an unmapped one below",
            f"use {show_size(align_up(size, PAGE_SIZE))}",
        )


STACK_PER_ENTRY = 16
"""Bytes of stack for each entry of a memory map while it is made sense of: both its ends
(``memmap_resolve()`` in mm/memmap.c)."""


@rule("layout.stack_size", "memblock.map_entries")
def stack_holds_the_map(kernel: Kernel) -> Iterator[Problem]:
    size, entries = kernel.layout.stack_size, kernel.memblock.map_entries
    need = 2 * entries * STACK_PER_ENTRY  # half of the stack at most
    if size < need:
        yield Problem(
            "layout.stack_size",
            show_size(size),
            f"{entries} entries of a memory map are sorted on the stack, which takes "
            f"{show_size(entries * STACK_PER_ENTRY)}, more than half of it",
            f"use {show_size(align_up(need, PAGE_SIZE))}, or lower memblock.map_entries to "
            f"{size // (2 * STACK_PER_ENTRY)}",
        )
