"""A run of ``kgen bench`` as a picture: bars for each workload, one colour for each variant.

matplotlib draws; it is the optional extra `plot` and imported here alone.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgen.bench.results import Result, Run
from kgen.errors import Exit, KgenError
from kgen.files import named_faults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = ("page.", "kmalloc.", "vm.")
_INCHES_PER_BAR = 0.16


def require() -> None:
    """KgenError (exit 2) where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise KgenError("--plot needs matplotlib, which is not installed", "pip install matplotlib")


def draw(run: Run, path: Path) -> None:
    """Write the picture; its format is that of the name."""
    require()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    bars = [result for result in run.results if result.workload.startswith(_SHOWN)]
    if not bars:
        raise KgenError("--plot: this run has no workload to draw", exit_code=Exit.USAGE)
    figure = Figure(figsize=(10, 1.5 + _INCHES_PER_BAR * len(bars)), layout="constrained")
    axes: Any = figure.subplots(1, 2, sharey=True)
    for column, kind in zip(axes, ("alloc", "free"), strict=True):
        _bars(column, bars, kind)
    axes[0].legend(fontsize="small")
    figure.suptitle(f"{run.kernel}: guest instructions per call (logarithmic)")
    # Neither date nor random identifiers: the same run gives the same file.
    metadata = {"Date": None} if path.suffix == ".svg" else None
    with named_faults(path), rc_context({"svg.hashsalt": "kgen"}):
        figure.savefig(path, metadata=metadata)


def _bars(axes: Axes, results: list[Result], kind: str) -> None:
    """One panel: a group of bars for each workload, from the top down."""
    names = list(dict.fromkeys(result.workload for result in results))
    by_variant = sorted(results, key=lambda result: result.variant)
    groups = [(name, [*group]) for name, group in groupby(by_variant, lambda one: one.variant)]
    height = 0.8 / len(groups)
    for number, (name, group) in enumerate(groups):
        at = [names.index(result.workload) + number * height for result in group]
        widths = [getattr(result, kind) or 0 for result in group]
        drawn = axes.barh(at, widths, height, label=name)
        axes.bar_label(drawn, fmt="%.1f", fontsize=6, padding=2)
    axes.set_xscale("log")
    axes.set_xlim(1, axes.get_xlim()[1] * 2)  # from one instruction; room for the last label
    axes.set_yticks([place + 0.4 - height / 2 for place in range(len(names))], names)
    axes.set_title(kind)
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
