"""Largest blocks from a page to 128 MiB, either index, with the hot list and without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
UserKernel = Callable[..., Path]

HUGE = """\
from kgen import Buddy, Kernel, Layout, MiB, Zone

kernel = Kernel(
    name="huge",
    buddy=Buddy(
        max_order=15,
        zones=(
            Zone(name="dma", limit=128 * MiB),
            Zone(name="normal", limit="direct"),
            Zone(name="highmem", limit="end"),
        ),
    ),
    layout=Layout(direct_map_limit=768 * MiB, arena_base=0xF0800000, arena_size=232 * MiB),
)
"""
"""Zones end at multiples of 128 MiB, and the arena holds a mapping of that size."""


@pytest.fixture(scope="session")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A description with the largest blocks that there can be."""
    path = tmp_path_factory.mktemp("huge") / "kernel.py"
    path.write_text(HUGE)
    return path


@pytest.mark.parametrize("hot", ["true", "false"])
@pytest.mark.parametrize("index", ["lists", "bitmaps"])
@pytest.mark.parametrize("order", [0, 1, 2, 15])
def test_every_largest_order(
    user_kernel: UserKernel, boot: Boot, huge: Path, order: int, index: str, hot: str
) -> None:
    """All of the kernel's tests pass, and what was free at first is free at the end."""
    sets = [f"buddy.max_order={order}", f"buddy.index={index}", f"buddy.hot={hot}"]
    folder = user_kernel(sets=sets, description=huge if order > 10 else None)
    for memory in ("4M", "64M", "300M"):
        result = boot(folder, memory=memory)
        assert result.verdict == "pass", (result.reasons, result.log.read_text())
        assert result.transcript.count("ok") > 80
        skip = "needs_blocks_of_order_4 # SKIP buddy.max_order is below 4"
        assert (skip in result.log.read_text()) == (order < 4)
        stats = result.transcript.stats
        blocks = {
            when: {
                key.partition(f".{when}.")[2]: n for key, n in stats.items() if f".{when}." in key
            }
            for when in ("init", "end")
        }
        assert blocks["init"] == blocks["end"]
        assert max(int(key.rpartition(".o")[2]) for key in blocks["end"]) == order
        assert (stats["page.hot.drains"] > 0) == (hot == "true")
