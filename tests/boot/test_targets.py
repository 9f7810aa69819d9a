"""The targets of docs/bench.md are met, and its tables say what is measured, to the last digit.

Counts are exact for one compiler, which the page names: only with that one are its figures
compared. A target holds with every compiler.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from kgen.bench.measure import BOOT, Plan, measure, variants
from kgen.bench.results import Result, Run
from kgen.progress import Progress
from kgen.workloads import WORKLOADS
from kgen_qemu.trace import qemu_version

pytestmark = pytest.mark.boot

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/bench.md").read_text()
FIGURES: dict[str, Any] = runpy.run_path(str(ROOT / "benchmarks/figures.py"))

TARGETS: dict[str, str] = dict(
    re.findall(r"^\| `((?:page|kmalloc|vm)\.\w+)` \|.* / .*\| ?([^|\n]*?) ?\|$", PAGE, re.MULTILINE)
)
"""Of the first table, by workload; empty where there is none."""

METADATA = {
    index: float(target)
    for index, target in re.findall(
        r"^\| metadata, (\w+) \| \d+ B per MiB \| at most (\d+) \|$", PAGE, re.MULTILINE
    )
}


@pytest.fixture(scope="module", params=FIGURES["COLUMNS"], ids="-".join)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One column of the tables, measured now."""
    plan = Plan(
        out=tmp_path_factory.mktemp("targets"),
        variants=variants(*request.param),
        workloads=(*WORKLOADS, BOOT),
    )
    return measure(plan, Progress())


def pair(cell: str) -> tuple[float, float]:
    alloc, free = re.findall(r"[\d.]+", cell)
    return float(alloc), float(free)


def of_the_page(run: Run) -> Run:
    """``run`` as far as the page's figures are of its compiler, and its QEMU."""
    compiler, qemu = FIGURES["made_by"](PAGE)
    if run.compiler != compiler:
        pytest.skip(f"the figures of docs/bench.md are of {compiler}; this is {run.compiler}")
    same_map = qemu_version("qemu-system-i386") == qemu
    kept = tuple(one for one in run.results if same_map or not one.workload.startswith("boot."))
    return Run(run.kernel, run.cpu, run.memory, kept, compiler=compiler)


def test_the_page_has_every_workload() -> None:
    assert list(TARGETS) == [one.name for one in WORKLOADS]
    assert set(METADATA) == {"lists", "bitmaps"}
    assert re.search(r"`kmalloc\.mix2k` \| \S+ \| at least 0\.88 \|", PAGE)


def test_figures_are_those_of_the_page(run: Run) -> None:
    """If they are not: a change of the code. ``benchmarks/figures.py`` renews the page."""
    assert FIGURES["renewed"](PAGE, of_the_page(run)).splitlines() == PAGE.splitlines()


def test_figures_without_lazy_unmapping_are_those_of_the_page(tmp_path: Path) -> None:
    run = of_the_page(measure(FIGURES["not_lazy_plan"](tmp_path), Progress()))
    nothing = Run(run.kernel, run.cpu, run.memory, ())
    assert FIGURES["renewed"](PAGE, nothing, run).splitlines() == PAGE.splitlines()


def test_targets_are_met(run: Run) -> None:
    results: dict[str, Result] = {one.workload: one for one in run.results}
    for name, result in results.items():
        target = TARGETS.get(name, "")
        if target and (result.index == "lists" or "lists" not in target):
            alloc, free = pair(target)
            assert result.alloc is not None
            assert result.free is not None
            assert result.alloc <= alloc, name
            assert result.free <= free, name
        if result.metadata_per_mib is not None:
            assert result.metadata_per_mib <= METADATA[result.index]
    efficiency = results["kmalloc.mix2k"].efficiency
    assert efficiency is not None
    assert efficiency >= 0.88
