"""The rule on what vmalloc gathers, and the size of the arena's tree."""

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


@pytest.mark.parametrize(("size", "leaves"), [("4M", 32), ("8M", 64), ("104M", 1024), ("12M", 128)])
def test_leaves_of_the_arenas_tree(size: str, leaves: int) -> None:
    kernel = Kernel.model_validate({"layout": {"arena_size": size}, "buddy": {"max_order": 9}})
    assert derive(kernel).arena_leaves == leaves
