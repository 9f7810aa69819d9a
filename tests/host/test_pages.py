"""The zones with the hot list in front of them, against a model that knows frames alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.host.native import BARE, Program, Workshop

CORES = ("mm/page.c", "mm/reclaim.c", "mm/buddy.c", "mm/buddy_unrolled.c", "mm/memblock.c")

PAGES = replace(BARE, own=(*BARE.own, "shell.c"))

INDEXES = ("lists", "bitmaps")

HOT_FRAMES = 64

ZONES = [("a", "512K"), ("b", "1M"), ("c", "direct"), ("d", "end")]
"""128, 128 and 768 page frames, and the rest."""

RAM = {
    "all zones": [(0, 100), (120, 170), (180, 300), (1000, 1060), (1061, 1200)],
    "an empty zone": [(0, 128), (256, 380), (1025, 1100)],
    "no memory at first": [(130, 260), (1020, 1030)],
    "the hot zone is small": [(0, 90), (140, 150), (300, 308), (1030, 1037)],
    "the hot zone is the third": [(3, 7), (128, 256), (300, 420)],
    "the hot zone is the first": [(1, 97)],
}
"""Page frames that there are: first and end of each region."""


def settings(index: str, *, hot: bool, order: int = 5) -> dict[str, Any]:
    """The fields of a description of four zones."""
    zones = [{"name": name, "limit": limit} for name, limit in ZONES]
    return {
        "buddy": {"index": index, "hot": hot, "max_order": order, "zones": zones},
        "layout": {"direct_map_limit": "4M", "page_map_base": 0xC800_0000},
        "ram": {"maximum": "8M"},
    }


def walk_of(ram: Sequence[tuple[int, int]], *, seed: int, rounds: int, hot: bool) -> str:
    """What the program reads."""
    words = [seed, rounds, HOT_FRAMES * hot, *(frame for region in ram for frame in region)]
    return " ".join(map(str, words)) + "\n"


def walk(program: Program, text: str, *, hot: bool, seconds: float = 60) -> None:
    """One walk; there were failures, and the hot list was in use if there is one."""
    output = program.check(stdin=text, seconds=seconds)
    found = re.fullmatch(r"failures (\d+) refills (\d+) drains (\d+)\n", output)
    assert found
    failures, refills, drains = map(int, found.groups())
    assert failures > 4
    assert (refills > 4, drains > 4) == (hot, hot)


@pytest.fixture(params=[True, False], ids=["hot", "plain"])
def hot(request: pytest.FixtureRequest) -> bool:
    """Whether there is a hot list."""
    return bool(request.param)


@pytest.fixture(params=INDEXES)
def index(request: pytest.FixtureRequest) -> str:
    """How the buddies find free blocks."""
    return str(request.param)


@pytest.mark.parametrize("ram", RAM)
@pytest.mark.parametrize("order", [0, 3, 5])
def test_a_walk_through_the_zones(
    order: int, ram: str, index: str, hot: bool, bare_src: Path, workshop: Workshop
) -> None:
    """Zone, failures, counts and refusals of each call; the first blocks in the end."""
    assert bare_src
    src = workshop.sources(**settings(index, hot=hot, order=order))
    program = workshop.program(src, "pages.c", CORES, PAGES)
    walk(program, walk_of(RAM[ram], seed=order, rounds=3000, hot=hot), hot=hot)


def test_blocks_of_a_page_alone_are_compiled_at_every_level(
    index: str, bare_src: Path, workshop: Workshop
) -> None:
    """buddy.c goes by its own largest order, and gcc sees no access past arrays that are short.

    With checks for undefined behaviour at -O2 it does, if they have one element.
    """
    assert bare_src
    src = workshop.sources(**settings(index, hot=True, order=0))
    assert not re.search(r"\bMAX_ORDER", (src / "mm/buddy.c").read_text())
    for level in ("-O2", "-Os"):
        kind = replace(PAGES, compile=(*PAGES.compile, level))
        program = workshop.program(src, "pages.c", CORES, kind)
        walk(program, walk_of(RAM["all zones"], seed=0, rounds=1000, hot=True), hot=True)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("ram", RAM)
def test_a_long_walk_through_the_zones(
    ram: str, index: str, hot: bool, bare_src: Path, workshop: Workshop
) -> None:
    """The same for a minute."""
    assert bare_src
    src = workshop.sources(**settings(index, hot=hot))
    program = workshop.program(src, "pages.c", CORES, PAGES)
    for seed in range(20):
        walk(program, walk_of(RAM[ram], seed=seed, rounds=50_000, hot=hot), hot=hot, seconds=600)
