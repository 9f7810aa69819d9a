"""Random descriptions, and random machines for a kernel: what the campaigns are made of.

Values are drawn where kernels differ: at the edges of fields, at sizes that are no power of two,
in odd orders of the address space. About half of the descriptions are sound; the others break
rules of ``kgen.check``, mostly one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

Fields = dict[str, Any]

KiB = 1 << 10
MiB = 1 << 20
GiB = 1 << 30
PAGE = 4 * KiB
TABLE = 4 * MiB


def _few(*usual: Any, rare: Sequence[Any] = ()) -> st.SearchStrategy[Any]:
    """Mostly one of the first; now and then one of ``rare``."""
    return st.sampled_from([*usual * 4, *rare])


@st.composite
def layouts(draw: DrawFn) -> Fields:
    """Areas in any order, with gaps of whole page tables or none, from any base on."""
    base = draw(_few(0xC000_0000, 0x8000_0000, 0xD000_0000, 0x4000_0000, rare=(64 * MiB,)))
    left = (1 << 32) - base
    arena = draw(_few(4 * MiB, 8 * MiB, 20 * MiB, 104 * MiB, 256 * MiB))
    limits = [4 * MiB, 12 * MiB, 64 * MiB, 256 * MiB, 640 * MiB, 896 * MiB, 1536 * MiB]
    direct = draw(st.sampled_from([size for size in limits if size + arena + 32 * MiB <= left]))
    layout = {"kernel_base": base, "direct_map_limit": direct, "arena_size": arena}
    at = base + direct + TABLE * draw(st.integers(0, 2))
    sizes = {"arena_base": arena, "page_map_base": TABLE, "fixmap_base": TABLE}
    for field in draw(st.permutations(list(sizes))):
        layout[field] = at
        at += sizes[field] + TABLE * draw(st.integers(0, 1))
    layout["fixmap_slots"] = draw(_few(8, 2, rare=(1023,)))
    layout["stack_size"] = draw(_few(16 * KiB, 8 * KiB, 64 * KiB, rare=(4 * KiB, 512 * KiB)))
    return layout


@st.composite
def zones(draw: DrawFn, direct: int, order: int) -> list[Fields]:
    """Up to five zones at multiples of the largest block, one of which ends with the direct map."""
    block = PAGE << order
    near = st.integers(1, 64).map(lambda n: n * max(block, MiB))
    ends: set[int] = set(draw(st.lists(near, max_size=3)))
    limits: list[Any] = [*sorted(end for end in ends if end < direct), "direct"]
    if draw(st.booleans()):
        limits += sorted(end for end in ends if direct < end < 4 * GiB)
    if draw(st.booleans()) or limits[-1] != "direct":
        limits.append("end")
    return [{"name": f"z{index}", "limit": limit} for index, limit in enumerate(limits)]


@st.composite
def kmallocs(draw: DrawFn) -> Fields:
    alignment = draw(_few(8, 16, 64, rare=(512, 2048, 4096)))
    step = st.integers(1, 60).map(lambda n: 8 * n)
    large = st.integers(1, 40).map(lambda n: 200 * n // 8 * 8)
    classes = draw(st.sets(step, max_size=20)) | draw(st.sets(large, max_size=2))
    return {
        "alignment": alignment,
        "classes": tuple(sorted(classes)) if draw(st.booleans()) else (),
        "header": draw(st.booleans()),
        "heap_limit": draw(_few(0, 16 * KiB, 2 * KiB, 4000, rare=(60 * KiB,))),
        "heap_order": draw(st.integers(0, 5)),
        "mapping": draw(st.sampled_from(["vmap", "direct"])),
        "guard_pages": draw(_few(1, 4, rare=(16,))),
    }


@st.composite
def debugs(draw: DrawFn) -> Fields:
    if draw(st.booleans()):
        return {}
    names = ("poison", "redzone", "track", "leaks", "trace", "fail")
    return {
        "magic": draw(st.sampled_from(["constant", "derived"])),
        "quarantine": draw(_few(0, 16, 256)),
        **{name: draw(st.booleans()) for name in names},
    }


@st.composite
def descriptions(draw: DrawFn) -> Fields:
    """The fields of a kernel, sound or not."""
    layout = draw(layouts())
    order = draw(_few(10, 4, 6, 8, 9, 11, rare=(0, 1, 2, 13, 15)))
    minimum = draw(_few(2 * MiB, 4 * MiB, 16 * MiB, 64 * MiB, rare=(2 * MiB + PAGE, 300 * MiB)))
    more = draw(_few(0, 4 * MiB, 64 * MiB, GiB, 4 * GiB, rare=(PAGE, 20 * GiB)))
    layout["load_address"] = draw(_few(MiB, minimum // 2, rare=(MiB + PAGE, minimum - MiB)))
    return {
        "name": "random",
        "layout": layout,
        "ram": {"minimum": minimum, "maximum": minimum + more},
        "memblock": {
            "regions": draw(_few(128, 16, 1024)),
            "map_entries": draw(_few(64, 16, 256)),
            "modules": draw(_few(16, 2, 64)),
        },
        "buddy": {
            "max_order": order,
            "index": draw(st.sampled_from(["lists", "bitmaps"])),
            "hot": draw(st.booleans()),
            "zones": draw(zones(layout["direct_map_limit"], order)),
        },
        "slab": {"order": draw(st.integers(0, 5))},
        "kmalloc": draw(kmallocs()),
        "vmalloc": {"guard_pages": draw(_few(1, 3)), "lazy": draw(_few(64, 1, 7, 1024))},
        "debug": draw(debugs()),
        "console": {"vga": draw(st.booleans())},
        "cpu": {"minimum": draw(st.sampled_from(["386", "486", "pentium", "pentiumpro"]))},
        "features": {"tests": draw(_few(True, rare=(False,)))},
        "compiler": {"optimize": draw(_few("2", "s", "1", "0"))},
    }
