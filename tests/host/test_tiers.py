"""kmalloc as odd descriptions make it, among blocks of pages that look like its own."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.host.native import Program, Workshop
from tests.host.test_heap import HEAP, LAYOUT

CORES = tuple(
    f"mm/{name}.c"
    for name in (
        *("kmalloc", "kmalloc_check", "krealloc", "kblock", "kmem", "slab", "kheap", "kheap_check"),
        *("vmalloc", "vmalloc_check", "arena", "page", "reclaim"),
        *("buddy", "buddy_unrolled", "memblock"),
    )
)

TIERS = replace(HEAP, own=tuple(name for name in HEAP.own if not name.startswith("heap_")))

DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "slabs and blocks": {"kmalloc": {"mapping": "direct", "heap_limit": 0}},
    "slabs and blocks, without headers": {
        "kmalloc": {"mapping": "direct", "heap_limit": 0, "header": False}
    },
    "slabs of a page and blocks": {
        "kmalloc": {"mapping": "direct", "heap_limit": 0, "classes": (64, 512)},
        "slab": {"order": 0},
    },
    "large slabs and blocks": {
        "kmalloc": {"mapping": "direct", "heap_limit": 0, "classes": (8, 9000)},
        "slab": {"order": 3},
    },
    "blocks alone": {"kmalloc": {"mapping": "direct", "heap_limit": 0, "classes": ()}},
    "a heap and blocks": {"kmalloc": {"mapping": "direct", "classes": ()}},
    "all three, in the direct map": {"kmalloc": {"mapping": "direct"}},
    "the heap's last size is the slabs'": {
        "kmalloc": {"mapping": "direct", "classes": (32, 512), "heap_limit": 512}
    },
    "wide": {"kmalloc": {"mapping": "direct", "heap_limit": 0, "alignment": 256}},
    "wider": {"kmalloc": {"mapping": "direct", "classes": (), "alignment": 2048}},
    "slabs and mappings": {"kmalloc": {"heap_limit": 0}},
    "mappings alone": {"kmalloc": {"heap_limit": 0, "classes": ()}},
    "a quarantine in front of mappings": {"debug": {"quarantine": 300, "redzone": True}},
    "a quarantine in front of blocks": {
        "kmalloc": {"mapping": "direct", "heap_limit": 0},
        "debug": {"quarantine": 300, "poison": True},
    },
    "small blocks alone": {
        "buddy": {"max_order": 2},
        "kmalloc": {"mapping": "direct", "heap_limit": 0, "classes": (64, 1000)},
    },
}


def program(workshop: Workshop, fields: dict[str, Any]) -> Program:
    """The walk through the kmalloc of such a description."""
    mapping = fields.get("kmalloc", {}).get("mapping", "vmap")
    more = ["mm/large_direct.c" if mapping == "direct" else "mm/large_vmap.c"]
    more += ["mm/kdebug.c"] if "debug" in fields else []
    sources = workshop.sources(layout=LAYOUT, **fields)
    return workshop.program(sources, "tiers.c", (*CORES, *more), TIERS)


def walk(tiers: Program, *, ram: int, arena: int, rounds: int) -> None:
    """Random calls with ``ram`` and ``arena`` pages."""
    output = tiers.check(stdin=f"{ram} {arena} {rounds}\n", seconds=1000)
    found = re.fullmatch(r"allocs (\d+)\n", output)
    assert found
    assert int(found[1]) > rounds / 4


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_kmalloc_believes_nobody_else(name: str, bare_src: Path, workshop: Workshop) -> None:
    assert bare_src
    tiers = program(workshop, DESCRIPTIONS[name])
    walk(tiers, ram=6144, arena=8192, rounds=1500)
    walk(tiers, ram=1000, arena=8192, rounds=1500)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_kmalloc_believes_nobody_else_for_long(
    name: str, bare_src: Path, workshop: Workshop
) -> None:
    """The same for half a minute."""
    assert bare_src
    walk(program(workshop, DESCRIPTIONS[name]), ram=2000, arena=4096, rounds=100_000)
