"""The rules on what vmalloc gathers and what the arena must hold."""

from __future__ import annotations

import pytest

from kgen import Kernel
from kgen.check import check
from kgen.derive import derive


def problems(**fields: object) -> list[str]:
    return [problem.path for problem in check(Kernel.model_validate(fields))]


def test_pages_that_wait_are_no_fewer_than_ranges() -> None:
    assert problems(vmalloc={"lazy": 100, "lazy_pages": 99}) == ["vmalloc.lazy_pages"]
    assert not problems(vmalloc={"lazy": 100, "lazy_pages": 100})


def test_the_arena_holds_the_largest_block_and_its_guard() -> None:
    """1024 pages of arena: the block takes all of them, and then there is none for the guard."""
    small = {"arena_size": "4M"}
    assert "layout.arena_size" in problems(layout=small, buddy={"max_order": 10})
    assert not problems(layout=small, buddy={"max_order": 9}, vmalloc={"guard_pages": 16})


@pytest.mark.parametrize(("size", "leaves"), [("4M", 32), ("8M", 64), ("104M", 1024), ("12M", 128)])
def test_leaves_of_the_arenas_tree(size: str, leaves: int) -> None:
    kernel = Kernel.model_validate({"layout": {"arena_size": size}, "buddy": {"max_order": 9}})
    assert derive(kernel).arena_leaves == leaves
