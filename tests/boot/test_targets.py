"""The targets of docs/bench.md are met, and its tables say what is measured.

Counts are exact for one compiler. With another they differ a little, so a figure of the page may
be off by a twentieth; a target may not be missed at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from kgen.bench.measure import Plan, measure, variants
from kgen.bench.results import Result
from kgen.progress import Progress
from kgen.workloads import WORKLOADS

pytestmark = pytest.mark.boot

PAGE = (Path(__file__).parents[2] / "docs/bench.md").read_text()

COLUMNS = [("lists", "i386"), ("lists", "i686"), ("bitmaps", "i386"), ("bitmaps", "i686")]

ROWS: dict[str, list[str]] = {
    name: [cell.strip() for cell in cells.split("|")]
    for name, cells in re.findall(
        r"^\| `((?:page|kmalloc|vm)\.\w+)` \| (.* /.*)\|$", PAGE, re.MULTILINE
    )
}
"""Of the first table, by workload: alloc / free for each of COLUMNS, then the target."""

EFFICIENCY = {
    name: float(value)
    for name, value in re.findall(r"^\| efficiency of `(\S+)` \| (\S+) \|", PAGE, re.MULTILINE)
}
METADATA = {
    index: (float(value), float(target))
    for index, value, target in re.findall(
        r"^\| metadata, (\w+) \| (\d+) B per MiB \| at most (\d+) \|$", PAGE, re.MULTILINE
    )
}


@pytest.fixture(scope="module", params=COLUMNS, ids="-".join)
def column(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, Mapping[str, Result]]:
    """One column of the table, measured now."""
    plan = Plan(
        out=tmp_path_factory.mktemp("targets"),
        variants=variants(*request.param),
        workloads=tuple(one for one in WORKLOADS if one.name in ROWS),
    )
    results = measure(plan, Progress()).results
    return COLUMNS.index(request.param), {one.workload: one for one in results}


def pair(cell: str) -> tuple[float, float]:
    alloc, free = re.findall(r"[\d.]+", cell)
    return float(alloc), float(free)


def test_the_page_has_every_workload() -> None:
    assert list(ROWS) == [one.name for one in WORKLOADS if one.name != "boot"]
    assert set(METADATA) == {"lists", "bitmaps"}
    assert re.search(r"`kmalloc\.mix2k` \| \S+ \| at least 0\.88 \|", PAGE)


def test_figures_are_those_of_the_page(column: tuple[int, Mapping[str, Result]]) -> None:
    i, results = column
    assert set(results) == {name for name, cells in ROWS.items() if cells[i]}
    for name, result in results.items():
        assert (result.alloc, result.free) == pytest.approx(pair(ROWS[name][i]), rel=0.05), name
        if name in EFFICIENCY:
            assert result.efficiency == pytest.approx(EFFICIENCY[name], abs=0.005), name
        if result.metadata_per_mib is not None:
            assert result.metadata_per_mib == pytest.approx(METADATA[COLUMNS[i][0]][0], abs=0.5)


def test_targets_are_met(column: tuple[int, Mapping[str, Result]]) -> None:
    i, results = column
    index = COLUMNS[i][0]
    for name, result in results.items():
        target = ROWS[name][-1]
        if target and (index == "lists" or "lists" not in target):
            alloc, free = pair(target)
            assert result.alloc is not None
            assert result.free is not None
            assert result.alloc <= alloc, name
            assert result.free <= free, name
        if result.metadata_per_mib is not None:
            assert result.metadata_per_mib <= METADATA[index][1]
    efficiency = results["kmalloc.mix2k"].efficiency
    assert efficiency is not None
    assert efficiency >= 0.88
