"""The buddy with either index: all states of small ones, random walks through large ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.host.native import FAST, Program, Workshop

from kgen import Kernel, footprint

CORES = ("mm/buddy.c", "mm/buddy_unrolled.c")

INDEXES = ("lists", "bitmaps")

GARBAGE = 0xA5A5_A5A5_A5A5_A5A5
"""What the node of a block that is not free may hold: anything, or 0."""

SMALL = [
    # base, pages, max_order, mask of holes, stale nodes, pages in each buddy_add, a cache in front
    (0x100000, 8, 3, 0x00, GARBAGE, 16, 1),
    (0x100000, 8, 3, 0x00, 0, 16, 0),
    (0x100000, 8, 3, 0x00, GARBAGE, 1, 0),
    (0x100000, 8, 3, 0x00, 0, 3, 0),
    (0x000000, 8, 3, 0x01, GARBAGE, 16, 1),
    (0x000000, 8, 3, 0x01, 0, 16, 0),
    (0x100000, 8, 3, 0x24, GARBAGE, 16, 1),
    (0x100000, 8, 2, 0x80, GARBAGE, 16, 1),
    (0x100000, 8, 1, 0x18, GARBAGE, 16, 1),
    (0x100000, 6, 0, 0x00, GARBAGE, 16, 1),
    (0x100000, 7, 3, 0x00, 0, 2, 1),
    (0x100000, 5, 2, 0x00, GARBAGE, 16, 1),
    (0x100000, 1, 0, 0x00, GARBAGE, 16, 1),
    (0x100000, 1, 3, 0x00, GARBAGE, 16, 1),
]

LARGE = {
    "lists": [
        (0x100000, 12, 3, 0x000, 0, 16, 0),
        (0x000000, 12, 3, 0x001, GARBAGE, 16, 0),
        (0x100000, 12, 2, 0x090, GARBAGE, 5, 0),
    ],
    "bitmaps": [
        (0x100000, 12, 3, 0x000, 0, 16, 0),
        (0x000000, 10, 3, 0x001, 0, 16, 1),
        (0x100000, 13, 2, 0x090, 0, 5, 0),
    ],
}

HUGE = {
    "lists": [
        (0x100000, 14, 3, 0x0000, GARBAGE, 16, 0),
        (0x100000, 13, 3, 0x0000, 0, 16, 0),
        (0x000000, 15, 3, 0x0201, 0, 4, 0),
        (0x100000, 10, 3, 0x0000, GARBAGE, 16, 1),
    ],
    "bitmaps": [
        (0x100000, 15, 3, 0x0000, 0, 16, 0),
        (0x000000, 16, 4, 0x0201, 0, 4, 0),
        (0x100000, 11, 3, 0x0000, 0, 16, 1),
    ],
}


@pytest.fixture(params=INDEXES)
def index(request: pytest.FixtureRequest) -> str:
    """How free blocks are found: each test must hold for either."""
    return str(request.param)


@pytest.fixture
def default_src(index: str, workshop: Workshop) -> Path:
    """The sources of the default kernel with that index."""
    return workshop.sources(buddy={"index": index})


def states(program: Program, case: tuple[int, ...], seconds: float = 60) -> int:
    """Search all states; how many there were."""
    found = re.fullmatch(r"states (\d+) calls \d+\n", program.check(*case, seconds=seconds))
    assert found
    return int(found[1])


@pytest.mark.parametrize("compiled", [0, 3])
def test_every_state_of_a_small_one_is_right(compiled: int, index: str, workshop: Workshop) -> None:
    """Orders up to the largest that is compiled in; the sanitizers see what lies beside."""
    src = workshop.sources(buddy={"max_order": compiled, "index": index})
    program = workshop.program(src, "buddy_states.c", CORES)
    for case in SMALL:
        if case[2] <= compiled:
            states(program, case)


def test_a_block_may_be_larger_than_the_region(
    index: str, default_src: Path, workshop: Workshop
) -> None:
    """A region of 8 pages with blocks of up to 1024: just as many states as with 8."""
    program = workshop.program(default_src, "buddy_states.c", CORES)
    count = {"lists": 1829, "bitmaps": 677}[index]  # a list has an order
    assert states(program, (0x400000, 8, 10, 0, GARBAGE, 16, 0)) == count


def test_every_state_of_a_larger_one_is_right(
    index: str, default_src: Path, workshop: Workshop
) -> None:
    """Twelve pages: a hundred thousand states."""
    program = workshop.program(default_src, "buddy_states.c", CORES, FAST)
    for case in LARGE[index]:
        assert states(program, case) > 5_000


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_every_state_of_fourteen_pages_is_right(
    index: str, default_src: Path, workshop: Workshop
) -> None:
    """Fourteen pages: three million states, half a minute each."""
    program = workshop.program(default_src, "buddy_states.c", CORES, FAST)
    for case in HUGE[index]:
        assert states(program, case, seconds=900) > 100_000


@pytest.mark.parametrize("order", [0, 1, 5, 10])
def test_the_unrolled_merge_leaves_what_the_plain_one_does(
    order: int, index: str, workshop: Workshop
) -> None:
    """Allocator, map and index, byte for byte, under the sanitizers."""
    src = workshop.sources(buddy={"max_order": order, "index": index})
    program = workshop.program(src, "buddy_unrolled.c", CORES)
    for seed, pages in enumerate((1, 33, 1000, 5003)):
        found = re.fullmatch(r"released (\d+)\n", program.check(seed, pages, 20))
        assert found
        assert int(found[1]) >= 3 * pages


def test_check_sees_every_fault(index: str, workshop: Workshop) -> None:
    """Each invariant broken on its own gives its own code."""
    src = workshop.sources(buddy={"index": index})
    output = workshop.program(src, "buddy_corrupt.c", CORES).check()
    found = re.fullmatch(r"(\d+) cases, 0 wrong\n", output)
    assert found
    assert int(found[1]) > 4000


def walk(workshop: Workshop, index: str, *, seed: int, pages: int, order: int, calls: int) -> None:
    """One random walk, and the size of its index against kgen's own prediction."""
    kernel = Kernel.model_validate({"buddy": {"index": index, "max_order": order}})
    program = workshop.program(workshop.sources(buddy={"index": index}), "buddy_random.c", CORES)
    output = program.check(seed, 0x400000, pages, order, calls, seconds=900)
    found = re.fullmatch(r"index (\d+) node (\d+)\n", output)
    assert found
    size, node = map(int, found.groups())
    # The prediction is for an i386; the nodes of this machine may be larger.
    larger = pages * (node - footprint.NODE_SIZE) if index == "lists" else 0
    assert size == footprint.index_bytes(pages, kernel) + larger


@pytest.mark.parametrize(
    ("pages", "order"), [(1, 0), (33, 0), (1000, 3), (1031, 10), (1 << 16, 10)]
)
def test_a_random_walk_keeps_the_invariants(
    pages: int, order: int, index: str, workshop: Workshop
) -> None:
    """Under the sanitizers, checked after each call."""
    calls = 10_000 if pages < 10_000 else 3_000  # a check looks at every page
    walk(workshop, index, seed=pages, pages=pages, order=order, calls=calls)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("pages", "order", "calls"),
    [(100, 5, 2_000_000), (1 << 16, 10, 200_000), (1_000_003, 10, 10_000)],
)
def test_a_long_random_walk_keeps_the_invariants(
    seed: int, pages: int, order: int, calls: int, index: str, workshop: Workshop
) -> None:
    """Up to 4 GiB, for minutes."""
    walk(workshop, index, seed=seed, pages=pages, order=order, calls=calls)
