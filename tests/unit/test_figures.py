"""The script that renews the figures of docs/bench.md finds each of them, and nothing else.

Whether the figures are right is measured, in tests/boot/test_targets.py.
"""

from __future__ import annotations

import re
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kgen.bench.results import Result, Run
from kgen.derive import STAGES
from kgen.workloads import NAMES, USER_ROWS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/bench.md").read_text()
TABLES = "".join(re.findall(r"^\|.*\n", PAGE[PAGE.index("## Results") :], re.MULTILINE))


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """Everything that benchmarks/figures.py defines."""
    return runpy.run_path(str(ROOT / "benchmarks/figures.py"))


@pytest.fixture
def run(script: dict[str, Any]) -> Run:
    """Every workload and stage of every variant; 7777777.0 is on no page."""
    names = (*NAMES, *(f"boot.{stage}" for stage in STAGES), *(row.name for row in USER_ROWS))
    results = tuple(
        Result(name, index, march, 7777777.0, 7777777.0, 7777777.0, 7777777.0)
        for name in names
        for index, march in script["COLUMNS"]
        if not name.startswith("vm.") or march == "i386"
    )
    return Run("default", "pentium3", 256 << 20, results, compiler="gcc 1.2.3")


def test_every_figure_is_renewed(script: dict[str, Any], run: Run) -> None:
    """Names, targets and text stay in the tables."""
    renewed = script["renewed"](TABLES, run, run)
    left = re.sub(r"7777777\.000|7777777\.0|7,777,777|7777777 B", "", renewed)
    others = r"^(\| `user\.\w+` \|[^|]*\|).*$|Linux 6.1"  # of other systems: they stay
    left = re.sub(others, r"\1", left, flags=re.MULTILINE)
    left = re.sub(r"`[^`]*`|at (most|least) [\d.]+|vmalloc.lazy=1", "", left)
    left = re.sub(r"\| \d+ / \d+( \(lists\))? \|$", "", left, flags=re.MULTILINE)
    assert re.findall(r"\d[\d.]+", re.sub(r"i[36]86", "", left)) == []
    assert renewed.count("7") > 400


def test_one_figure_changes_one_cell(script: dict[str, Any], run: Run) -> None:
    one = next(result for result in run.results if result.key == ("page.mix", "bitmaps", "i386"))
    alone = replace(run, results=(replace(one, alloc=12.34, free=5.0),))
    before, after = TABLES.splitlines(), script["renewed"](TABLES, alone).splitlines()
    (changed,) = (pair for pair in zip(before, after, strict=True) if pair[0] != pair[1])
    cells = [cell.strip() for cell in changed[1].split("|")]
    assert (cells[1], cells[4]) == ("`page.mix`", "12.3 / 5.0")
    assert [cell for cell in cells if cell not in changed[0]] == ["12.3 / 5.0"]


def test_no_figure_leaves_the_page_as_it_is(script: dict[str, Any], run: Run) -> None:
    assert script["renewed"](PAGE, replace(run, results=())) == PAGE


def test_the_page_says_whose_its_figures_are(script: dict[str, Any]) -> None:
    compiler, qemu = script["made_by"](PAGE)
    assert re.fullmatch(r"gcc \d+\.\d+\.\d+", compiler)
    assert qemu > (5, 0)


def test_the_readme_has_figures_of_the_page() -> None:
    """Its one sentence with figures, against the row of each."""
    text = (ROOT / "README.md").read_text().replace("\n", " ")
    found = re.search(
        r"4 KiB is taken in (\d+) instructions and freed in (\d+), 64 bytes in (\d+) and (\d+)",
        text,
    )
    assert found
    fault = re.search(r"a program's first write to a page takes (\d+), of which 1025 zero it", text)
    assert fault
    assert f"| `user.zero` | {int(fault[1]):,} |" in PAGE
    for name, pair in (("page.hot", found.groups()[:2]), ("kmalloc.pair64", found.groups()[2:])):
        assert f"| `{name}` | {pair[0]}.0 / {pair[1]}.0 |" in PAGE


def test_the_table_of_user_space_has_every_row_and_its_goal() -> None:
    rows = re.findall(
        r"^\| `(user\.\w+)` \| [\d,]+ \| ([\d,]+) \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE
    )
    assert rows == [(row.name, f"{row.goal:,}", row.about) for row in USER_ROWS]
