"""A run of ``kgen bench`` for people: a table for each variant, beside the last saved run."""

from __future__ import annotations

from collections.abc import Iterator

from kgen.bench.results import BETTER_IF_LOWER, Result, Run
from kgen.units import show_size
from kgen.workloads import USER_ROWS

_HEADS = {
    "alloc": "alloc",
    "free": "free",
    "efficiency": "efficiency",
    "metadata_per_mib": "B per MiB",
}
_DIGITS = {"alloc": 1, "free": 1, "efficiency": 3, "metadata_per_mib": 0}
_NAME, _FIGURE, _RATIO = 22, 11, 8
_GOALS = {row.name: row.goal for row in USER_ROWS}


def table(run: Run, before: Run | None = None) -> str:
    """The whole run as text; with ``before``, each figure's ratio to what it was."""
    return "\n".join(_lines(run, before))


def _lines(run: Run, before: Run | None) -> Iterator[str]:
    compiler = f", {run.compiler}" if run.compiler else ""
    machine = f"{show_size(run.memory)}, {run.cpu}"
    yield f"{run.kernel}: guest instructions per call, {machine}{compiler}"
    if before is not None:
        yield "each figure is followed by its ratio to the saved run; = means equal"
    old = {result.key: result for result in before.results} if before else {}
    last = ""
    for result in run.results:
        if result.variant != last:
            last = result.variant
            yield ""
            yield _head(last, bool(before))
        yield _row(result, old.get(result.key), bool(before))
    if run.host:
        yield from _host(run)


def _host(run: Run) -> Iterator[str]:
    """The native program's figures."""
    last = ""
    for one in run.host:
        variant = f"{one.index}, {one.march}"
        if variant != last:
            last = variant
            yield ""
            heads = ("alloc, ns", "free, ns", "alloc", "free")
            yield f"{variant + ', native':<{_NAME}}" + "".join(f"{h:>{_FIGURE}}" for h in heads)
        cells = (one.alloc_ns, one.free_ns, one.alloc, one.free)
        texts = ("" if value is None else f"{value:.1f}" for value in cells)
        yield f"{one.workload:<{_NAME}}" + "".join(f"{t:>{_FIGURE}}" for t in texts).rstrip()


def _head(variant: str, with_ratios: bool) -> str:
    ratio = " " * _RATIO if with_ratios else ""
    return (
        f"{variant:<{_NAME}}"
        + "".join(f"{_HEADS[figure]:>{_FIGURE}}{ratio}" for figure in BETTER_IF_LOWER).rstrip()
    )


def _row(result: Result, old: Result | None, with_ratios: bool) -> str:
    cells = []
    for figure in BETTER_IF_LOWER:
        value: float | None = getattr(result, figure)
        was: float | None = getattr(old, figure) if old else None
        text = "" if value is None else f"{value:.{_DIGITS[figure]}f}"
        cells.append(f"{text:>{_FIGURE}}")
        if with_ratios:
            cells.append(f"{_ratio(value, was):<{_RATIO}}")
    line = f"{result.workload:<{_NAME}}{''.join(cells)}".rstrip()
    goal = _GOALS.get(result.workload)
    return line if goal is None else f"{line:<{_NAME + _FIGURE + _RATIO}} at most {goal}"


def _ratio(value: float | None, was: float | None) -> str:
    if value is None or was is None:
        return ""
    if value == was:
        return " ="
    return f" x{value / was:.2f}" if was else " new"
