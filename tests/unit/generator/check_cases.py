"""Every rule of ``kgen.check`` at its edge: a description just inside, one just outside.

A description is what it says beside the default, as fields of ``Kernel``. ``path`` and ``change``
are what the problem must say: the field, and what to write in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Fields = dict[str, Any]

MiB = 1 << 20
GiB = 1 << 30

NO_PROGRAMS: Fields = {"features": {"user_space": False}}
"""For a kernel so low that programs have no room below it."""


@dataclass(frozen=True)
class Case:
    """An edge of ``rule``: ``inside`` is sound, ``outside`` has its one problem, at ``path``.

    ``also`` names rules that have something against ``outside``, too, and cannot but have.
    """

    rule: str
    name: str
    inside: Fields
    outside: Fields
    path: str
    change: str
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}, {self.name}"


def layout(**fields: Any) -> Fields:
    return {"layout": fields}


def zones(*limits: Any, order: int = 10) -> Fields:
    """Zones that end so; the last two where the direct map does and at 4 GiB."""
    ends = [*limits, "direct", "end"]
    named = [{"name": f"z{index}", "limit": end} for index, end in enumerate(ends)]
    return {"buddy": {"zones": named, "max_order": order}}


def named(*names: str) -> Fields:
    limits = [16 * MiB, "direct"]
    pairs = zip(names, limits, strict=True)
    return {"buddy": {"zones": [{"name": name, "limit": limit} for name, limit in pairs]}}


def kmalloc(**fields: Any) -> Fields:
    return {"kmalloc": {"heap_limit": 0, "classes": (), **fields}}


def at_a_step(stack: int) -> Fields:
    """At 16 MiB: a page more of RAM takes two more page tables and two pages of the page map."""
    return {
        "layout": {"load_address": 15 * MiB, "stack_size": stack},
        "ram": {"minimum": 16 * MiB, "maximum": 64 * MiB},
        "buddy": {"max_order": 12},
    }


def beyond(maximum: int, **layout: int) -> Fields:
    """A direct map of 4 MiB, and memory beyond whose page map and nodes must lie in it."""
    return {
        "layout": {"direct_map_limit": 4 * MiB, **layout},
        "ram": {"minimum": 4 * MiB, "maximum": maximum},
        "buddy": {"zones": [{"name": "low", "limit": "direct"}, {"name": "high", "limit": "end"}]},
    }


def low_base(load: int) -> Fields:
    return {
        "layout": {"kernel_base": 64 * MiB, "load_address": load},
        "ram": {"minimum": 256 * MiB},
        **NO_PROGRAMS,
    }


def programs(*names: str) -> Fields:
    return {"programs": names}


def with_base(base: int, stack: str) -> Fields:
    return {
        "layout": {"kernel_base": base},
        "user": {"stack_limit": stack},
    }


BASE = 0xC000_0000

UPSIDE_DOWN = {
    "kernel_base": 0x8000_0000,
    "page_map_base": 0xC000_0000,
    "fixmap_base": 0xC040_0000,
}
"""The arena comes last."""

# With one page more of stack, the bytes that must fit are more than there are.
STACK_AT_2M = 656 * 1024  # a page past 2 MiB, with boot tables for 4 GiB
STACK_AT_2M_ONLY = 668 * 1024
STACK_AT_STEP = 548 * 1024
MOST_BEYOND = 1160 * MiB

CASES = (
    # --- layout ----------------------------------------------------------------------
    Case(
        "kernel_base_is_high",
        "64 MiB",
        {**layout(kernel_base=64 * MiB), **NO_PROGRAMS},
        {**layout(kernel_base=60 * MiB), **NO_PROGRAMS},
        "layout.kernel_base",
        "use at least 0x04000000; 0xc0000000 is customary",
    ),
    Case(
        "areas_start_on_tables",
        "the direct map",
        layout(kernel_base=BASE - 4 * MiB),
        layout(kernel_base=BASE - 4 * MiB + 4096),
        "layout.kernel_base",
        "use 0xbfc00000",
    ),
    Case(
        "areas_start_on_tables",
        "the arena",
        layout(arena_base=0xF800_0000),
        layout(arena_base=0xF840_1000),
        "layout.arena_base",
        "use 0xf8400000",
    ),
    Case(
        "areas_start_on_tables",
        "the page map",
        layout(page_map_base=0xFF80_0000),
        layout(page_map_base=0xFF40_1000),
        "layout.page_map_base",
        "use 0xff400000",
    ),
    Case(
        "areas_start_on_tables",
        "the fixmap",
        layout(fixmap_base=0xFF80_0000),
        layout(fixmap_base=0xFF80_1000),
        "layout.fixmap_base",
        "use 0xff800000",
    ),
    Case(
        "areas_consist_of_tables",
        "the direct map",
        layout(direct_map_limit=892 * MiB),
        layout(direct_map_limit=892 * MiB + 4096),
        "layout.direct_map_limit",
        "use 892 MiB",
    ),
    Case(
        "areas_consist_of_tables",
        "the arena",
        layout(arena_size=100 * MiB),
        layout(arena_size=100 * MiB + 4096),
        "layout.arena_size",
        "use 100 MiB",
    ),
    Case(
        "areas_consist_of_tables",
        "no arena",
        {"layout": {"arena_size": 4 * MiB}, "buddy": {"max_order": 9}},
        {"layout": {"arena_size": 0}, "buddy": {"max_order": 9}},
        "layout.arena_size",
        "use 4 MiB",
    ),
    Case(
        "areas_end_below_4_gib",
        "the arena",
        layout(**UPSIDE_DOWN, arena_base=0xF800_0000, arena_size=128 * MiB),
        layout(**UPSIDE_DOWN, arena_base=0xF800_0000, arena_size=132 * MiB),
        "layout.arena_size",
        "use at most 128 MiB, or lower layout.arena_base",
    ),
    Case(
        "areas_end_below_4_gib",
        "the direct map",
        layout(),
        layout(direct_map_limit=1028 * MiB),
        "layout.direct_map_limit",
        "use at most 1 GiB, or lower layout.kernel_base",
        also=("areas_are_disjoint",),  # with what else is above kernel_base
    ),
    Case(
        "areas_are_the_kernels",
        "the arena",
        layout(arena_base=0x8380_0000, kernel_base=0x8000_0000, direct_map_limit=56 * MiB),
        layout(arena_base=0x7980_0000, kernel_base=0x8000_0000, direct_map_limit=56 * MiB),
        "layout.arena_base",
        "move the arena above the direct map, which ends at 0x83800000",
    ),
    Case(
        "areas_are_the_kernels",
        "the page map",
        layout(page_map_base=0xF800_0000),
        layout(page_map_base=BASE - 4 * MiB),
        "layout.page_map_base",
        "move the page map above the direct map, which ends at 0xf8000000",
    ),
    Case(
        "areas_are_the_kernels",
        "the fixmap",
        layout(fixmap_base=0xF800_0000),
        layout(fixmap_base=BASE - 4 * MiB),
        "layout.fixmap_base",
        "move the fixmap above the direct map, which ends at 0xf8000000",
    ),
    Case(
        "areas_are_disjoint",
        "the arena after the direct map",
        layout(direct_map_limit=904 * MiB),
        layout(direct_map_limit=908 * MiB),
        "layout.arena_base",
        "move the arena, or lower layout.direct_map_limit, or lower layout.arena_size",
    ),
    Case(
        "areas_are_disjoint",
        "the page map after the arena",
        layout(arena_size=108 * MiB),
        layout(arena_size=112 * MiB),
        "layout.page_map_base",
        "move the page map, or lower layout.arena_size",
    ),
    Case(
        "areas_are_disjoint",
        "the fixmap where the page map is, to its last page table",
        layout(fixmap_base=0xFF80_0000),
        layout(fixmap_base=0xFF40_0000),
        "layout.fixmap_base",
        "move the fixmap",
    ),
    Case(
        "image_starts_on_a_page",
        "",
        {"layout": {"load_address": 2 * MiB + 4096}, "ram": {"minimum": 16 * MiB}},
        {"layout": {"load_address": 2 * MiB + 2048}, "ram": {"minimum": 16 * MiB}},
        "layout.load_address",
        "use 0x00200000",
    ),
    Case(
        "image_starts_above_1_mib",
        "",
        layout(load_address=1 * MiB),
        layout(load_address=1 * MiB - 4096),
        "layout.load_address",
        "use 0x00100000 or more",
    ),
    Case(
        "stack_has_whole_pages",
        "",
        layout(stack_size=12288),
        layout(stack_size=10240),
        "layout.stack_size",
        "use 12 KiB",
    ),
    Case(
        "stack_holds_the_map",
        "",
        {"layout": {"stack_size": 4096}, "memblock": {"map_entries": 128}},
        {"layout": {"stack_size": 4096}, "memblock": {"map_entries": 129}},
        "layout.stack_size",
        "use 8 KiB, or lower memblock.map_entries to 128",
    ),
    # --- memory ----------------------------------------------------------------------
    Case(
        "ram_has_whole_pages",
        "minimum",
        {"ram": {"minimum": 2 * MiB + 4096}},
        {"ram": {"minimum": 2 * MiB + 2048}},
        "ram.minimum",
        "use 2 MiB",
    ),
    Case(
        "ram_has_whole_pages",
        "maximum",
        {"ram": {"maximum": 64 * MiB + 4096}},
        {"ram": {"maximum": 64 * MiB + 1}},
        "ram.maximum",
        "use 64 MiB",
    ),
    Case(
        "ram_has_a_range",
        "",
        {"ram": {"minimum": 16 * MiB, "maximum": 16 * MiB}},
        {"ram": {"minimum": 16 * MiB + 4096, "maximum": 16 * MiB}},
        "ram.minimum",
        "exchange them",
    ),
    Case(
        "image_starts_in_memory",
        "of the smallest machine",
        {"layout": {"load_address": 2 * MiB}, "ram": {"minimum": 3 * MiB}},
        {"layout": {"load_address": 2 * MiB}, "ram": {"minimum": 2 * MiB}},
        "layout.load_address",
        "lower it, or raise ram.minimum",
    ),
    Case(
        "image_starts_in_memory",
        "of the direct map",
        beyond(16 * MiB, load_address=3 * MiB),
        beyond(16 * MiB, load_address=4 * MiB),
        "layout.load_address",
        "lower it, or raise ram.minimum and layout.direct_map_limit",
    ),
    Case(
        "image_and_tables_fit",
        "the stack on the smallest machine",
        {"layout": {"stack_size": STACK_AT_2M}},
        {"layout": {"stack_size": STACK_AT_2M + 4096}},
        "ram.minimum",
        "use at least 3 MiB",
    ),
    Case(
        "image_and_tables_fit",
        "no larger machine is admitted",
        {"layout": {"stack_size": STACK_AT_2M_ONLY}, "ram": {"maximum": 2 * MiB}},
        {"layout": {"stack_size": STACK_AT_2M_ONLY + 4096}, "ram": {"maximum": 2 * MiB}},
        "ram.minimum",
        "use at least 3 MiB, and as much for ram.maximum",
    ),
    Case(
        "image_and_tables_fit",
        "a page past a step",
        at_a_step(STACK_AT_STEP),
        at_a_step(STACK_AT_STEP + 4096),
        "ram.minimum",
        "use at least 17 MiB",
    ),
    Case(
        "image_and_tables_fit",
        "what lies beyond the direct map",
        beyond(MOST_BEYOND),
        beyond(MOST_BEYOND + 4 * MiB),
        "layout.direct_map_limit",
        "use at least 8 MiB, or lower ram.maximum",
    ),
    Case(
        "boot_tables_end_below_the_kernel",
        "",
        low_base(52 * MiB),
        low_base(54 * MiB),
        "layout.load_address",
        "lower it, or ram.maximum, or raise layout.kernel_base",
    ),
    # --- zones -----------------------------------------------------------------------
    Case(
        "zones_have_names_of_their_own",
        "twice",
        named("low", "high"),
        named("low", "low"),
        "buddy.zones[1].name",
        "rename one",
    ),
    *(
        Case(
            "zones_have_names_of_their_own",
            f"ZONE_{name.upper()} is C's",
            named("low", f"{name}s"),
            named("low", name),
            "buddy.zones[1].name",
            "rename it",
        )
        for name in ("any", "direct", "count", "table")
    ),
    Case(
        "zones_ascend",
        "",
        zones(892 * MiB),
        zones(896 * MiB),
        "buddy.zones[1].limit",
        "list zones by ascending limit",
    ),
    Case(
        "zones_ascend",
        "the first",
        zones(4 * MiB),
        zones(0),
        "buddy.zones[0].limit",
        "list zones by ascending limit",
    ),
    Case(
        "zones_end_on_largest_blocks",
        "a size",
        zones(24 * MiB, order=11),
        zones(20 * MiB, order=11),
        "buddy.zones[0].limit",
        "use 16 MiB, or lower buddy.max_order",
    ),
    Case(
        "zones_end_on_largest_blocks",
        "a zone smaller than a block",
        zones(8 * MiB, order=11),
        zones(4 * MiB, order=11),
        "buddy.zones[0].limit",
        "lower buddy.max_order",
    ),
    Case(
        "zones_end_on_largest_blocks",
        "the direct map",
        {**zones(order=11), **layout(direct_map_limit=888 * MiB)},
        {**zones(order=11), **layout(direct_map_limit=892 * MiB)},
        "buddy.zones[0].limit",
        "use layout.direct_map_limit=888 MiB, or lower buddy.max_order",
    ),
    Case(
        "zones_end_below_4_gib",
        "",
        {"buddy": {"zones": [{"limit": "direct"}, {"name": "b", "limit": 4 * GiB}]}},
        {"buddy": {"zones": [{"limit": "direct"}, {"name": "b", "limit": 8 * GiB}]}},
        "buddy.zones[1].limit",
        "use 'end', which is 4 GiB",
    ),
    Case(
        "a_zone_ends_with_the_direct_map",
        "",
        {"buddy": {"zones": [{"limit": 896 * MiB}]}},
        {"buddy": {"zones": [{"limit": 892 * MiB}]}},
        "buddy.zones",
        "give one zone the limit 'direct'",
    ),
    # --- kmalloc ---------------------------------------------------------------------
    Case(
        "alignment_is_a_power_of_two",
        "",
        {"kmalloc": {"alignment": 32}},
        {"kmalloc": {"alignment": 48}},
        "kmalloc.alignment",
        "use 32 or 64",
    ),
    Case(
        "classes_are_steps_of_8",
        "",
        {"kmalloc": {"classes": (16, 24)}},
        {"kmalloc": {"classes": (16, 28)}},
        "kmalloc.classes",
        "use 32",
    ),
    Case(
        "classes_are_steps_of_8",
        "none",
        {"kmalloc": {"classes": (8,)}},
        {"kmalloc": {"classes": (0, 8)}},
        "kmalloc.classes",
        "use 8",
    ),
    Case(
        "classes_ascend",
        "",
        {"kmalloc": {"classes": (16, 24)}},
        {"kmalloc": {"classes": (24, 16)}},
        "kmalloc.classes",
        "use 16, 24",
    ),
    Case(
        "classes_ascend",
        "twice",
        {"kmalloc": {"classes": (16, 24)}},
        {"kmalloc": {"classes": (16, 16, 24)}},
        "kmalloc.classes",
        "use 16, 24",
    ),
    # A slab's header is 32 bytes, kmalloc's 8; both slots begin at a multiple of the alignment.
    Case(
        "slabs_hold_two_of_each_class",
        "with headers",
        kmalloc(classes=(4072,)),
        kmalloc(classes=(4080,)),
        "kmalloc.classes",
        "use 4072 at most, or raise slab.order (1)",
    ),
    Case(
        "slabs_hold_two_of_each_class",
        "without headers",
        kmalloc(classes=(4080,), header=False),
        kmalloc(classes=(4088,), header=False),
        "kmalloc.classes",
        "use 4080 at most, or raise slab.order (1)",
    ),
    Case(
        "slabs_hold_two_of_each_class",
        "aligned",
        kmalloc(classes=(3576,), alignment=512),
        kmalloc(classes=(3584,), alignment=512),
        "kmalloc.classes",
        "use 3576 at most, or raise slab.order (1)",
    ),
    Case(
        "slabs_hold_two_of_each_class",
        "no room for any, the buddy's blocks are too small",
        {**kmalloc(alignment=4096), "buddy": {"max_order": 0}},
        {**kmalloc(alignment=4096, classes=(8,)), "buddy": {"max_order": 0}},
        "kmalloc.classes",
        "leave all classes out, or raise buddy.max_order (0)",
    ),
    Case(
        "slabs_hold_two_of_each_class",
        "the largest slab",
        {**kmalloc(classes=(65512,)), "slab": {"order": 5}},
        {**kmalloc(classes=(65520,)), "slab": {"order": 5}},
        "kmalloc.classes",
        "use 65512 at most",
    ),
    Case(
        "chunks_hold_the_largest_of_the_heap",
        "",
        kmalloc(heap_limit=32768 - 144 - 8),
        kmalloc(heap_limit=32768 - 144 - 7),
        "kmalloc.heap_limit",
        "use 32616 at most, or raise kmalloc.heap_order (3)",
    ),
    Case(
        "chunks_hold_the_largest_of_the_heap",
        "nothing, where all is aligned to a chunk",
        kmalloc(alignment=4096, heap_order=0),
        kmalloc(alignment=4096, heap_order=0, heap_limit=1),
        "kmalloc.heap_limit",
        "use 0, which is no heap, or raise kmalloc.heap_order (0)",
    ),
    Case(
        "heap_serves_more_than_slabs",
        "",
        kmalloc(classes=(64,), heap_limit=64),
        kmalloc(classes=(64,), heap_limit=63),
        "kmalloc.heap_limit",
        "use 0, or more than 64",
    ),
    Case(
        "arena_holds_largest_block",
        "",
        {"layout": {"arena_size": 8 * MiB}, "kmalloc": {"guard_pages": 16}},
        {"layout": {"arena_size": 4 * MiB}, "kmalloc": {"guard_pages": 16}},
        "layout.arena_size",
        "use at least 8 MiB, or lower buddy.max_order",
    ),
    # --- sources -----------------------------------------------------------------------
    Case(
        "sources_are_c_or_assembly",
        "",
        {"sources": ("a.c", "b.S")},
        {"sources": ("a.c", "b.s")},
        "sources",
        "use .c or .S",
    ),
    Case(
        "sources_are_listed_once",
        "",
        {"sources": ("a.c", "b/a.c")},
        {"sources": ("a.c", "a.c")},
        "sources",
        "list it once",
    ),
    # --- programs ----------------------------------------------------------------------
    Case(
        "programs_have_user_space",
        "",
        programs("a.c"),
        {**programs("a.c"), **NO_PROGRAMS},
        "programs",
        "set features.user_space to true, or leave them out",
    ),
    Case(
        "programs_are_c_or_assembly",
        "",
        programs("a.c", "b.S"),
        programs("a.c", "b.cc"),
        "programs",
        "use .c or .S",
    ),
    Case(
        "programs_are_called_plainly",
        "31 letters",
        programs("folder with blanks/" + 31 * "a" + ".c"),
        programs(32 * "a" + ".c"),
        "programs",
        "rename the file",
    ),
    Case(
        "programs_are_called_plainly",
        "a blank",
        programs("a+b.c"),
        programs("a b.c"),
        "programs",
        "rename the file",
    ),
    Case(
        "programs_have_names_of_their_own",
        "two files",
        programs("a.c", "b/c.c"),
        programs("a.c", "b/a.S"),
        "programs",
        "rename one of the files",
    ),
    Case(
        "programs_have_names_of_their_own",
        "one file",
        programs("a.c"),
        programs("a.c", "a.c"),
        "programs",
        "list it once",
    ),
    *(
        Case(
            "programs_leave_the_trees_names",
            name,
            programs(f"{name}s.c"),
            programs(f"{name}.c"),
            "programs",
            "rename the file",
        )
        for name in ("dev", "proc", "tmp")
    ),
    Case(
        "programs_have_room",
        "the kernel's base",
        with_base(0x0BC0_0000, "8M"),
        with_base(0x0B80_0000, "8M"),
        "layout.kernel_base",
        "use at least 0x0bc00000, or lower user.stack_limit to 7 MiB"
        ", or set features.user_space to false",
    ),
    Case(
        "fixmap_has_slots_for_programs",
        "",
        layout(fixmap_slots=6),
        layout(fixmap_slots=5),
        "layout.fixmap_slots",
        "use at least 6, or set features.user_space to false",
    ),
)
