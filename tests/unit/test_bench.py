"""kgen bench without a machine: results, their JSON, comparisons, the table, and its errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.bench_runs import RUN, Measured, changed

from kgen.bench.measure import (
    Plan,
)
from kgen.bench.results import HostResult, load_run
from kgen.bench.table import table
from kgen.cli import run as kgen
from kgen.errors import Exit, KgenError

# --- JSON -----------------------------------------------------------------------------


def test_json_is_the_contracts() -> None:
    data = json.loads(RUN.to_json())
    assert data["schema"] == 1
    assert {*data["results"][0]} == {
        *("workload", "index", "march", "alloc", "free", "efficiency", "metadata_per_mib")
    }
    assert data["results"][0]["efficiency"] is None
    assert data["results"][1]["metadata_per_mib"] is None


def test_the_command_prints_json_and_nothing_else(
    here: Path, measured: Measured, capfd: pytest.CaptureFixture[str]
) -> None:
    assert kgen(["bench", "--json"]) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert json.loads(printed.out)["results"][0]["workload"] == "page.hot"


def test_a_run_survives_its_file(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(RUN.to_json())
    assert load_run(tmp_path / "run.json") == RUN


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a run of kgen bench"),
        ("[]", "is not a run of kgen bench"),
        ("{}", "schema None, this version reads 1"),
        ('{"schema": 2}', "schema 2, this version reads 1"),
        ('{"schema": 1, "cpu": "x", "memory": 1, "kernel": "x"}', "'results' is missing"),
        (RUN.to_json().replace('"march"', '"arch"'), "'march' is missing"),
        (RUN.to_json().replace("11.0", '"11"'), "page.hot: alloc is '11', not a number"),
    ],
)
def test_files_that_are_no_runs(
    here: Path, unmeasured: None, capfd: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    (here / "run.json").write_text(text)
    assert kgen(["bench", "--against", "run.json"]) == Exit.USAGE
    assert why in capfd.readouterr().err


def test_a_missing_file_is_said_before_anything_is_measured(
    here: Path, unmeasured: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert kgen(["bench", "--against", "gone.json"]) == Exit.USAGE
    error = capfd.readouterr().err
    assert "gone.json: there is no such run" in error
    assert "kgen bench --save" in error


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--tolerance", "0.9"], "must be 1 or more"),
        (["--tolerance", "nan"], "must be 1 or more"),
        (["--memory", "lots"], "not a size"),
        (["--plot", "run.gif"], "ends neither in .png nor in .svg"),
        (["--workload", "nothing"], "--workload nothing: there is none"),
        (["--index", "trees"], "'trees' is not one of"),
    ],
)
def test_wrong_options(
    here: Path,
    unmeasured: None,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    why: str,
) -> None:
    assert kgen(["bench", *words]) == Exit.USAGE
    assert why in capfd.readouterr().err


# --- comparison -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "tolerance", "worse"),
    [
        ({"alloc": 38.2}, 1.0, ""),
        ({"alloc": 38.21}, 1.0, "alloc 38.2 → 38.21"),
        ({"free": 44.1}, 1.1, "free 40 → 44.1"),
        ({"free": 44.0}, 1.1, ""),
        ({"alloc": 1.0, "free": 1.0}, 1.0, ""),
        ({"efficiency": 0.95}, 1.0, ""),
        ({"efficiency": 0.8}, 1.1, "efficiency 0.9 → 0.8"),
        ({"efficiency": 0.85}, 1.1, ""),
    ],
)
def test_regressions_end_with_1_and_are_named(
    here: Path,
    measured: Measured,
    capfd: pytest.CaptureFixture[str],
    figures: dict[str, float],
    tolerance: float,
    worse: str,
) -> None:
    (here / "before.json").write_text(RUN.to_json())
    measured(changed("kmalloc.mix2k", **figures))
    code = kgen(["bench", "--against", "before.json", "--tolerance", str(tolerance), "--json"])
    printed = capfd.readouterr()
    assert code == (Exit.FAIL if worse else Exit.PASS)
    assert (f"regression: kmalloc.mix2k (lists, i686): {worse}" in printed.err) == bool(worse)
    assert len(printed.err.splitlines()) == bool(worse)
    json.loads(printed.out)


def test_runs_that_share_nothing_cannot_be_compared() -> None:
    with pytest.raises(KgenError, match="no workload of this run is in the other"):
        replace(RUN, results=RUN.results[:1]).regressions(
            replace(RUN, results=RUN.results[1:]), 1.0
        )
    with pytest.raises(KgenError, match="measured on pentium3 with 64 MiB"):
        RUN.regressions(replace(RUN, memory=64 << 20), 1.0)


@pytest.mark.parametrize(
    ("compiler", "said"), [("gcc 12.2.0", False), ("gcc 14.2.0", True), ("", False)]
)
def test_a_run_of_another_compiler_is_called_so(
    here: Path, measured: Measured, capfd: pytest.CaptureFixture[str], compiler: str, said: bool
) -> None:
    (here / "before.json").write_text(replace(RUN, compiler=compiler).to_json())
    assert kgen(["bench", "--against", "before.json"]) == Exit.PASS
    wanted = (
        "kgen: the other run is of gcc 14.2.0, this one of gcc 12.2.0: figures of two compilers"
    )
    assert capfd.readouterr().err.startswith(wanted) == said


def test_a_run_of_before_compilers_were_said_can_be_read(tmp_path: Path) -> None:
    told = json.loads(RUN.to_json())
    del told["compiler"]
    (tmp_path / "run.json").write_text(json.dumps(told))
    assert load_run(tmp_path / "run.json") == replace(RUN, compiler="")


def test_what_only_one_run_has_is_no_regression() -> None:
    assert RUN.regressions(replace(RUN, results=RUN.results[:1]), 1.0) == []
    assert replace(RUN, results=RUN.results[:1]).regressions(RUN, 1.0) == []


# --- for people -----------------------------------------------------------------------


def test_the_table_has_every_figure() -> None:
    text = table(RUN)
    assert [line.split() for line in text.splitlines() if line.startswith(("page", "kmalloc"))] == [
        ["page.hot", "11.0", "10.0", "2304"],
        ["kmalloc.mix2k", "38.2", "40.0", "0.900"],
        ["kmalloc.mix2k", "38.4", "41.0", "0.880"],
    ]
    assert "lists, i686" in text
    assert "bitmaps, i386" in text


def test_the_table_beside_a_saved_run_has_ratios() -> None:
    lines = table(changed("page.hot", alloc=22.0), RUN).splitlines()
    hot = next(line for line in lines if line.startswith("page.hot"))
    assert hot.split() == ["page.hot", "22.0", "x2.00", "10.0", "=", "2304", "="]


def test_save_keeps_a_run_and_the_next_is_shown_beside_it(
    here: Path, measured: Measured, capfd: pytest.CaptureFixture[str]
) -> None:
    assert kgen(["bench", "--save"]) == 0
    assert load_run(Plan().saved) == RUN
    measured(changed("page.hot", alloc=5.5))
    capfd.readouterr()
    assert kgen(["bench"]) == 0
    assert "5.5 x0.50" in capfd.readouterr().out
    assert load_run(Plan().saved) == RUN


def test_a_run_saved_on_another_machine_is_not_shown_beside(
    here: Path, measured: Measured, capfd: pytest.CaptureFixture[str]
) -> None:
    measured(replace(RUN, memory=64 << 20))
    assert kgen(["bench", "--save"]) == 0
    measured(RUN)
    capfd.readouterr()
    assert kgen(["bench"]) == 0
    assert "=" not in capfd.readouterr().out


def test_the_native_programs_figures_are_shown() -> None:
    host = (HostResult("page.hot", "lists", "i686", 1.04, 1.2, 11.0, 10.0),)
    row = table(replace(RUN, host=host)).splitlines()[-1]
    assert row.split() == ["page.hot", "1.0", "1.2", "11.0", "10.0"]
    bare = (replace(host[0], alloc=None, free=None),)
    assert table(replace(RUN, host=bare)).splitlines()[-1].split() == ["page.hot", "1.0", "1.2"]
