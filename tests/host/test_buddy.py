"""The buddy allocator: all states of small ones, a random walk through large ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.host.native import FAST, Program, Workshop

from kgen import footprint

CORES = ("mm/buddy.c",)

GARBAGE = 0xA5A5_A5A5_A5A5_A5A5
ORDER_2 = 5
"""What a stale node may hold: anything, or worse, just what an allocated block's would."""

SMALL = [
    # base, pages, max_order, mask of holes, what stale nodes hold, pages in each buddy_add
    (0x100000, 8, 3, 0x00, GARBAGE, 16),
    (0x100000, 8, 3, 0x00, ORDER_2, 16),
    (0x100000, 8, 3, 0x00, GARBAGE, 1),
    (0x100000, 8, 3, 0x00, ORDER_2, 3),
    (0x000000, 8, 3, 0x01, GARBAGE, 16),
    (0x000000, 8, 3, 0x01, 1, 16),
    (0x100000, 8, 3, 0x24, ORDER_2, 16),
    (0x100000, 8, 2, 0x80, ORDER_2, 16),
    (0x100000, 8, 1, 0x18, GARBAGE, 16),
    (0x100000, 6, 0, 0x00, GARBAGE, 16),
    (0x100000, 7, 3, 0x00, ORDER_2, 2),
    (0x100000, 5, 2, 0x00, GARBAGE, 16),
    (0x100000, 1, 0, 0x00, GARBAGE, 16),
    (0x100000, 1, 3, 0x00, GARBAGE, 16),
]

LARGE = [
    (0x100000, 12, 3, 0x000, ORDER_2, 16),
    (0x000000, 12, 3, 0x001, GARBAGE, 16),
    (0x100000, 12, 2, 0x090, ORDER_2, 5),
    (0x100000, 11, 3, 0x000, GARBAGE, 16),
]

HUGE = [
    (0x100000, 14, 3, 0x0000, GARBAGE, 16),
    (0x100000, 13, 3, 0x0000, ORDER_2, 16),
    (0x000000, 15, 3, 0x0201, ORDER_2, 4),
]


def states(program: Program, case: tuple[int, ...], seconds: float = 60) -> int:
    """Search all states; how many there were."""
    found = re.fullmatch(r"states (\d+) calls \d+\n", program.check(*case, seconds=seconds))
    assert found
    return int(found[1])


@pytest.mark.parametrize("compiled", [0, 3])
def test_every_state_of_a_small_one_is_right(compiled: int, workshop: Workshop) -> None:
    """Orders up to the largest that is compiled in; the sanitizers see what lies beside."""
    src = workshop.sources(buddy={"max_order": compiled})
    program = workshop.program(src, "buddy_states.c", CORES)
    for case in SMALL:
        if case[2] <= compiled:
            states(program, case)


def test_a_block_may_be_larger_than_the_region(src: Path, workshop: Workshop) -> None:
    """A region of 8 pages with blocks of up to 1024: just as many states as with 8."""
    program = workshop.program(src, "buddy_states.c", CORES)
    assert states(program, (0x400000, 8, 10, 0, GARBAGE, 16)) == 1829


@pytest.mark.parametrize("case", LARGE)
def test_every_state_of_a_larger_one_is_right(
    case: tuple[int, ...], src: Path, workshop: Workshop
) -> None:
    """Twelve pages: a hundred thousand states."""
    assert states(workshop.program(src, "buddy_states.c", CORES, FAST), case) > 10_000


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", HUGE)
def test_every_state_of_fourteen_pages_is_right(
    case: tuple[int, ...], src: Path, workshop: Workshop
) -> None:
    """Fourteen pages: three million states, half a minute."""
    program = workshop.program(src, "buddy_states.c", CORES, FAST)
    assert states(program, case, seconds=900) > 100_000


def test_check_sees_every_fault(src: Path, workshop: Workshop) -> None:
    """Each invariant broken on its own gives its own code."""
    workshop.program(src, "buddy_corrupt.c", CORES).check()


def walk(workshop: Workshop, src: Path, *, seed: int, pages: int, order: int, calls: int) -> None:
    """One random walk, and the size of its metadata against kgen's own prediction."""
    program = workshop.program(src, "buddy_random.c", CORES)
    output = program.check(seed, 0x400000 << order, pages, order, calls, seconds=900)
    found = re.fullmatch(r"metadata (\d+) node (\d+)\n", output)
    assert found
    size, node = map(int, found.groups())
    # The prediction is for an i386; the nodes of this machine may be larger.
    assert size == footprint.buddy_metadata(pages, order) + pages * (node - footprint.NODE_SIZE)


@pytest.mark.parametrize(
    ("pages", "order"), [(1, 0), (33, 0), (1000, 3), (1031, 10), (1 << 16, 10)]
)
def test_a_random_walk_keeps_the_invariants(
    pages: int, order: int, src: Path, workshop: Workshop
) -> None:
    """Under the sanitizers, checked after each call."""
    walk(workshop, src, seed=pages, pages=pages, order=order, calls=10_000)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("pages", "order", "calls"),
    [(100, 5, 2_000_000), (1 << 16, 10, 200_000), (1_000_003, 10, 30_000)],
)
def test_a_long_random_walk_keeps_the_invariants(
    seed: int, pages: int, order: int, calls: int, src: Path, workshop: Workshop
) -> None:
    """Up to 4 GiB, for minutes."""
    walk(workshop, src, seed=seed, pages=pages, order=order, calls=calls)
