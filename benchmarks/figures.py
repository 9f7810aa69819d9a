"""Renews the figures of docs/bench.md, and says which compiler they are of.

    .venv/bin/python benchmarks/figures.py          measure everything, and rewrite the page
    .venv/bin/python benchmarks/figures.py user     only the rows of user space: one build, one boot

Instructions are counted exactly, so a figure is right to its last digit or wrong; but another
compiler makes other instructions of the same code. The page names the compiler that its figures
are of, and a test (tests/boot/test_targets.py) holds each of them to this very compiler. What the
boot's stages cost also depends on the machine's memory map, which is its firmware's: those
figures are of one QEMU, too.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from kgen.bench.measure import BOOT, USER, Plan, measure, variants
from kgen.bench.results import Result, Run
from kgen.progress import Progress
from kgen.workloads import WORKLOADS
from kgen_qemu.trace import qemu_version

PAGE = Path(__file__).resolve().parents[1] / "docs/bench.md"

COLUMNS = (("lists", "i386"), ("lists", "i686"), ("bitmaps", "i386"), ("bitmaps", "i686"))
"""Of the page's tables with a column for each variant."""

PLAIN = COLUMNS[0]
"""The variant that rows with one figure are of."""

NOT_LAZY = "vmalloc.lazy=1"
NOT_LAZY_WORKLOADS = ("kmalloc.mix64k", "vm.map386", "vm.map486")

_MADE_BY = re.compile(r"(?<=the default kernel, made by )(\w+ [\d.]+)(, QEMU )(\d+\.\d+)")
_CALLS = re.compile(r"^\| `(?P<name>(?:page|kmalloc|vm)\.\w+)` \|(?P<cells>.* / .*)\|$")
_STAGE = re.compile(r"^\| `(?P<name>boot\.[\w-]+)` \|(?P<cells>.*)\|$")
_USER = re.compile(r"^\| `(?P<name>user\.\w+)` \| (?P<figure>[\d,.]+) \|")
_EFFICIENCY = re.compile(r"^\| efficiency of `(?P<name>\S+)`(?P<lazy> with \S+)? \| \S+ \|")
_METADATA = re.compile(r"^\| metadata, (?P<index>\w+) \| \d+ B per MiB \|")
_NOT_LAZY = re.compile(rf"^\| `(?P<name>\S+)` with `{NOT_LAZY}` \| \S+ / \S+ \|")

_Results = Mapping[tuple[str, str, str], Result]


def made_by(page: str) -> tuple[str, tuple[int, int]]:
    """The compiler and the QEMU that the figures of ``page`` are of."""
    found = _MADE_BY.search(page)
    assert found, "docs/bench.md does not say whose its figures are"
    major, minor = map(int, found[3].split("."))
    return found[1], (major, minor)


def renewed(page: str, run: Run, not_lazy: Run | None = None) -> str:
    """``page`` with every figure that the runs have, everything else as it was.

    ``not_lazy`` is of a kernel with ``vmalloc.lazy=1``.
    """
    eager = {} if not_lazy is None else {one.key: one for one in not_lazy.results}
    results = {one.key: one for one in run.results}
    return "\n".join(_line(line, results, eager) for line in page.split("\n"))


def _line(line: str, results: _Results, eager: _Results) -> str:
    if row := _CALLS.match(line):
        return _row(row, results, _pair)
    if row := _STAGE.match(line):
        return _row(row, results, lambda result: f"{result.alloc:,.0f}")
    if row := _USER.match(line):
        one = results.get((row["name"], *PLAIN))
        return line if one is None else _second(line, f"{one.alloc:,.0f}")
    if row := _EFFICIENCY.match(line):
        one = (eager if row["lazy"] else results).get((row["name"], *PLAIN))
        return line if one is None else _second(line, f"{one.efficiency:.3f}")
    if row := _METADATA.match(line):
        one = results.get(("page.hot", row["index"], PLAIN[1]))
        return line if one is None else _second(line, f"{one.metadata_per_mib:.0f} B per MiB")
    if row := _NOT_LAZY.match(line):
        one = eager.get((row["name"], *PLAIN))
        return line if one is None else _second(line, _pair(one))
    return line


def _row(row: re.Match[str], results: _Results, text: Callable[[Result], str]) -> str:
    """A row with a cell for each of COLUMNS; a further one, the target, stays."""
    cells = [cell.strip() for cell in row["cells"].split("|")]
    for place, variant in enumerate(COLUMNS):
        result = results.get((row["name"], *variant))
        if result is not None:
            cells[place] = text(result)
    padded = "|".join(f" {cell} " if cell else " " for cell in cells)
    return f"| `{row['name']}` |{padded}|"


def _pair(result: Result) -> str:
    return f"{result.alloc:.1f} / {result.free:.1f}"


def _second(line: str, text: str) -> str:
    """``line``, a row, with ``text`` in its second cell."""
    cells = line.split(" | ")
    cells[1] = text
    return " | ".join(cells)


def plans(out: Path) -> Iterator[Plan]:
    """What is measured for the page: all variants as they are, and one that is not lazy."""
    yield Plan(out=out, variants=variants("both", "both"), workloads=(*WORKLOADS, BOOT))
    yield not_lazy_plan(out / "eager")


def not_lazy_plan(out: Path) -> Plan:
    """The few workloads of the page that are measured without lazy unmapping, too."""
    chosen = tuple(one for one in WORKLOADS if one.name in NOT_LAZY_WORKLOADS)
    return Plan(out=out, sets=(NOT_LAZY,), variants=variants(*PLAIN), workloads=chosen)


def user_plan(out: Path) -> Plan:
    """The rows of user space, of one variant."""
    return Plan(out=out, variants=variants(*PLAIN), workloads=(USER,))


def main(words: Sequence[str]) -> int:
    """Measure, and rewrite the page."""
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="kgen-figures-") as name:
        folder = Path(name)
        user = measure(user_plan(folder), Progress())
        page = renewed(page, user)
        if "user" not in words:
            run, not_lazy = (measure(plan, Progress()) for plan in plans(folder))
            page = renewed(page, run, not_lazy)
    version = qemu_version("qemu-system-i386")
    assert version is not None
    page = _MADE_BY.sub(lambda old: f"{user.compiler}{old[2]}{version[0]}.{version[1]}", page)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
