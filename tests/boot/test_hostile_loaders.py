"""Loaders that lie: impossible data is refused by name, data that is only wrong does no harm.

A kernel that trusted them would read for minutes, treat holes as memory, or allocate the memory of
a module.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.boot.loaders import (
    AVAILABLE,
    CMDLINE_ADDR,
    JUNK,
    MEM_LOWER,
    MEM_UPPER,
    MMAP_ADDR,
    MMAP_LENGTH,
    MODS_ADDR,
    MODS_COUNT,
    PAGE,
    PC_MAP,
    RAM,
    RESERVED,
    Entry,
    Load,
    Loader,
    MiB,
    assert_used,
    refused,
)

from kgen import Kernel

pytestmark = pytest.mark.boot

UserKernel = Callable[..., Path]

GiB = 1 << 30
LISTS = (MODS_COUNT, MODS_ADDR, MMAP_LENGTH, MMAP_ADDR)
FAR = 12 * MiB
"""An address where nothing is in the way."""


def modules(*spans: tuple[int, int], map: list[Entry] = PC_MAP) -> Loader:  # noqa: A002
    return Loader(map, spans=spans)


REFUSED: dict[str, tuple[Loader, str]] = {
    # Counts and lengths.
    "millions_of_modules": (
        Loader(PC_MAP, modules=[], words={MODS_COUNT: 5_000_000}),
        "list of modules at 0x[0-9a-f]+ has 80000000 bytes, 4096 at most are believed",
    ),
    "modules_beyond_4_gib": (
        Loader(PC_MAP, modules=[], words={MODS_COUNT: 20, MODS_ADDR: 0xFFFFFFF0}),
        "list of modules, 320 bytes at 0xfffffff0, ends above 4 GiB",
    ),
    "a_map_of_4_gib": (
        Loader(PC_MAP, words={MMAP_LENGTH: 0xFFFFFFFF}),
        "memory map at 0x[0-9a-f]+ has 4294967295 bytes, 65536 at most are believed",
    ),
    "a_map_beyond_4_gib": (
        Loader(PC_MAP, words={MMAP_ADDR: 0xFFFFFFFF}),
        "memory map, 120 bytes at 0xffffffff, ends above 4 GiB",
    ),
    "upper_memory_to_4_gib": (
        Loader(memory=(639, 0xFFFFFFFF)),
        r"says 4294967295 KiB from 1 MiB on \(mem_upper\)",
    ),
    # Modules.
    "ends_before_its_start": (modules((FAR, FAR), (FAR, FAR - 1)), "module 1 ends at 0xbfffff"),
    "not_kept_and_ends_before_its_start": (
        modules(*[(FAR, FAR)] * 16, (2 * FAR, FAR)),
        "module 16 ends at 0xc00000, before its start at 0x1800000",
    ),
    "larger_than_ram": (
        modules((FAR, 80 * MiB)),
        r"module 0, 0xc00000-0x4ffffff, is where .* no memory \(add RAM",
    ),
    "in_a_hole": (modules((FAR, FAR + PAGE), (RAM, RAM + PAGE)), "module 1, 0x4000000-"),
    "in_reserved_memory": (modules((0xF0000, 0xF1000)), "module 0, 0xf0000-0xf0fff, is where"),
    "across_reserved_memory": (
        modules((FAR, FAR + 3 * PAGE), map=[*PC_MAP, (FAR + 2 * PAGE, 1, RESERVED)]),
        "module 0, 0xc00000-0xc02fff, is where",
    ),
    "where_the_screen_is": (
        modules((0xB8000, 0xB8001), map=[(0, RAM, AVAILABLE)]),
        "module 0, 0xb8000-0xb8000, is where",
    ),
    "in_the_last_page": (modules((0xFFFFF000, 0xFFFFFFFF)), "module 0, 0xfffff000-0xfffffffe"),
    "over_the_kernel": (modules((MiB + 5, MiB + 6)), "module 0, 0x100005-0x100005, overlaps the k"),
    "over_another": (
        modules((FAR, FAR + 10), (2 * FAR, 3 * FAR), (FAR + 9, FAR + 10)),
        "module 2, 0xc00009-0xc00009, overlaps module 0, 0xc00000-0xc00009",
    ),
    "over_another_that_is_not_kept": (
        modules(*[(FAR + n * PAGE, FAR + n * PAGE + 1) for n in range(20)], (FAR, FAR + 1)),
        "module 20, 0xc00000-0xc00000, overlaps module 0,",
    ),
    # Nothing to work with.
    "low_memory_alone": (Loader([PC_MAP[0]]), "no usable memory above 0x1[0-9a-f]+, where the k"),
    "low_memory_and_above_4_gib": (
        Loader([PC_MAP[0], (4 * GiB, GiB, AVAILABLE)]),
        r"no usable memory above 0x1[0-9a-f]+, .* \(add RAM: 2048 KiB are needed\)",
    ),
    "less_than_the_image": (Loader([(MiB, 1 << 16, AVAILABLE)]), "no usable memory above 0x1"),
    "lower_memory_alone": (Loader(memory=(640, 0)), "no usable memory above 0x1"),
    "too_little": (
        Loader([(0, 0x9F000, AVAILABLE), (8 * MiB, 512 << 10, AVAILABLE)]),
        "1148 KiB of usable memory are less than a machine with 2048 KiB has",
    ),
    "too_small_for_tables": (
        Loader([(0, 0x9F000, AVAILABLE), (3 * GiB, MiB, AVAILABLE)]),
        "no memory for page tables and metadata: [0-9]+ KiB wanted in one piece below 0x38000000",
    ),
    "none_in_the_direct_map": (
        Loader([(GiB, GiB, AVAILABLE)]),
        "no memory for page tables and metadata",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_by_name(load: Load, name: str) -> None:
    loader, reason = REFUSED[name]
    said = refused(load(loader, timeout=20))
    assert re.search(reason, said), said
    assert said.endswith(")") or "reported no usable memory" in said  # what to do


def test_modules_that_touch_or_are_empty_are_fine(load: Load) -> None:
    """Byte beside byte, on one page, and nothing where nothing is."""
    spans = [(FAR, FAR + 10), (FAR + 10, FAR + 20), (MiB, MiB), (3 * GiB, 3 * GiB)]
    result = load(modules(*spans))
    assert_used(result, PC_MAP)
    assert [(module.start, module.end) for module in result.transcript.modules] == spans
    assert result.transcript.stats["mem.modules"] == PAGE


def test_modules_at_the_end_of_the_address_space(load: Load) -> None:
    """The end of the last page is no number of 32 bits; what reaches there is reserved.

    There is no RAM; the map alone says so, and nothing may touch it.
    """
    top = (0xFFFFD000, 0x3000, AVAILABLE)
    spans = [(0xFFFFD000, 0xFFFFD001), (0xFFFFE800, 0xFFFFF800), (0xFFFFF900, 0xFFFFFA00)]
    result = load(modules(*spans, map=[*PC_MAP, top]))
    assert_used(result, [*PC_MAP, top])
    stats = result.transcript.stats
    assert stats["mem.modules"] == 2 * PAGE
    assert stats["mem.waste.top_page"] == PAGE
    assert stats["buddy.highmem.free_pages"] == 0


def test_a_module_with_a_long_command_line(load: Load) -> None:
    """`kgen boot` would refuse it; of another loader's the kernel keeps what the field says."""
    result = load(Loader(PC_MAP, modules=[(FAR, b"x", b"a name" + b" x" * 3000)]))
    assert_used(result, PC_MAP)
    (module,) = result.transcript.modules
    kept = Kernel().memblock.module_line - 1  # and a NUL
    assert module.name == ("a name" + " x" * 3000)[:kept]


def test_lower_memory_is_640_kib_at_most(load: Load) -> None:
    """4 GiB of it, says the loader."""
    loader = Loader(memory=(4 << 20, 31 * 1024))
    result = load(loader, expect=["mem_lower is 4194304 KiB, of which 640 are believed"])
    assert_used(result, [(0, 640 << 10, AVAILABLE), (MiB, 31 * MiB, AVAILABLE)])


def test_the_screen_and_the_bios_are_no_memory(load: Load) -> None:
    """A map without a hole, as v86 has it, with RAM after the hole or ROM: it is left alone."""
    result = load(Loader([(0, RAM, AVAILABLE)]))
    assert_used(result, [(0, RAM, AVAILABLE)])
    assert result.transcript.stats["mem.waste.legacy"] == 384 << 10
    result = load(Loader([*PC_MAP[:2], (0xC0000, RAM - 0xC0000, AVAILABLE)]))
    assert_used(result, [PC_MAP[0], (0xC0000, RAM - 0xC0000, AVAILABLE)])
    assert result.transcript.stats["mem.waste.legacy"] == 256 << 10


def test_modules_that_are_not_kept_take_no_room_in_the_map(
    load: Load, user_kernel: UserKernel
) -> None:
    """Forty modules, of which none is kept, and a map that is full."""
    folder = user_kernel("modules.c", sets=["memblock.map_entries=8", "memblock.modules=0"])
    full: list[Entry] = [*PC_MAP, *((n * MiB, PAGE, RESERVED) for n in (50, 51, 52))]
    spans = [(FAR + n * PAGE, FAR + n * PAGE + 1) for n in range(40)]
    result = load(modules(*spans, map=full), folder, expect=["40 modules not kept"])
    assert_used(result, full)
    assert result.transcript.stats["mem.modules"] == 40 * PAGE
    apart = [(FAR + 2 * n * PAGE, FAR + 2 * n * PAGE + 1) for n in range(200)]
    reason = refused(load(modules(*apart, map=full), folder))
    assert "no room to reserve a module" in reason
    assert "raise memblock.regions" in reason


@pytest.mark.parametrize("start", [16, 48], ids="from {}M".format)
def test_all_memory_above_what_is_mapped_at_first(load: Load, start: int) -> None:
    """Sixteen MiB, of which the boot page tables show nothing."""
    only: list[Entry] = [(start * MiB, 16 * MiB, AVAILABLE)]
    # The loader itself lies at 32 MiB, and is not needed any more.
    result = load(Loader(only))
    assert_used(result, only)
    assert result.transcript.stats["mem.early"] > 0


def test_many_ranges_that_fill_no_page(load: Load) -> None:
    """Half of what is there is in parts of pages."""
    crumbs: list[Entry] = [(16 * MiB + n * 3 * PAGE + 1, 2 * PAGE - 2, 1) for n in range(50)]
    entries = [(MiB, MiB + MiB // 2, AVAILABLE), *crumbs]
    result = load(Loader(entries))
    assert_used(result, entries)
    assert result.transcript.stats["mem.waste.rounding"] > result.transcript.stats["mem.free"] / 100


# --- random lies ------------------------------------------------------------------------


def try_lies(load: Load, seed: int, count: int) -> None:
    """Whatever a loader says, the kernel passes, with all accounts right, or says what is wrong."""
    chance = random.Random(seed)
    for _ in range(count):
        result = load(random_loader(chance), timeout=60)
        if result.verdict != "pass":
            refused(result)


@pytest.mark.parametrize("seed", range(4))
def test_random_lies(load: Load, seed: int) -> None:
    try_lies(load, seed, 4)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_many_random_lies(load: Load, seed: int) -> None:
    try_lies(load, seed, 100)


def random_loader(chance: random.Random) -> Loader:
    """It calls available only what is RAM, though not all of that; nothing else need be true."""
    return Loader(
        random_map(chance) if chance.random() < 0.8 else None,
        memory=chance.choice([None, (639, chance.randrange(63 * 1024)), (1 << 31, 0)]),
        cmdline=chance.choice([None, b"kernel.elf", b"x" * 3000]),
        spans=[random_span(chance) for _ in range(chance.choice([0, 0, 1, 3, 30]))],
        words=random_words(chance) if chance.random() < 0.3 else {},
        at=0x9500 if chance.random() < 0.8 else 60 * MiB,
    )


def random_map(chance: random.Random) -> list[Entry]:
    """Entries one past the other, with and without gaps."""
    entries: list[Entry] = []
    at = chance.choice([0, 0x1000, MiB, 16 * MiB])
    for _ in range(chance.randrange(1, 30)):
        length = chance.choice([1, PAGE - 1, PAGE, 0x9F000, MiB, 3 * MiB, 20 * MiB])
        length = max(0, min(length, RAM - 0x20000 - at))
        entries.append((at, length, chance.choice([1, 1, 1, 2, 3, 9])))
        at += length + chance.choice([0, 1, PAGE, 5000, 0x60000])
    return entries


def random_span(chance: random.Random) -> tuple[int, int]:
    """A module, where it may be or not."""
    places = [0x1000, 0x9F000, MiB, 3 * MiB, FAR, 48 * MiB, RAM - PAGE, 0xFFFFF000]
    start = chance.choice(places) + chance.randrange(300) * chance.choice([1, PAGE])
    start = min(start, 0xFFFFFFFF)
    return start, min(start + chance.choice([0, 1, PAGE, MiB]), 0xFFFFFFFF)


def random_words(chance: random.Random) -> dict[int, int]:
    """A lie about one word of the information."""
    which = chance.choice([MEM_LOWER, MEM_UPPER, CMDLINE_ADDR, *LISTS])
    value = chance.choice([0, 1, 1000, JUNK, chance.randrange(1 << 32), 0xFFFFFFFF])
    if which == MEM_UPPER:  # that so much RAM is not there cannot be seen
        value = chance.choice([value % (60 * 1024), 0xFFFFFFF0])
    return {which: value}
