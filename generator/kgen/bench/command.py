"""The verb ``kgen bench``: its options checked, a run measured, shown, kept and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kgen.bench.measure import Plan, measure, variants, workloads
from kgen.bench.results import Run, load_run
from kgen.bench.table import table
from kgen.errors import Exit, KgenError
from kgen.files import check_writable, exists, shown, write_whole
from kgen.progress import Progress, answer, say, say_error
from kgen_qemu import cpus, request

PICTURES = (".png", ".svg")


@dataclass(frozen=True)
class Options:
    """The options of ``kgen bench`` as typed."""

    description: Path | None
    sets: tuple[str, ...]
    out: Path
    index: str
    march: str
    workloads: Sequence[str]
    cpu: str
    memory: str
    timeout: float
    host: bool
    save: bool
    against: Path | None
    tolerance: float
    plot: Path | None
    as_json: bool

    @property
    def plan(self) -> Plan:
        """What is to be measured."""
        return Plan(
            self.description,
            self.sets,
            self.out,
            variants(self.index, self.march),
            workloads(self.workloads),
            self.cpu,
            self.memory,
            self.timeout,
        )


def bench(options: Options, progress: Progress) -> Exit:
    """Do what ``options`` say; exit code 1 for a regression.

    Their errors are found before anything is built.
    """
    _check(options)
    plan = options.plan
    before = load_run(options.against) if options.against else None
    saved = load_run(plan.saved) if exists(plan.saved) else None
    run = measure(plan, progress)
    if options.host:
        from kgen.bench.host import measure_host

        run = replace(run, host=measure_host(plan))
    progress.close()
    beside = before or saved
    if beside and not run.is_like(beside):
        beside = None
    if options.as_json:
        answer(run.to_json())
    else:
        say(table(run, beside))
    if beside and not run.is_of(beside):
        say_error(
            f"kgen: the other run is of {beside.compiler}, this one of {run.compiler}: figures of "
            "two compilers differ though the code is the same"
        )
    if options.save:
        write_whole(plan.saved, (run.to_json() + "\n").encode())
    if options.plot:
        from kgen.bench.plot import draw

        draw(run, options.plot)
    return _judge(run, before, options.tolerance)


def _check(options: Options) -> None:
    # Written so that NaN is refused as well.
    if not options.tolerance >= 1:
        raise KgenError(
            f"--tolerance {options.tolerance:g}: must be 1 or more",
            "1.02 lets a figure get two per cent worse",
        )
    request.check(request.Options(cpu=options.cpu, memory=options.memory, timeout=options.timeout))
    cpus.check(options.cpu, request.find_binary())
    if options.save:
        check_writable(options.plan.saved)
    if options.plot is None:
        return
    check_writable(options.plot)
    if options.plot.suffix not in PICTURES:
        raise KgenError(f"--plot {shown(options.plot)}: ends neither in .png nor in .svg")
    from kgen.bench.plot import require

    require()


def _judge(run: Run, before: Run | None, tolerance: float) -> Exit:
    """Name what got worse."""
    worse = run.regressions(before, tolerance) if before else []
    for change in worse:
        say_error(f"kgen: regression: {change}")
    return Exit.FAIL if worse else Exit.PASS
