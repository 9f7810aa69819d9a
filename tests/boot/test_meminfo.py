"""The report on memory: its table says what its counters say, and both say what is so.

tests/kernels/holes.c keeps some memory of every tier until the end, and leaves the zones in
holes, so that few of the numbers are 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from kgen.load import load, prove
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
Stats = dict[str, int]

SETS = ["features.tests=false"]
ORDERS = range(11)


@pytest.fixture
def held(user_kernel: Callable[..., Path], boot: Boot) -> Result:
    result = boot(user_kernel("holes.c", sets=SETS), append="stats")
    assert result.verdict == "pass", result.reasons
    return result


def tables(result: Result) -> list[str]:
    """The tables in a log: that of kernel_main(), and that of the end."""
    text = result.log.read_text()
    people = "\n".join(line for line in text.splitlines() if not line.startswith("# kgen:"))
    assert max(map(len, people[people.index("now:") :].splitlines()[:-1])) < 80
    return re.split(r"^cache .*$", people, flags=re.MULTILINE)[1:]


def rows(table: str, zone: str, name: str) -> list[int]:
    (block,) = re.findall(rf"^zone {zone}: .*\n((?:  .*\n?)*)", table, re.MULTILINE)
    found = re.findall(rf"^  {name}\s+(.*)$", block, re.MULTILINE)
    return [int(number.rstrip("%")) for row in found for number in row.split()]


def unusable(blocks: list[int], order: int) -> int:
    """Linux's unusable free space index, in thousandths."""
    free = sum(count << k for k, count in enumerate(blocks))
    fit = sum(count << k for k, count in enumerate(blocks) if k >= order)
    return (free - fit) * 1000 // free if free else 1000


def test_there_is_no_table_unless_asked_for(user_kernel: Callable[..., Path], boot: Boot) -> None:
    quiet = boot(user_kernel("holes.c", sets=SETS), append="statistics stats=1")
    assert len(tables(quiet)) == 1  # kernel_main()'s


@pytest.mark.parametrize("order", [0, 12])
def test_a_zone_has_as_many_rows_as_its_orders_take(
    user_kernel: Callable[..., Path], boot: Boot, order: int
) -> None:
    sets = [*SETS, f"buddy.max_order={order}", "ram.minimum=4M"]
    result = boot(user_kernel("holes.c", sets=sets), append="stats")
    stats, (_, table) = result.transcript.stats, tables(result)
    assert rows(table, "normal", "order") == list(range(order + 1))
    blocks = [stats[f"page.end.normal.o{k}"] for k in range(order + 1)]
    assert rows(table, "normal", "blocks") == blocks
    assert table.count("  order ") == (4 if order > 10 else 2)


def test_zones_of_the_table_are_the_counters(held: Result) -> None:
    stats, (_, table) = held.transcript.stats, tables(held)
    for zone in ("dma", "normal"):
        blocks = [stats[f"page.end.{zone}.o{order}"] for order in ORDERS]
        index = [stats[f"page.unusable.{zone}.o{order}"] for order in ORDERS]
        assert rows(table, zone, "order") == list(ORDERS)
        assert rows(table, zone, "blocks") == blocks
        assert rows(table, zone, "unusable") == [value // 10 for value in index]
        assert index == [unusable(blocks, order) for order in ORDERS]
    assert stats["page.end.normal.o0"] >= 200  # the holes
    assert stats["page.unusable.normal.o1"] > 10
    assert "page.unusable.highmem.o0" not in stats


def test_caches_of_the_table_are_the_counters(held: Result) -> None:
    stats, (_, table) = held.transcript.stats, tables(held)
    slab = prove(load(None, SETS)).slab_size
    keys = ("bytes", "slots", "objects", "slabs", "peak_slabs")
    seen = {}
    for line in re.findall(r"^([a-z][\w-]*) +(\d+(?: +\d+){4}) +(\d+)%$", table, re.MULTILINE):
        name, numbers, percent = line[0], [int(one) for one in line[1].split()], int(line[2])
        seen[name] = percent
        assert numbers == [stats[f"slab.{name}.{key}"] for key in keys]
        size, slots, objects, slabs, peak = numbers
        assert objects <= slots * slabs
        assert slabs <= peak
        assert percent == (100 * objects * size // (slabs * slab) if slabs else 0)
    assert set(seen) == {key.split(".")[1] for key in stats if re.match(r"slab\..*\.slots$", key)}
    assert stats["slab.holes.objects"] == 30
    assert stats["slab.kmalloc-48.objects"] == 100
    assert seen["kmalloc-48"] == 58


def test_heap_and_arena_of_the_table_are_the_counters(held: Result) -> None:
    stats, (_, table) = held.transcript.stats, tables(held)
    heap = [stats[f"heap.{key}"] for key in ("chunks", "peak_chunks", "blocks", "free")]
    text = "heap: {} chunks, {} at most; {} blocks; {} bytes free, {} in one block\n"
    assert text.format(*heap, stats["heap.largest_free"]) in table
    arena = {key: stats[f"arena.{key}"] for key in ("mapped", "guard", "waiting", "spare", "free")}
    text = "arena: {mapped} pages mapped, {guard} guards, {waiting} waiting, {spare} spare\n"
    assert text.format(**arena) in table
    assert f"  {arena['free']} pages free, {stats['arena.largest_free']} in one run;" in table
    assert sum(arena.values()) == 104 * 256
    # 100,000 bytes with their header, 7 pages; 5 and 40 with a guard each were unmapped,
    # and all that is merely kept was given back since: they are two holes.
    assert (arena["mapped"], arena["waiting"], arena["spare"]) == (25 + 7, 0, 0)
    assert arena["free"] - stats["arena.largest_free"] == 40 + 1 + 5 + 1
    chunk = prove(load(None, SETS)).heap_chunk
    assert (stats["heap.blocks"], stats["heap.bytes"]) == (100, stats["heap.chunks"] * chunk)
    used = stats["heap.bytes"] - stats["heap.free"]
    assert 300_000 < used < 310_000
    # 3,000 bytes take 189 granules. As many as fit fill a chunk; the last has what is left.
    block = 189 * 16
    last = 100 % ((chunk - 64) // block) or (chunk - 64) // block
    assert 0 <= chunk - last * block - stats["heap.largest_free"] < 64


def test_a_kernel_may_print_the_table_itself(held: Result) -> None:
    now, end = tables(held)
    # Nothing happens in between but that what is kept is given back.
    kept = r"^(?:kmalloc-48|holes|heap:) .*$"
    assert re.findall(kept, now, re.MULTILINE) == re.findall(kept, end, re.MULTILINE)
    assert len(re.findall(kept, now, re.MULTILINE)) == 3
    assert "\narena: 32 pages mapped, 4 guards, 45 waiting, 0 spare\n" in now
    assert re.search(r"^free page frames, those of the hot list included: \d+$", now, re.MULTILINE)
