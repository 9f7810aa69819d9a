"""kmalloc, vmalloc and caches themselves, on frames that are pages of a file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.host.native import BARE, Program, Workshop

CORES = tuple(
    f"mm/{name}.c"
    for name in (
        *("kmalloc", "kmalloc_check", "krealloc", "kblock", "kmem", "slab", "kheap", "kheap_check"),
        *("large_vmap", "vmalloc", "vmalloc_check", "arena", "page", "reclaim"),
        *("buddy", "buddy_unrolled", "memblock"),
    )
)

HEAP = replace(
    BARE,
    compile=(*BARE.compile, "-fno-sanitize=alignment,pointer-overflow"),
    own=(
        *(*BARE.own, "shell.c", "machine.c"),
        *("heap_model.c", "heap_corners.c", "heap_wrong.c"),
    ),
)
"""Wrong pointers are asked about as well: odd ones, and what lies in front of NULL."""

LAYOUT = {
    "direct_map_limit": "20M",
    "arena_base": 0xD000_0000,
    "arena_size": "32M",
    "page_map_base": 0xC800_0000,
}
"""Arena and page map where a program of 32 bits has nothing else; most zones within few frames."""


@pytest.fixture(scope="module")
def heap(bare_src: Path, workshop: Workshop) -> Program:
    """The driver with everything that kmalloc stands on but a CPU."""
    assert bare_src
    return workshop.program(workshop.sources(layout=LAYOUT), "heap.c", CORES, HEAP)


def walk(heap: Program, *, ram: int, arena: int, rounds: int) -> int:
    """Random calls with ``ram`` and ``arena`` pages; how many allocations were refused."""
    output = heap.check(stdin=f"{ram} {arena} {rounds}\n", seconds=1000)
    found = re.fullmatch(r"allocs (\d+) failures (\d+) peak (\d+)\n", output)
    assert found
    assert int(found[1]) > rounds / 8
    return int(found[2])


CORNERS = 13
"""Refusals that every walk provokes."""


@pytest.mark.parametrize(
    ("ram", "arena", "short"),
    [(6144, 8192, False), (700, 8192, True), (6144, 300, True)],
    ids=["plenty", "few frames", "few addresses"],
)
def test_kmalloc_keeps_what_it_is_given(ram: int, arena: int, short: bool, heap: Program) -> None:
    """Contents, alignment, guard pages, refusals, counters; nothing left in the end."""
    refused = walk(heap, ram=ram, arena=arena, rounds=2400)
    assert (refused > CORNERS + 12) == short


@pytest.mark.campaign
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("ram", "arena"), [(6144, 8192), (700, 8192), (6144, 600)])
def test_kmalloc_keeps_what_it_is_given_for_long(ram: int, arena: int, heap: Program) -> None:
    """The same for a minute."""
    walk(heap, ram=ram, arena=arena, rounds=200_000)
