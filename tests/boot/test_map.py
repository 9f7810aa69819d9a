"""``kgen boot --map``: the kernel starts from other machines' memory maps, and accounts for them.

The example maps, and random ones: overlapping, unsorted, unaligned, of any type, empty, wrapping.
The prediction of every figure from the map (kgen_qemu.accounting) is the oracle.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels

from kgen_qemu.accounting import AVAILABLE, within
from kgen_qemu.errors import Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
Entry = tuple[int, int, int]
"""base, length, type"""

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "maps").glob("*.json"))
PAGE = 4096
MiB = 1 << 20
GiB = 1 << 30


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Sequence[Entry]], Path]:
    """A map as a file."""

    def write(entries: Sequence[Entry]) -> Path:
        path = tmp_path / "map.json"
        keys = ("base", "length", "type")
        path.write_text(json.dumps([dict(zip(keys, entry, strict=True)) for entry in entries]))
        return path

    return write


def assert_replayed(result: Result, entries: int) -> None:
    assert result.verdict == "pass", (result.reasons, result.transcript.memory_map)
    assert result.accounting is not None
    assert result.accounting.mismatches == ()
    assert f"replaying a map of {entries} entries" in result.log.read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("cpu", ["386", "pentium3"])
def test_examples(default: Path, boot: Boot, path: Path, cpu: str) -> None:
    entries = json.loads(path.read_text())["entries"]
    result = boot(default, map=path, cpu=cpu)
    assert_replayed(result, len(entries))
    if path.stem in ("isa_hole", "laptop", "older_calls"):  # disjoint, below 3.5 GiB
        # RAM was chosen to hold all that the map offers. (The replayed map is in whole pages.)
        offered = sum(int(entry["length"], 0) for entry in entries if entry["type"] == AVAILABLE)
        assert 0 <= offered - result.transcript.stats["mem.available"] < PAGE


def test_the_hole_is_left_alone(default: Path, boot: Boot) -> None:
    (path,) = (path for path in EXAMPLES if path.stem == "isa_hole")
    text = boot(default, map=path).log.read_text()
    spans = [
        (int(first, 16), int(last, 16) + 1)
        for first, last in (
            line.split()[-1].split("-")
            for line in text.splitlines()
            if line.startswith("memblock: memory")
        )
    ]
    assert within(spans, 15 * MiB, 16 * MiB) == []
    assert within(spans, 16 * MiB, 32 * MiB) == [(16 * MiB, 32 * MiB)]


def test_what_is_not_there_is_clipped(
    default: Path, boot: Boot, written: Callable[[Sequence[Entry]], Path]
) -> None:
    """A map that offers 1 GiB, on a machine with 16 MiB."""
    path = written([(0, 0xA0000, 1), (MiB, GiB, 1)])
    result = boot(default, map=path, memory="16M")
    assert_replayed(result, 2)
    assert result.transcript.stats["mem.available"] < 16 * MiB


def test_a_map_that_takes_the_image_back(
    default: Path, boot: Boot, written: Callable[[Sequence[Entry]], Path]
) -> None:
    """The kernel runs where its map says that nothing is; it stays there, and takes no more."""
    path = written([(0, 0xA0000, 1), (MiB, 31 * MiB, 1), (MiB, MiB, 2)])
    result = boot(default, map=path)
    assert_replayed(result, 3)
    assert result.transcript.stats["mem.kernel"] == 0
    assert result.transcript.stats["mem.modules"] == 0


def test_with_modules_of_the_users(
    default: Path, boot: Boot, tmp_path: Path, written: Callable[[Sequence[Entry]], Path]
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(b"d" * 100_000)
    result = boot(default, map=written([(MiB, 31 * MiB, 1)]), modules=[f"{disk} a=b"])
    assert_replayed(result, 1)
    first, last = result.transcript.modules
    assert first.name.endswith("disk a=b")
    assert last.name.endswith("/kgen.map")


def test_enough_memory_that_is_not_there(
    default: Path, boot: Boot, written: Callable[[Sequence[Entry]], Path]
) -> None:
    """The map offers what this machine does not have: nothing is left of it."""
    result = boot(default, map=written([(32 * MiB, 32 * MiB, 1)]), memory="16M")
    assert (result.verdict, result.exit_code) == ("panic", Exit.PANIC)
    assert result.reasons[0] == "boot refused: the loader reported no usable memory"


def test_the_smallest_machine_replays_its_own_map(
    default: Path, boot: Boot, written: Callable[[Sequence[Entry]], Path]
) -> None:
    for firmware in ("seabios", "qboot"):
        own = boot(default, memory="2M", firmware=firmware).transcript.memory_map
        entries = [(region.base, region.length, region.kind) for region in own]
        result = boot(default, map=written(entries), memory="2M", firmware=firmware)
        assert_replayed(result, len(entries))


def test_memory_in_two_far_places(
    default: Path, boot: Boot, written: Callable[[Sequence[Entry]], Path]
) -> None:
    """Nothing where the boot page tables reach, but for less than a page table takes."""
    entries = [(0x1000, PAGE - 1, 1), (300 * MiB, 3 * MiB, 1), (600 * MiB, 4 * MiB, 1)]
    result = boot(default, map=written(entries), memory="640M", cpu="486")
    assert_replayed(result, len(entries))
    assert result.transcript.stats["buddy.dma.free_pages"] == 0


def test_memory_above_the_last_zone(
    kernels: Kernels, boot: Boot, tmp_path: Path, written: Callable[[Sequence[Entry]], Path]
) -> None:
    """The description admits it: such RAM is counted, and not used."""
    description = tmp_path / "zones.py"
    description.write_text(
        "from kgen import *\n"
        "zones = (Zone(name='low', limit=16 * MiB), Zone(name='rest', limit='direct'))\n"
        "kernel = Kernel(name='zones', buddy=Buddy(zones=zones),\n"
        "                layout=Layout(direct_map_limit=64 * MiB))\n"
    )
    out = kernels.user(description=description)
    for cpu, options in (("386", {"memory": "80M"}), ("pentium3", {"memory": "4G"})):
        result = boot(out, cpu=cpu, firmware="seabios", **options)
        assert result.verdict == "pass", result.reasons
        stats = result.transcript.stats
        below = min(result.memory, 3 * GiB)
        assert below - 65 * MiB < stats["mem.waste.above_zones"] < below - 63 * MiB
        assert stats["mem.waste.above_4g"] == result.memory - below
    entries = [(MiB, 60 * MiB, 1), (63 * MiB, 3 * MiB + 1, 1), (70 * MiB, MiB, 1)]
    result = boot(out, map=written(entries), memory="80M")
    assert_replayed(result, len(entries))
    assert result.transcript.stats["mem.waste.above_zones"] == 3 * MiB


def test_as_many_entries_as_there_is_room_for(
    kernels: Kernels, boot: Boot, written: Callable[[Sequence[Entry]], Path]
) -> None:
    """Also where RAM lies above 4 GiB: none of the kernel's own entries pushes one out."""
    out = kernels.user(sets=["memblock.map_entries=12"])
    entries = [(MiB, 31 * MiB, 1), *((n * MiB, PAGE, 2) for n in range(8, 15))]
    for options in ({"memory": "32M"}, {"memory": "4G", "firmware": "seabios"}):
        result = boot(out, map=written(entries), **options)
        assert_replayed(result, 8)
        assert "did not fit" not in result.log.read_text()
        assert result.transcript.stats["mem.available"] >= 30 * MiB


# --- random maps -----------------------------------------------------------------------------


def random_map(rng: random.Random) -> list[Entry]:
    """Up to 60 entries around 64 MiB; 16 MiB or more are always left together.

    All RAM may lie above what the boot page tables map, or be a great many parts of pages.
    """
    start = rng.choice([0, MiB, MiB, MiB, 16 * MiB, 45 * MiB])
    crumbs = ((n * 3 * PAGE + 1, 2 * PAGE - 2, 1) for n in range(59))
    others = crumbs if rng.random() < 0.1 else _fragments(rng)
    entries: list[Entry] = [(start, 64 * MiB - start, 1), *others]
    if rng.random() < 0.5:
        rng.shuffle(entries)
    return entries[:60]


def _fragments(rng: random.Random) -> Iterator[Entry]:
    for _ in range(rng.randrange(59)):
        kind = rng.choice([1, 1, 1, 2, 2, 3, 4, 5, 0, 6, 0xFFFF_FFFF])
        unit = rng.choice([1, 0x400, PAGE, PAGE, MiB])
        place = rng.random()
        if place < 0.8:
            base = rng.randrange(40 * MiB if kind != 1 else 64 * MiB) // unit * unit
        elif place < 0.9:
            base = rng.randrange(1 << 32) // unit * unit
            base += 64 * MiB if kind != 1 and base < 64 * MiB else 0
        else:
            base = rng.randrange(1 << 32, 1 << 64)
        most = rng.choice([1, PAGE, 16 * PAGE, MiB])
        length = rng.choice([0, most, rng.randrange(most + 1)])
        if place >= 0.9 and kind != 1 and rng.random() < 0.3:
            length = rng.randrange(1 << 64)  # beyond 2^64, likely
        yield base, length, kind


def replay(default: Path, boot: Boot, path: Callable[[Sequence[Entry]], Path], seed: int) -> None:
    rng = random.Random(seed)
    entries = random_map(rng)
    cpu = rng.choice(["386", "486", "pentium", "pentium3"])
    result = boot(default, map=path(entries), memory="64M", cpu=cpu, audit="off")
    assert_replayed(result, len(entries))


@pytest.mark.parametrize("seed", range(50))
def test_random_maps(
    default: Path, boot: Boot, written: Callable[[Sequence[Entry]], Path], seed: int
) -> None:
    replay(default, boot, written, seed)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_many_random_maps(
    default: Path, boot: Boot, written: Callable[[Sequence[Entry]], Path]
) -> None:
    for seed in range(1000, 3000):
        replay(default, boot, written, seed)
