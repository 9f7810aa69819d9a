"""``kgen bench --plot``, with and without matplotlib."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.bench_runs import RUN, Measured

from kgen.bench.command import Options, bench
from kgen.bench.results import Result
from kgen.errors import Exit, KgenError
from kgen.progress import Progress


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


def test_a_plot_without_matplotlib_names_the_extra(
    here: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgen.bench.plot.find_spec", lambda _: None)
    with pytest.raises(KgenError, match="matplotlib") as found:
        bench(options(plot=Path("run.svg")), Progress())
    assert found.value.hint == "pip install matplotlib"


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
