"""Kernels that nobody would describe like this, on machines of all sizes: their own tests pass.

An allocator behaves differently without the others: without slabs small objects come from the
heap, without a heap from pages, in the direct map or in the arena. So every pair of choices is
in one of these kernels at least.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels

from kgen_qemu.result import Result

Boot = Callable[..., Result]


_TABLE = """
    classes  heap     mapping  header  alignment  guards  lazy  index    hot  memory  cpu
    default  default  vmap     yes     8          1       64    lists    on   2M      386
    none     none     direct   no      64         3       1     bitmaps  off  2M      pentium3
    none     default  vmap     no      4096       3       1024  bitmaps  on   8M      386
    default  none     direct   yes     8          1       1024  lists    off  64M     pentium3
    default  none     vmap     yes     64         1       1     lists    off  8M      386
    none     default  direct   yes     4096       1       64    bitmaps  on   64M     pentium3
    default  none     vmap     no      64         3       64    lists    on   64M     386
    none     default  vmap     no      8          1       1     lists    on   8M      pentium3
    default  default  direct   yes     8          3       64    bitmaps  off  8M      386
    none     none     vmap     yes     4096       1       1     lists    off  64M     386
    default  default  vmap     yes     64         1       1024  lists    on   2M      386
"""

SETS = {
    ("classes", "none"): ["kmalloc.classes="],
    ("heap", "none"): ["kmalloc.heap_limit=0"],
    ("mapping", "direct"): ["kmalloc.mapping=direct"],
    ("header", "no"): ["kmalloc.header=false"],
    ("alignment", "64"): ["kmalloc.alignment=64"],
    ("alignment", "4096"): ["kmalloc.alignment=4096"],
    ("guards", "3"): ["kmalloc.guard_pages=3", "vmalloc.guard_pages=3"],
    ("lazy", "1"): ["vmalloc.lazy=1"],
    ("lazy", "1024"): ["vmalloc.lazy=1024"],
    ("index", "bitmaps"): ["buddy.index=bitmaps"],
    ("hot", "off"): ["buddy.hot=false"],
}
"""What a choice changes in the default description: nothing where it is not named."""

MACHINE = ("memory", "cpu")

Choices = dict[str, str]


def _read(table: str) -> list[Choices]:
    names, *rows = [line.split() for line in table.strip().splitlines()]
    return [dict(zip(names, row, strict=True)) for row in rows]


KERNELS = _read(_TABLE)


def _is_possible(choices: Choices) -> bool:
    """Objects of 4 KiB each fit into no slab, and too many of them not into 2 MiB."""
    return choices.get("alignment") != "4096" or (
        choices.get("classes") != "default" and choices.get("memory") != "2M"
    )


def test_every_pair_of_choices_is_there() -> None:
    values = {name: {row[name] for row in KERNELS} for name in KERNELS[0]}
    assert {(name, value) for name, value in SETS} <= {
        (name, value) for name in values for value in values[name]
    }
    missing = [
        pair
        for one, other in combinations(values, 2)
        for pair in ({one: a, other: b} for a in values[one] for b in values[other])
        if _is_possible(pair) and not any(pair.items() <= row.items() for row in KERNELS)
    ]
    assert missing == []


def _name(choices: Choices) -> str:
    settings = [setting for choice in choices.items() for setting in SETS.get(choice, [])]
    return " ".join([*settings, *(choices[name] for name in MACHINE)])


@pytest.mark.boot
@pytest.mark.parametrize("choices", KERNELS, ids=_name)
def test_odd_kernels_pass(kernels: Kernels, boot: Boot, choices: Choices) -> None:
    sets = [setting for choice in choices.items() for setting in SETS.get(choice, [])]
    result = boot(kernels.user(sets=sets), memory=choices["memory"], cpu=choices["cpu"])
    assert result.verdict == "pass", (result.reasons, result.log.read_text())


@pytest.mark.boot
@pytest.mark.parametrize("memory", ["2M", "64M"])
def test_the_direct_map_alone(kernels: Kernels, boot: Boot, memory: str) -> None:
    """No slabs, no heap, no arena: each object is a block of the buddy's."""
    sets = ["kmalloc.classes=", "kmalloc.heap_limit=0", "kmalloc.mapping=direct"]
    result = boot(kernels.user(sets=sets), memory=memory, cpu="386")
    assert result.verdict == "pass", (result.reasons, result.log.read_text())


SIXTY = ",".join(str(64 * i) for i in range(1, 61))

ADMITTED = [
    ("layout.arena_size=8M", "64M"),
    ("kmalloc.heap_limit=0 kmalloc.classes=64,16000 slab.order=3", "64M"),
    ("kmalloc.classes=16000 slab.order=3", "8M"),
    ("kmalloc.alignment=2048 kmalloc.mapping=direct slab.order=4 buddy.max_order=4", "64M"),
    ("debug.quarantine=64 kmalloc.classes=64,32000 slab.order=5 kmalloc.heap_limit=0", "16M"),
    (f"slab.order=3 kmalloc.classes={SIXTY}", "2M"),
    ("layout.arena_size=4M buddy.max_order=9", "4M"),
    (
        "layout.arena_size=4M buddy.max_order=4 debug.quarantine=16 kmalloc.guard_pages=16 "
        "kmalloc.classes= kmalloc.heap_limit=0",
        "4736K",
    ),
]
"""Shapes that in-kernel tests once took for impossible: less arena than memory, slabs larger than
a page of the heap's, more of them than the machine has room for at once, an arena that memory
fills but for what guards take."""


@pytest.mark.boot
@pytest.mark.parametrize(("sets", "memory"), ADMITTED)
def test_what_is_admitted_passes(kernels: Kernels, boot: Boot, sets: str, memory: str) -> None:
    result = boot(kernels.user(sets=sets.split()), memory=memory)
    assert result.verdict == "pass", (result.reasons, result.log.read_text())


THREE_ZONES = """\
from kgen import Buddy, Kernel, Layout, MiB, Ram, Slab, Zone

zones = (Zone(name="low", limit="direct"), Zone(name="mid", limit=32 * MiB), Zone(name="high"))
kernel = Kernel(
    ram=Ram(maximum=64 * MiB),
    layout=Layout(direct_map_limit="8M", arena_size="20M"),
    buddy=Buddy(zones=zones, max_order=8),
    slab=Slab(order=5),
)
"""


@pytest.mark.boot
def test_memory_that_is_not_mapped_in_the_middle_zone(
    kernels: Kernels, boot: Boot, tmp_path: Path
) -> None:
    """Of three zones the highest has no memory, and the lowest alone is mapped.

    All pages have addresses, if the ones that earlier tests have left spare join the others.
    """
    description = tmp_path / "kernel.py"
    description.write_text(THREE_ZONES)
    result = boot(kernels.user(description=description), memory="18M")
    assert result.verdict == "pass", (result.reasons, result.log.read_text())
