"""Random descriptions, and random machines for a kernel: what the campaigns are made of.

Values are drawn where kernels differ: at the edges of fields, at sizes that are no power of two,
in odd orders of the address space. About half of the descriptions are sound; the others break
rules of ``kgen.check``, mostly one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from kgen import Kernel
from kgen.footprint import least_available, room, tight_sizes

Fields = dict[str, Any]

KiB = 1 << 10
MiB = 1 << 20
GiB = 1 << 30
PAGE = 4 * KiB
TABLE = 4 * MiB

WITHOUT_USER_SPACE = "features.user_space=false"
"""``--set`` of kernels that tests build for another subject: no program is compiled for them."""


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
    fields: Fields = {
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
        "features": {
            "tests": draw(_few(True, rare=(False,))),
            "user_space": draw(_few(False, rare=(True,))),
        },
        "compiler": {"optimize": draw(_few("2", "s", "1", "0"))},
    }
    path, value = draw(st.sampled_from([*[("", int)] * 3 * len(WRONG), *WRONG]))
    if path:
        section, _, name = path.partition(".")
        fields[section][name] = value(fields[section][name])
    return fields


WRONG: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("layout.kernel_base", lambda base: base // 2 + PAGE),
    ("layout.kernel_base", lambda _: 32 * MiB),
    ("layout.direct_map_limit", lambda limit: limit + PAGE),
    ("layout.direct_map_limit", lambda _: 4 * GiB),
    ("layout.arena_base", lambda base: base + PAGE),
    ("layout.arena_base", lambda base: base - TABLE),
    ("layout.arena_size", lambda size: size - MiB),
    ("layout.arena_size", lambda _: 0),
    ("layout.arena_size", lambda _: 3 * GiB),
    ("layout.page_map_base", lambda base: base + TABLE // 2),
    ("layout.fixmap_base", lambda base: base - 2 * TABLE),
    ("layout.load_address", lambda load: load + 1),
    ("layout.load_address", lambda _: 64 * KiB),
    ("layout.stack_size", lambda size: size + 100),
    ("layout.stack_size", lambda _: MiB),
    ("memblock.map_entries", lambda _: 256),
    ("ram.minimum", lambda size: size + 1),
    ("ram.maximum", lambda size: size + PAGE - 1),
    ("ram.maximum", lambda _: MiB),
    ("kmalloc.alignment", lambda alignment: alignment + 8),
    ("kmalloc.heap_limit", lambda _: 9),
    ("kmalloc.classes", lambda _: (0, 12, 8)),
)
"""What becomes of a field, so that a rule has something against it; in a draw out of four."""


def drawn(number: int, count: int) -> list[Fields]:
    """``count`` descriptions that follow from the seed ``number``."""
    found: dict[str, Fields] = {}

    @seed(number)
    @settings(
        max_examples=8 * count,  # hypothesis varies what it has just tried: neighbours are alike
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=[*HealthCheck],
    )
    @given(descriptions())
    def collect(fields: Fields) -> None:
        found[repr(fields)] = fields

    collect()
    distinct = list(found.values())[1:]  # the first is the simplest, whatever the seed
    return distinct[:: max(1, len(distinct) // count)][:count]


# --- machines --------------------------------------------------------------------

CPUS = {"386": "386", "486": "486", "pentium": "pentium", "pentiumpro": "pentium3"}
"""For each ``cpu.minimum`` the oldest machine that will do."""

FIRMWARE_TOP = 128 * KiB
"""SeaBIOS keeps so much of the end of RAM."""


@dataclass(frozen=True)
class Machine:
    """What to boot a kernel on, as options of ``kgen boot``, with sizes of modules and a map."""

    options: Fields
    modules: tuple[int, ...] = ()
    map: tuple[Fields, ...] = ()


def machine(rng: Random, kernel: Kernel, image: int) -> Machine:
    """A machine that ``kernel``, whose image takes ``image`` bytes, must boot on."""
    memory = _memory(rng, kernel)
    spare = room(kernel, memory) - image - FIRMWARE_TOP
    kinds = [*CPUS.values(), "qemu32", "max"]
    options = {
        "memory": f"{memory >> 10}K",
        "cpu": rng.choice(kinds[kinds.index(CPUS[kernel.cpu.minimum]) :]),
        "machine": rng.choice(["pc", "pc", "q35"]),
        "firmware": rng.choice(["auto", "seabios"]),
    }
    count = rng.randrange(min(3, kernel.memblock.modules)) if spare > 256 * KiB else 0
    modules = tuple(rng.randrange(1, spare // 8) for _ in range(count))
    entries = _map(rng, kernel, memory, spare - sum(modules)) if rng.random() < 0.4 else ()
    return Machine(options, modules, entries)


RAM_STEP = 2 * PAGE
"""QEMU gives RAM in steps of so much."""


def emulated(kernel: Kernel) -> range:
    """The sizes that the kernel admits, up to 3 GiB, and QEMU has; there may be none."""
    low = -(-kernel.ram.minimum // RAM_STEP) * RAM_STEP
    return range(low, min(kernel.ram.maximum, 3 * GiB) + 1, RAM_STEP)


def _memory(rng: Random, kernel: Kernel) -> int:
    """One of these; often one at which room is tight."""
    sizes = emulated(kernel)
    tight = [-(-ram // RAM_STEP) * RAM_STEP for ram in tight_sizes(kernel)]
    return rng.choice([*(ram for ram in tight if ram in sizes), rng.choice(sizes)])


def _map(rng: Random, kernel: Kernel, memory: int, spare: int) -> tuple[Fields, ...]:
    """A map that takes back less than half of what is to spare, at the end, in fragments."""
    entries = [(0, 0x9_FC00, 1), (MiB, memory - MiB, 1)]
    end = memory - FIRMWARE_TOP
    # With less the machine would be one below the kernel's minimum.
    enough = least_available(kernel) + MiB - 0x9_F000
    least = max(enough, end - max(0, spare) // 2)
    for _ in range(rng.randrange(kernel.memblock.map_entries - 8)):
        length = rng.randrange(1, 64 * KiB)
        end -= length + rng.choice([0, 1, PAGE - 1, PAGE])
        if end < least:
            break
        entries.append((end, length, rng.choice([2, 3, 4, 5, 0, 9])))
    if rng.random() < 0.5:
        rng.shuffle(entries)
    keys = ("base", "length", "type")
    return tuple(dict(zip(keys, entry, strict=True)) for entry in entries)
