"""The arena takes O(log n) steps, whatever its state and however long the run."""

from __future__ import annotations

from contextlib import suppress
from math import log2
from pathlib import Path
from subprocess import TimeoutExpired

import pytest
from tests.host.native import Kind, Workshop
from tests.mutation import Edit

ARENA_C = "mm/arena.c"
STEPS = Kind(("-O1", "-g", "-fsanitize-coverage=trace-pc"))

SMALL, MEDIUM, LARGE = 1 << 10, 1 << 13, 1 << 18
"""Pages: 4 MiB, 32 MiB and 1 GiB. The tree over words of 32 pages has 5, 8 and 13 levels."""

SLOW = 1 << 11
"""Pages for arenas that are slow on purpose: 6 levels, so that twice the steps are too many."""

SLACK = 1.25
"""How much more than the levels the steps may grow. Pages grow 8 and 256 times."""


@pytest.fixture(scope="module")
def large_src(workshop: Workshop) -> Path:
    """The sources of a kernel whose arena is as large as they come: 1 GiB."""
    return workshop.sources(
        layout={"kernel_base": 0x8000_0000, "arena_base": 0xB800_0000, "arena_size": "1G"}
    )


def steps(workshop: Workshop, src: Path, pages: int, edit: Edit | None = None) -> tuple[int, int]:
    """Basic blocks executed by the longest alloc and by the longest free."""
    program = workshop.program(src, "arena_steps.c", (ARENA_C,), STEPS, edit)
    alloc, free = program.check(pages, seconds=110).split()  # what is linear takes its time
    return int(alloc), int(free)


def excess(workshop: Workshop, src: Path, pages: int, edit: Edit | None = None) -> float:
    """Growth of the steps from a small arena to one of ``pages``, over that of the levels."""
    small = steps(workshop, src, SMALL, edit)
    large = steps(workshop, src, pages, edit)
    grown = max(b / a for a, b in zip(small, large, strict=True))
    return grown / (log2(pages / 32) / log2(SMALL / 32))


def test_steps_grow_with_the_logarithm(workshop: Workshop, large_src: Path) -> None:
    assert excess(workshop, large_src, MEDIUM) <= SLACK
    assert excess(workshop, large_src, LARGE) <= SLACK


LINEAR = {
    "looks at page after page": Edit(
        ARENA_C,
        "page = find(arena, pages + align - 1);",
        "for (page = 0; find_from(arena, page, pages) != page; page++) "
        "if (page >= arena->pages) { page = NOWHERE; break; }",
    ),
    "sums up each word of a run": Edit(
        ARENA_C,
        "settle_ends(arena, page, pages); mark(arena, page, page + pages, true);",
        "for (size_t at = page; at < page + pages; at++) "
        "{ settle(arena, leaf_of(arena, at)); mark(arena, at, at + 1, true); }",
    ),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_arena_is_noticed(name: str, workshop: Workshop, large_src: Path) -> None:
    with suppress(TimeoutExpired):  # a mutant past its time limit is noticed by that
        assert excess(workshop, large_src, SLOW, LINEAR[name]) > SLACK
