"""The size of the arena's tree."""

from __future__ import annotations

import pytest

from kgen import Kernel
from kgen.derive import derive


@pytest.mark.parametrize(("size", "leaves"), [("4M", 32), ("8M", 64), ("104M", 1024), ("12M", 128)])
def test_leaves_of_the_arenas_tree(size: str, leaves: int) -> None:
    kernel = Kernel.model_validate({"layout": {"arena_size": size}, "buddy": {"max_order": 9}})
    assert derive(kernel).arena_leaves == leaves
