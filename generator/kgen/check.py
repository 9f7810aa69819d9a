"""Proof of a description, before anything is built: all that is wrong with it, at once.

A rule is a function that names the fields which it reads and yields :class:`Problem`. It runs
only if none of these fields is faulty by itself, so one mistake is not reported twice in other
words. Rules that depend on the machine's RAM hold for every size that ``ram`` admits (see
``kgen.footprint`` on why finitely many sizes suffice). ``_Static_assert``s in the rendered
``generated/layout.h`` mirror the rules on addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from kgen import footprint
from kgen.describe import Kernel
from kgen.errors import Problem
from kgen.units import (
    FOUR_GIB,
    PAGE_SIZE,
    TABLE_SPAN,
    KiB,
    MiB,
    align_up,
    is_power_of_two,
    show_address,
    show_size,
)

SMALLEST_IMAGE = 192 * KiB
"""Room for the image in the proof, more than the default kernel takes; the linker then checks
the real one against ``footprint.image_limit``."""

BOOT_MAP_CEILING = 64 * MiB
"""kernel_base must lie above what the boot page tables identity-map; they stay far below this."""

Rule = Callable[[Kernel], Iterator[Problem]]


@dataclass(frozen=True)
class _Entry:
    fields: tuple[str, ...]
    run: Rule


_RULES: list[_Entry] = []


def rule(*fields: str) -> Callable[[Rule], Rule]:
    """Register a rule that reads ``fields`` (paths such as ``layout.kernel_base``)."""

    def register(run: Rule) -> Rule:
        _RULES.append(_Entry(fields, run))
        return run

    return register


def check(kernel: Kernel) -> list[Problem]:
    """Everything that is wrong with ``kernel``, in the order of its fields; empty if sound."""
    faults = kernel.faults
    problems = [Problem(f.path, f.value, f.why, f.change, f.where) for f in faults]
    faulty = {fault.path for fault in faults}
    for entry in _RULES:
        if not any(_concerns(path, entry.fields) for path in faulty):
            problems += entry.run(kernel)
    order = [*type(kernel).model_fields]
    return sorted(problems, key=lambda problem: _rank(problem.path, order))


def _concerns(path: str, fields: tuple[str, ...]) -> bool:
    """Whether a fault at ``path`` touches one of ``fields`` (or a whole section of them)."""
    return any(
        path == field or path.startswith((f"{field}.", f"{field}[")) or field.startswith(f"{path}.")
        for field in fields
    )


def _rank(path: str, order: list[str]) -> int:
    section = path.split(".")[0].split("[")[0]
    return order.index(section) if section in order else len(order)


# --- layout -----------------------------------------------------------------


@rule("layout.kernel_base")
def kernel_base(kernel: Kernel) -> Iterator[Problem]:
    base = kernel.layout.kernel_base
    if base % TABLE_SPAN:
        below = base - base % TABLE_SPAN
        yield Problem(
            "layout.kernel_base",
            show_address(base),
            "the direct map starts on a page-directory entry, a multiple of 4 MiB",
            f"use {show_address(below)}",
        )
    if base < BOOT_MAP_CEILING:
        yield Problem(
            "layout.kernel_base",
            show_address(base),
            "while booting, the image is mapped at its physical address too, and would collide",
            f"use at least {show_address(BOOT_MAP_CEILING)}; 0xc0000000 is customary",
        )


@rule("layout.load_address", "layout.direct_map_limit", "ram.minimum")
def load_address(kernel: Kernel) -> Iterator[Problem]:
    load, path = kernel.layout.load_address, "layout.load_address"
    if load % PAGE_SIZE:
        yield Problem(
            path,
            show_address(load),
            "segments are loaded at page boundaries, multiples of 4 KiB",
            f"use {show_address(load - load % PAGE_SIZE)}",
        )
    if load < MiB:
        yield Problem(
            path,
            show_address(load),
            "memory below 1 MiB holds the BIOS, the screen and what the loader passes",
            "use 0x00100000 or more",
        )
    end = min(kernel.ram.minimum, kernel.layout.direct_map_limit)
    if load >= end:
        yield Problem(
            path,
            show_address(load),
            f"the smallest machine's directly mapped memory ends at {show_address(end)}",
            "lower it, or raise ram.minimum and layout.direct_map_limit",
        )


@rule("layout.direct_map_limit", "layout.kernel_base")
def direct_map(kernel: Kernel) -> Iterator[Problem]:
    limit, base = kernel.layout.direct_map_limit, kernel.layout.kernel_base
    path = "layout.direct_map_limit"
    if limit % TABLE_SPAN or not limit:
        yield Problem(
            path,
            show_size(limit),
            "the direct map consists of whole page tables of 4 MiB, at least one",
            f"use {show_size(max(TABLE_SPAN, limit - limit % TABLE_SPAN))}",
        )
    if base + limit > FOUR_GIB:
        yield Problem(
            path,
            show_size(limit),
            f"mapped at {show_address(base)} it ends beyond 4 GiB and would wrap",
            f"use at most {show_size(FOUR_GIB - base)}, or lower layout.kernel_base",
        )


@rule("layout.arena_base", "layout.arena_size", "layout.kernel_base")
def arena(kernel: Kernel) -> Iterator[Problem]:
    base, size = kernel.layout.arena_base, kernel.layout.arena_size
    if base % TABLE_SPAN:
        yield Problem(
            "layout.arena_base",
            show_address(base),
            "the arena has page tables of its own, so it starts at a multiple of 4 MiB",
            f"use {show_address(base - base % TABLE_SPAN)}",
        )
    if size % TABLE_SPAN or not size:
        yield Problem(
            "layout.arena_size",
            show_size(size),
            "the arena consists of whole page tables of 4 MiB, at least one",
            f"use {show_size(max(TABLE_SPAN, size - size % TABLE_SPAN))}",
        )
    if base < kernel.layout.kernel_base:
        yield Problem(
            "layout.arena_base",
            show_address(base),
            f"addresses below layout.kernel_base ({show_address(kernel.layout.kernel_base)}) "
            "belong to user programs",
            "move the arena above the direct map",
        )
    if base + size > FOUR_GIB:
        yield Problem(
            "layout.arena_size",
            show_size(size),
            f"from {show_address(base)} it ends beyond 4 GiB and would wrap",
            f"use at most {show_size(FOUR_GIB - base)}",
        )


@rule("layout.fixmap_base", "layout.fixmap_slots", "layout.kernel_base")
def fixmap(kernel: Kernel) -> Iterator[Problem]:
    base, slots = kernel.layout.fixmap_base, kernel.layout.fixmap_slots
    if base % TABLE_SPAN:
        yield Problem(
            "layout.fixmap_base",
            show_address(base),
            "the fixmap has a page table of its own, so it starts at a multiple of 4 MiB",
            f"use {show_address(base - base % TABLE_SPAN)}",
        )
    if base + slots * PAGE_SIZE > FOUR_GIB - PAGE_SIZE:
        yield Problem(
            "layout.fixmap_slots",
            str(slots),
            "the last page below 4 GiB stays unmapped, so that pointers near -1 fault",
            f"use at most {max(0, (FOUR_GIB - base) // PAGE_SIZE - 1)}",
        )
    if base < kernel.layout.kernel_base:
        yield Problem(
            "layout.fixmap_base",
            show_address(base),
            f"addresses below layout.kernel_base ({show_address(kernel.layout.kernel_base)}) "
            "belong to user programs",
            "use 0xffc00000",
        )


@rule("layout.page_map_base", "layout.kernel_base")
def page_map(kernel: Kernel) -> Iterator[Problem]:
    base, path = kernel.layout.page_map_base, "layout.page_map_base"
    if base % TABLE_SPAN:
        yield Problem(
            path,
            show_address(base),
            "the page map has a page table of its own, so it starts at a multiple of 4 MiB",
            f"use {show_address(base - base % TABLE_SPAN)}",
        )
    if base < kernel.layout.kernel_base:
        yield Problem(
            path,
            show_address(base),
            f"addresses below layout.kernel_base ({show_address(kernel.layout.kernel_base)}) "
            "belong to user programs",
            "use 0xff400000",
        )


@rule(
    "layout.kernel_base",
    "layout.direct_map_limit",
    "layout.arena_base",
    "layout.arena_size",
    "layout.page_map_base",
    "layout.fixmap_base",
    "layout.fixmap_slots",
)
def areas_disjoint(kernel: Kernel) -> Iterator[Problem]:
    layout = kernel.layout
    areas = (
        ("the direct map", "layout.direct_map_limit", layout.kernel_base, layout.direct_map_limit),
        ("the arena", "layout.arena_base", layout.arena_base, layout.arena_size),
        ("the page map", "layout.page_map_base", layout.page_map_base, TABLE_SPAN),
        ("the fixmap", "layout.fixmap_base", layout.fixmap_base, TABLE_SPAN),
    )
    for (name, _, start, size), (other, path, at, length) in combinations(areas, 2):
        if start < at + length and at < start + size:
            yield Problem(
                path,
                f"{show_address(at)}-{show_address(at + length)}",
                f"{other} overlaps {name}, {show_address(start)}-{show_address(start + size)}",
                f"move {other}, or shrink {name}",
            )


@rule("layout.stack_size")
def stack_size(kernel: Kernel) -> Iterator[Problem]:
    size = kernel.layout.stack_size
    if size % PAGE_SIZE:
        yield Problem(
            "layout.stack_size",
            show_size(size),
            "the stack consists of whole pages of 4 KiB, with an unmapped one below",
            f"use {show_size(align_up(size, PAGE_SIZE))}",
        )


# --- memory -----------------------------------------------------------------


@rule("ram.minimum", "ram.maximum")
def ram(kernel: Kernel) -> Iterator[Problem]:
    for name, value in (("minimum", kernel.ram.minimum), ("maximum", kernel.ram.maximum)):
        if value % PAGE_SIZE:
            yield Problem(
                f"ram.{name}",
                show_size(value),
                "memory comes in pages of 4 KiB",
                f"use {show_size(value - value % PAGE_SIZE)}",
            )
    if kernel.ram.minimum > kernel.ram.maximum:
        yield Problem(
            "ram.minimum",
            show_size(kernel.ram.minimum),
            f"it is larger than ram.maximum, {show_size(kernel.ram.maximum)}",
            "exchange them",
        )


@rule("buddy.zones", "buddy.max_order", "layout.direct_map_limit")
def zones(kernel: Kernel) -> Iterator[Problem]:
    block = PAGE_SIZE << kernel.buddy.max_order
    names: set[str] = set()
    start = 0
    for index, zone in enumerate(kernel.buddy.zones):
        path, end = f"buddy.zones[{index}]", footprint.zone_limit(kernel, index)
        if zone.name in names:
            yield Problem(f"{path}.name", repr(zone.name), "two zones have this name", "rename one")
        names.add(zone.name)
        if end <= start:
            yield Problem(
                f"{path}.limit",
                show_size(end),
                f"zone {zone.name!r} would be empty: it starts at {show_size(start)}",
                "list zones by ascending limit",
            )
        elif end % block:
            yield Problem(
                f"{path}.limit",
                show_size(end),
                f"buddies are found by address, so zones end at a multiple of the largest block, "
                f"{show_size(block)}",
                f"use {show_size(end - end % block)}, or lower buddy.max_order",
            )
        start = max(start, end)


@rule("buddy.zones", "layout.direct_map_limit")
def zones_cover_direct_map(kernel: Kernel) -> Iterator[Problem]:
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
def kmalloc_alignment(kernel: Kernel) -> Iterator[Problem]:
    value = kernel.kmalloc.alignment
    if not is_power_of_two(value):
        yield Problem(
            "kmalloc.alignment",
            str(value),
            "an alignment is a power of two",
            f"use {1 << (value.bit_length() - 1)} or {1 << value.bit_length()}",
        )


SLAB_HEADER = 40
"""Bytes at a slab's start before the first slot, at most (struct slab in mm/slab.h)."""


@rule("kmalloc.classes", "kmalloc.alignment", "slab.order", "buddy.max_order")
def kmalloc_classes(kernel: Kernel) -> Iterator[Problem]:
    path, sizes = "kmalloc.classes", kernel.kmalloc.classes
    for size in sizes:
        if size % 8 or not size:
            yield Problem(
                path,
                str(size),
                "sizes are told apart in steps of 8 bytes",
                f"use {align_up(max(size, 1), 8)}",
            )
    if list(sizes) != sorted(set(sizes)):
        yield Problem(path, ", ".join(map(str, sizes)), "sizes ascend", "sort them")
    alignment = kernel.kmalloc.alignment
    slab = PAGE_SIZE << footprint.slab_order(kernel)
    room = slab - align_up(SLAB_HEADER + footprint.KMALLOC_HEADER, alignment)
    slot = align_up(max(sizes, default=0) + footprint.KMALLOC_HEADER, alignment)
    if sizes and is_power_of_two(alignment) and 2 * slot > room + footprint.KMALLOC_HEADER:
        yield Problem(
            path,
            str(max(sizes)),
            f"a slab of {show_size(slab)} has no room for two objects "
            "of this size with their headers",
            "leave it out, or raise slab.order (and buddy.max_order)",
        )


@rule("kmalloc.heap_limit", "kmalloc.heap_order", "kmalloc.alignment", "kmalloc.classes")
def kmalloc_heap(kernel: Kernel) -> Iterator[Problem]:
    limit, slabs = kernel.kmalloc.heap_limit, max(kernel.kmalloc.classes, default=0)
    most = footprint.heap_room(kernel, kernel.kmalloc.heap_order)
    if limit > most:
        yield Problem(
            "kmalloc.heap_limit",
            show_size(limit),
            f"the heap's chunks of {show_size(PAGE_SIZE << kernel.kmalloc.heap_order)} have room "
            f"for {most} bytes, aligned to kmalloc.alignment",
            "lower it, or raise kmalloc.heap_order",
        )
    if limit and limit < slabs:
        yield Problem(
            "kmalloc.heap_limit",
            show_size(limit),
            f"sizes up to {slabs} bytes come from slabs, so the heap would have nothing to do",
            f"use 0, or more than {slabs}",
        )


@rule("layout.arena_size", "kmalloc.guard_pages", "buddy.max_order")
def arena_holds_largest_block(kernel: Kernel) -> Iterator[Problem]:
    pages = (1 << kernel.buddy.max_order) + 1 + kernel.kmalloc.guard_pages
    if kernel.layout.arena_size < pages * PAGE_SIZE:
        yield Problem(
            "layout.arena_size",
            show_size(kernel.layout.arena_size),
            "kmalloc could not map as much as the buddy's largest block: with header and guard "
            f"that is {show_size(pages * PAGE_SIZE)}",
            "enlarge the arena, or lower buddy.max_order",
        )


@rule("layout", "ram", "buddy", "memblock")
def early_memory(kernel: Kernel) -> Iterator[Problem]:
    """Image, page tables and metadata fit in directly mapped memory, whatever the RAM."""
    if kernel.ram.minimum > kernel.ram.maximum:
        return
    for size in footprint.ram_bends(kernel):
        low = footprint.lowmem(kernel, size) - kernel.layout.load_address
        need = footprint.early_bytes(kernel, size) + SMALLEST_IMAGE + footprint.WORKING_ROOM
        if 0 < low < need:
            yield Problem(
                "layout.direct_map_limit" if size > kernel.ram.minimum else "ram.minimum",
                show_size(footprint.lowmem(kernel, size)),
                f"with {show_size(size)} of RAM, image, page tables and allocator metadata need "
                f"{need // KiB} KiB of directly mapped memory above the load address; "
                f"there are {low // KiB} KiB",
                "raise it, or lower ram.maximum",
            )
            return


@rule("layout", "ram", "buddy")
def boot_mapping(kernel: Kernel) -> Iterator[Problem]:
    """The boot page tables, sized for image and metadata, stay below kernel_base."""
    need = kernel.layout.load_address + footprint.early_bytes(kernel, kernel.ram.maximum)
    if need + SMALLEST_IMAGE > min(kernel.layout.kernel_base, FOUR_GIB - kernel.layout.kernel_base):
        yield Problem(
            "layout.load_address",
            show_address(kernel.layout.load_address),
            f"the boot page tables must map {need // MiB} MiB, which reaches layout.kernel_base",
            "lower it, or ram.maximum",
        )


@rule("sources")
def sources(kernel: Kernel) -> Iterator[Problem]:
    for name in kernel.sources:
        if not name.endswith((".c", ".S")):
            yield Problem("sources", repr(name), "sources are C or assembly files", "use .c or .S")
    for name in sorted({name for name in kernel.sources if kernel.sources.count(name) > 1}):
        yield Problem("sources", repr(name), "the file is listed twice", "list it once")
