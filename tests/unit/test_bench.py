"""kgen bench without a machine: results, their JSON, comparisons, the table, and its errors."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from kgen.bench.command import Options, bench
from kgen.bench.host import per_call
from kgen.bench.measure import (
    BOOT,
    INDEXES,
    PROCESSORS,
    Plan,
    Variant,
    collected,
    variants,
    workloads,
)
from kgen.bench.results import HostResult, Result, Run, load_run
from kgen.bench.table import table
from kgen.cli import run as kgen
from kgen.describe import Kernel
from kgen.errors import Exit, KgenError
from kgen.load import load, prove
from kgen.paths import templates_dir
from kgen.progress import Progress
from kgen.workloads import NAMES, PARAMETERS, POINTS, WORKLOADS, log_uniform
from kgen_qemu.machine import Machine
from kgen_qemu.transcript import Measurement, TranscriptParser

RUN = Run(
    "default",
    "pentium3",
    256 << 20,
    (
        Result("page.hot", "lists", "i686", 11.0, 10.0, None, 2304.0),
        Result("kmalloc.mix2k", "lists", "i686", 38.2, 40.0, 0.9, None),
        Result("kmalloc.mix2k", "bitmaps", "i386", 38.4, 41.0, 0.88, None),
    ),
)

Measured = Callable[[Run], None]


def changed(workload: str, **figures: float) -> Run:
    """RUN with other figures of the first result of this name."""
    at = next(at for at, one in enumerate(RUN.results) if one.workload == workload)
    results = list(RUN.results)
    results[at] = replace(results[at], **figures)  # type: ignore[arg-type]
    return replace(RUN, results=tuple(results))


def options(**others: object) -> Options:
    """The options of a plain `kgen bench`, but for some."""
    plain = Options(
        description=None,
        sets=(),
        out=Path("kernel_out"),
        index="both",
        march="both",
        workloads=(),
        cpu="pentium3",
        memory="256M",
        timeout=120.0,
        host=False,
        save=False,
        against=None,
        tolerance=1.0,
        plot=None,
        as_json=False,
    )
    return replace(plain, **others)  # type: ignore[arg-type]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an empty one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Let a measurement find what it is given."""

    def find(run: Run) -> None:
        monkeypatch.setattr("kgen.bench.command.measure", lambda *_: run)

    find(RUN)
    return find


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement fails the test: what is wrong must be found before."""

    def never(*_: object) -> Run:
        raise AssertionError("measured")

    monkeypatch.setattr("kgen.bench.command.measure", never)


# --- what is measured -----------------------------------------------------------------


def test_the_contracts_workloads_are_there() -> None:
    contract = "page.hot page.drain page.mix kmalloc.pair64 kmalloc.mix2k kmalloc.fifo256"
    assert {*contract.split(), "kmalloc.mix64k"} <= {*NAMES}


def test_the_kernel_has_the_same_workloads() -> None:
    source = (templates_dir() / "bench/bench.c").read_text()
    assert tuple(re.findall(r'\{ "([\w.]+)", bench_', source)) == NAMES


@pytest.mark.parametrize(("low", "high"), [(8, 2048), (1024, 65536)])
def test_sizes_are_log_uniform(low: int, high: int) -> None:
    sizes = log_uniform(low, high)
    assert len(sizes) == POINTS
    assert sorted(sizes) == list(sizes)
    assert low <= sizes[0]
    assert sizes[-1] <= high
    octaves = (high // low).bit_length() - 1
    for octave in range(octaves):
        inside = [size for size in sizes if low << octave <= size < low << (octave + 1)]
        assert abs(len(inside) - POINTS / octaves) < POINTS / octaves / 8


def test_tables_hold_every_point_and_indexes_fit() -> None:
    for rows in (PARAMETERS.sizes_2k, PARAMETERS.sizes_64k):
        assert sum(map(len, rows)) == POINTS


def test_variants_are_proved_like_any_description() -> None:
    both = variants("both", "both")
    assert {(one.index, one.march) for one in both} == {
        (index, march) for index in INDEXES for march in PROCESSORS
    }
    for variant in both:
        kernel = prove(load(None, variant.sets)).kernel
        assert kernel.features.bench
        assert not kernel.features.tests
        assert kernel.buddy.index == variant.index
        assert kernel.cpu.minimum == PROCESSORS[variant.march]
    assert variants("lists", "i686") == (Variant("lists", "i686"),)


def test_policies_of_old_processors_need_code_for_them() -> None:
    forced = [workload for workload in WORKLOADS if workload.policy]
    assert forced
    assert all(Variant("lists", "i386").runs(one) for one in WORKLOADS)
    assert not any(Variant("lists", "i686").runs(one) for one in forced)
    assert forced[0].option == "bench=vm.map386 cpu=386"


def test_a_workload_that_is_not_there() -> None:
    assert workloads([]) == (*WORKLOADS, BOOT)
    assert [one.name for one in workloads(["page.mix", "boot"])] == ["page.mix", "boot"]
    with pytest.raises(KgenError, match=r"--workload page\.hott: there is none") as found:
        workloads(["page.hott"])
    assert found.value.hint == "did you mean page.hot?"


def test_a_kernel_has_workloads_only_if_it_asks() -> None:
    assert not Kernel().features.bench


# --- the machine ----------------------------------------------------------------------


def test_a_machine_counts_instructions_if_asked() -> None:
    plain = Machine(kernel=Path("k"))
    assert "-icount" not in plain.argv("qemu", 7)
    counting = replace(plain, icount=True).argv("qemu", 7)
    assert counting[counting.index("-icount") + 1] == "shift=0,sleep=off"


def test_what_a_kernel_measured_is_on_record() -> None:
    parser = TranscriptParser()
    parser.feed(b"# kgen:hello proto=1 name=x build=0 base=i386\n")
    parser.feed(b"# kgen:bench name=page.hot ops=2 alloc=22 free=0x14\n")
    parser.feed(b"# kgen:bench ops=2\n# kgen:bench name=page.mix ops=many\n")
    said, _ = parser.finish()
    assert said.measurements == (Measurement("page.hot", {"ops": 2, "alloc": 22, "free": 20}),)
    assert len(said.problems) == 2


def measurement(**values: int) -> Measurement:
    plain = {"ops": 4, "alloc": 50, "free": 42, "metadata": 512, "managed": 256, "left": 0}
    return Measurement("page.hot", {**plain, **values})


def test_figures_are_sums_divided_by_calls() -> None:
    (found,) = collected(Variant("lists", "i686"), WORKLOADS[0], [measurement()])
    assert found == Result("page.hot", "lists", "i686", 12.5, 10.5, None, 512.0)
    (found,) = collected(
        Variant("lists", "i686"),
        WORKLOADS[6],
        [replace(measurement(efficiency_ppm=912345), name="kmalloc.mix2k")],
    )
    assert (found.efficiency, found.metadata_per_mib) == (0.9123, None)


def test_pages_that_stay_away_are_a_failure() -> None:
    with pytest.raises(
        KgenError, match=r"page\.hot \(lists, i686\): 3 page frames were not"
    ) as found:
        list(collected(Variant("lists", "i686"), WORKLOADS[0], [measurement(left=3)]))
    assert found.value.exit_code == Exit.FAIL


def test_blocks_that_are_not_merged_are_a_failure() -> None:
    with pytest.raises(KgenError, match=r"page\.hot \(lists, i686\): 2 orders have more") as found:
        list(collected(Variant("lists", "i686"), WORKLOADS[0], [measurement(changed=2)]))
    assert found.value.exit_code == Exit.FAIL


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


def test_a_plot_without_matplotlib_names_the_extra(
    here: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgen.bench.plot.find_spec", lambda _: None)
    with pytest.raises(KgenError, match="matplotlib") as found:
        bench(options(plot=Path("run.svg")), Progress())
    assert "kgen[plot]" in found.value.hint


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


class Drawing:
    """Stands in for matplotlib, and notes what is drawn. Labels that it is asked for are 1, 2."""

    def __init__(self) -> None:
        self.bars: list[tuple[str, list[float], list[float]]] = []
        self.ticks: list[tuple[list[float], list[str]]] = []
        self.saved: list[object] = []

    def modules(self) -> dict[str, object]:
        """What `import matplotlib` and `matplotlib.figure` give."""
        figure = SimpleNamespace(
            subplots=lambda *_, **__: (self.panel(), self.panel()),
            suptitle=lambda _: None,
            savefig=lambda path, **_: self.saved.append(path),
        )
        return {
            "matplotlib": SimpleNamespace(rc_context=lambda _: nullcontext()),
            "matplotlib.figure": SimpleNamespace(Figure=lambda **_: figure),
        }

    def panel(self) -> SimpleNamespace:
        def barh(at: list[float], widths: list[float], _height: float, label: str) -> None:
            self.bars.append((label, at, widths))

        nothing = lambda *_, **__: None  # noqa: E731
        names = ("bar_label", "set_xscale", "set_xlim", "set_title", "legend", "invert_yaxis")
        return SimpleNamespace(
            **dict.fromkeys(names, nothing),
            barh=barh,
            set_yticks=lambda at, names: self.ticks.append((at, names)),
            get_xlim=lambda: (1, 10),
            yaxis=None,
            yaxis_inverted=lambda: False,
        )


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> Drawing:
    drawn = Drawing()
    monkeypatch.setattr("kgen.bench.plot.find_spec", lambda _: object())
    for name, module in drawn.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return drawn


def test_a_plot_has_a_bar_for_each_figure(here: Path, measured: Measured, drawing: Drawing) -> None:
    assert bench(options(plot=Path("run.svg")), Progress()) == Exit.PASS
    assert drawing.saved == [Path("run.svg")]
    assert drawing.bars == [
        ("bitmaps, i386", [1.0], [38.4]),
        ("lists, i686", [0.4, 1.4], [11.0, 38.2]),
        ("bitmaps, i386", [1.0], [41.0]),
        ("lists, i686", [0.4, 1.4], [10.0, 40.0]),
    ]
    assert drawing.ticks[0] == ([0.2, 1.2], ["page.hot", "kmalloc.mix2k"])


def test_a_run_with_nothing_to_draw(here: Path, measured: Measured, drawing: Drawing) -> None:
    measured(replace(RUN, results=(Result("boot.buddy", "lists", "i686", 1.0),)))
    with pytest.raises(KgenError, match="no workload to draw"):
        bench(options(plot=Path("run.svg")), Progress())


# --- callgrind --------------------------------------------------------------------------

PROFILE = """\
# callgrind format
positions: line
events: Ir
fn=(1) bench_pair64
10 5
cfn=(2) timed_kmalloc
calls=4 20
11 400
cfn=(3) timed_kfree
calls=4 30
+1 300
fn=(2)
20 40
cfn=(4) kmalloc
calls=3 40
21 60
cfi=(2) kmalloc.c
cfn=(5) kmalloc_slow
calls=1 50
21 140
+2 8
fn=(3)
30 12
cfn=(6) kfree
calls=4 60
31 88
fn=(7) empty_kmalloc
40 4
cfn=(8) bench_nothing
calls=64 70
41 64
totals: 1000
"""


def test_callgrinds_costs_of_measured_calls() -> None:
    assert per_call(PROFILE) == (50.0, 22.0)
