"""Builds the variants of a description, boots each workload, and collects the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import kgen
import kgen_qemu
from kgen.bench.results import Result, Run
from kgen.bench.rows import PROGRAMS, rows
from kgen.build.toolchain import used
from kgen.errors import Exit, KgenError
from kgen.load import load
from kgen.pipeline import Request, build
from kgen.progress import Progress
from kgen.units import parse_size
from kgen.workloads import WORKLOADS, Workload
from kgen_qemu.transcript import Measurement

PROCESSORS = {"i386": "386", "i686": "pentiumpro"}
"""``--march`` by the description's name for the oldest processor admitted."""

INDEXES = ("lists", "bitmaps")

BOOT = Workload("boot", "each stage of the boot, its messages included", "all", "")

USER = Workload("user", "what user space costs a program: a row for each operation", "all", "")

CPU = "pentium3"
MEMORY = "256M"
TIMEOUT = 120.0  # seconds for each boot


@dataclass(frozen=True)
class Variant:
    """A kernel to measure: ``index`` of the free blocks, ``march`` as gcc names it."""

    index: str
    march: str

    @property
    def sets(self) -> tuple[str, ...]:
        """What makes a described kernel this variant: workloads in, tests and user's code out."""
        alone = ("features.bench=true", "features.user_space=false", "programs=")
        return (*self._common, *alone)

    @property
    def user_sets(self) -> tuple[str, ...]:
        """The same for the kernel that runs the program of the workload ``user``."""
        programs = ",".join(map(str, PROGRAMS))
        return (*self._common, "features.user_space=true", f"programs={programs}")

    @property
    def _common(self) -> tuple[str, ...]:
        return (
            f"buddy.index={self.index}",
            f"cpu.minimum={PROCESSORS[self.march]}",
            "features.tests=false",
            "features.user_space=false",
            "sources=",
            "programs=",
        )

    def runs(self, workload: Workload) -> bool:
        """Whether its code still has what the workload forces: a policy for old processors."""
        return not workload.policy or self.march == "i386"


@dataclass(frozen=True)
class Plan:
    """What to measure: a description, variants of it, workloads, and on which machine."""

    description: Path | None = None
    sets: tuple[str, ...] = ()
    out: Path = Path("kernel_out")
    variants: tuple[Variant, ...] = ()
    workloads: tuple[Workload, ...] = (*WORKLOADS, BOOT, USER)
    cpu: str = CPU
    memory: str = MEMORY
    timeout: float = TIMEOUT

    def folder(self, variant: Variant) -> Path:
        """Where the variant is built."""
        return self.out / "bench" / f"{variant.index}-{variant.march}"

    def user_folder(self, variant: Variant) -> Path:
        """Where the kernel is built that runs the workload ``user``."""
        return self.out / "bench" / f"user-{variant.index}-{variant.march}"

    @property
    def saved(self) -> Path:
        """Where ``--save`` keeps a run."""
        return self.out / "bench" / "saved.json"


def variants(index: str, march: str) -> tuple[Variant, ...]:
    """All that the options ask for; each is a name or ``both``."""
    return tuple(
        Variant(one, other)
        for one in (INDEXES if index == "both" else (index,))
        for other in (PROCESSORS if march == "both" else (march,))
    )


def workloads(names: Sequence[str]) -> tuple[Workload, ...]:
    """The workloads with these names, all for none; KgenError for a name that is not there."""
    known = {workload.name: workload for workload in (*WORKLOADS, BOOT, USER)}
    for name in names:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise KgenError(f"--workload {name}: there is none of that name", hint)
    return tuple(known[name] for name in names) or tuple(known.values())


def measure(plan: Plan, progress: Progress) -> Run:
    """Build and boot all of it. KgenError if a build fails or a boot does not pass."""
    kernel = load(plan.description, plan.sets).kernel
    results: list[Result] = []
    compiler = ""
    inside = tuple(one for one in plan.workloads if one is not USER)
    for variant in plan.variants:
        if inside:
            folder = plan.folder(variant)
            compiler = _built(plan, variant.sets, folder, progress)
        for workload in inside:
            if variant.runs(workload):
                results += collected(variant, workload, _measured(plan, folder, workload))
        if USER in plan.workloads:
            folder = plan.user_folder(variant)
            compiler = _built(plan, variant.user_sets, folder, progress)
            log = _booted(plan, folder, USER).log
            results += rows(log, variant.index, variant.march)
    return Run(kernel.name, plan.cpu, parse_size(plan.memory), tuple(results), compiler=compiler)


def _built(plan: Plan, sets: tuple[str, ...], folder: Path, progress: Progress) -> str:
    """Build a kernel in ``folder``; the compiler's name and version."""
    request = Request(plan.description, (*plan.sets, *sets), folder)
    build(request, progress)
    return used(request.folder.toolchain).release


def _booted(plan: Plan, folder: Path, workload: Workload) -> kgen_qemu.Result:
    """A boot of the kernel in ``folder``, instructions counted. KgenError if it does not pass."""
    request = kgen_qemu.boot_request(
        folder,
        cpu=plan.cpu,
        memory=plan.memory,
        append="" if workload is USER else workload.option,
        timeout=plan.timeout,
    )
    machine = replace(request.machine, icount=True)
    counting = replace(request, machine=machine, kgen=kgen.__version__)
    result = kgen_qemu.boot(counting)
    if result.exit_code:
        raise KgenError(
            f"{workload.name}: {'; '.join(result.reasons)}",
            f"log: {result.log}",
            exit_code=Exit(int(result.exit_code)),
        )
    return result


def _measured(plan: Plan, folder: Path, workload: Workload) -> tuple[Measurement, ...]:
    """What the variant in ``folder`` says of the workload: the stages' lines, or its own one."""
    result = _booted(plan, folder, workload)
    if workload is BOOT:
        return result.transcript.measurements
    own = tuple(one for one in result.transcript.measurements if one.name == workload.name)
    if not own:
        raise KgenError(
            f"{workload.name}: the kernel gave no figures with {plan.memory} on {plan.cpu}",
            f"give it more --memory, or a --cpu that has RDTSC; log: {result.log}",
        )
    return own


def collected(
    variant: Variant, workload: Workload, measurements: Sequence[Measurement]
) -> Iterator[Result]:
    """What the kernel measured, as results. KgenError (exit 1) if memory is not as it was."""
    for one in measurements:
        values = one.values
        calls, managed = values["ops"], values.get("managed", 0)
        is_page = one.name.startswith("page.")
        if values.get("left"):
            raise KgenError(
                f"{one.name} ({variant.index}, {variant.march}): {values['left']} page frames "
                "were not given back",
                "an allocator keeps them: everything was freed, and shrunk",
                exit_code=Exit.FAIL,
            )
        if values.get("changed"):
            raise KgenError(
                f"{one.name} ({variant.index}, {variant.march}): {values['changed']} orders have "
                "more or fewer free blocks than before",
                "free blocks were not merged: everything was freed, and drained",
                exit_code=Exit.FAIL,
            )
        efficiency = values.get("efficiency_ppm", 0)
        yield Result(
            one.name,
            variant.index,
            variant.march,
            alloc=round(values["alloc"] / calls, 3),
            free=round(values["free"] / calls, 3) if workload.free else None,
            efficiency=round(efficiency / 1e6, 4) if efficiency else None,
            metadata_per_mib=round(values["metadata"] * 256 / managed, 1) if is_page else None,
        )
