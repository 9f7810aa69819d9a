"""What user space costs a program: the goals are met, and docs/bench.md says what is measured.

Counts are exact for one compiler, which the page names: only with that one are its figures
compared. A goal holds with every compiler. All rows come from one boot.
"""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.boot.conftest import Boot, Kernels

from kgen.bench.measure import Plan, measure
from kgen.bench.results import Run
from kgen.errors import KgenError
from kgen.paths import templates_dir
from kgen.progress import Progress
from kgen.workloads import USER_ROWS

pytestmark = pytest.mark.boot

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/bench.md").read_text()
FIGURES: dict[str, Any] = runpy.run_path(str(ROOT / "benchmarks/figures.py"))


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    made = FIGURES["user_plan"](tmp_path_factory.mktemp("user"))
    assert isinstance(made, Plan)
    return made


@pytest.fixture(scope="module")
def run(plan: Plan) -> Run:
    """All rows, measured now."""
    return measure(plan, Progress())


def missed(run: Run) -> dict[str, float]:
    """Rows above their goals, with their figures."""
    figures = {one.workload: one.alloc for one in run.results}
    return {
        row.name: figure
        for row in USER_ROWS
        if (figure := figures[row.name]) is not None and figure > row.goal
    }


def test_every_row_is_measured(run: Run) -> None:
    assert [one.workload for one in run.results] == [row.name for row in USER_ROWS]
    assert all(one.alloc and one.alloc > 10 for one in run.results)


def test_goals_are_met(run: Run) -> None:
    assert missed(run) == {}


def test_figures_are_those_of_the_page(run: Run) -> None:
    """If they are not: a change of the code. ``benchmarks/figures.py`` renews the page."""
    compiler, _ = FIGURES["made_by"](PAGE)
    if run.compiler != compiler:
        pytest.skip(f"the figures of docs/bench.md are of {compiler}; this is {run.compiler}")
    assert FIGURES["renewed"](PAGE, run).splitlines() == PAGE.splitlines()


def test_a_second_run_finds_the_same(plan: Plan, run: Run) -> None:
    assert measure(plan, Progress()) == run


SLOWER = (
    ("user/fault.c", "\nenum fault_result space_fault(", 100),
    ("user/process_calls.c", "\nint32_t sys_getpid(", 10),
    ("user/run.c", "\nstatic void tick(", 50),
)
"""A function, and more instructions than its goal leaves."""


def test_what_got_slower_misses_its_goal(
    plan: Plan, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(templates_dir(), templates)
    for name, function, count in SLOWER:
        text = (templates / name).read_text()
        start = text.index("{\n", text.index(function)) + 2
        more = '\t__asm__ volatile("' + "nop\\n\\t" * count + '");\n'
        (templates / name).write_text(text[:start] + more + text[start:])
    monkeypatch.setattr("kgen.pipeline.templates_dir", lambda: templates)
    slow = measure(plan, Progress())
    assert {"user.getpid", "user.zero", "user.read", "user.tick"} <= {*missed(slow)}
    grown = {
        one.workload: (one.alloc or 0) - (before.alloc or 0)
        for one, before in zip(slow.results, run.results, strict=True)
    }
    assert grown["user.zero"] == pytest.approx(100, abs=8)
    assert grown["user.getpid"] == pytest.approx(10, abs=2)
    assert grown["user.map256"] > 90


def test_the_stage_is_a_small_part_of_a_boot(kernels: Kernels, boot: Boot) -> None:
    """The goal was 1.15: docs/bench.md says what is in it."""
    folder = kernels.user(
        sets=("features.user_space=true", "features.bench=true", "features.tests=false")
    )
    request = {"cpu": "pentium3", "memory": "256M", "icount": True, "append": "bench=boot"}
    said = boot(folder, **request).transcript.measurements
    stages = {one.name: one.values["alloc"] for one in said}
    user = stages.pop("boot.user")
    assert len(stages) == 8
    assert (sum(stages.values()) + user) / sum(stages.values()) <= 1.18


def test_a_machine_that_cannot_do_it_is_an_error(plan: Plan, tmp_path: Path) -> None:
    small = Plan(out=tmp_path, variants=plan.variants, workloads=plan.workloads, memory="32M")
    with pytest.raises(KgenError, match=r"user: process 1") as found:
        measure(small, Progress())
    log = Path(found.value.hint.rpartition("log: ")[2]).read_text()
    assert re.search(r"^rows: no memory for 16384 pages\r?$", log, re.MULTILINE)
