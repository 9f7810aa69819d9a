"""The workloads as a native program: nanoseconds, and instructions by another count.

The kernel's own page allocator, kmalloc and workloads are compiled as for the kernel and run as a
32-bit Linux process, on ``native/host.c`` in place of the machine. Time is what RDTSC tells, so a
figure is a mean over many calls on one machine in one hour. Where valgrind is installed, callgrind
counts instructions as well: the same as QEMU in the kernel, found in another way.

There are no page tables to write, so large allocations come from the direct map and the workloads
``vm.`` and ``boot.`` stay out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kgen.bench.measure import Plan, Variant
from kgen.bench.results import HostResult
from kgen.build.flags import ARCHITECTURES, compile_flags
from kgen.build.folder import Folder
from kgen.build.toolchain import discover
from kgen.errors import Exit, KgenError
from kgen.load import load, prove
from kgen.paths import templates_dir
from kgen.render import render
from kgen.scratch import scratch

RUNS = 7
"""Runs of each workload, of which the quickest counts: others shared the machine."""

DRIVER = Path(__file__).parent / "native" / "host.c"

_MACHINES = {
    "base/ktest.c",
    "base/panic.c",
    "mm/arena.c",
    "mm/early.c",
    "mm/memblock.c",
    "mm/kspace.c",
    "mm/memmap.c",
    "mm/modules.c",
    "mm/multiboot.c",
    "mm/place.c",
    "mm/vmalloc.c",
    "mm/vmalloc_check.c",
}
"""What is below the allocators: ``native/host.c`` takes its place."""

_LINK = ("-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none,--gc-sections,-z,noexecstack")

_FIELD = re.compile(r"([a-z_]+)=(\S+)")
_NAMED = re.compile(r"\((\d+)\)(?: (.*))?")


def measure_host(plan: Plan) -> tuple[HostResult, ...]:
    """The page and kmalloc workloads of every variant. KgenError where it cannot be done."""
    return tuple(
        _result(program, workload.name, variant)
        for variant in plan.variants
        for program in [compile_program(plan, variant)]
        for workload in plan.workloads
        if workload.name.startswith(("page.", "kmalloc."))
    )


def compile_program(plan: Plan, variant: Variant) -> Path:
    """The program for one variant, in a folder beside the kernel's."""
    root = plan.folder(variant)
    folder = Folder(root.with_name(f"{root.name}-host").resolve())
    sets = (*plan.sets, *variant.sets, "kmalloc.mapping=direct")
    derived = prove(load(plan.description, sets))
    tree = render(derived, templates_dir())
    tree.write(folder.src, folder.record)
    paths = [file.output.path for file in tree.files]
    program = folder.build / "host"
    march = ARCHITECTURES[derived.kernel.cpu.minimum]
    flags = compile_flags(derived.kernel)
    gcc = discover("auto", flags, folder.toolchain)
    command = [gcc.compiler, *flags, f"-march={march}", "-ffunction-sections"]
    command += ["-I", str(folder.src / "include"), str(DRIVER)]
    command += [str(folder.src / path) for path in sorted(paths) if _is_part(path)]
    command += [*_LINK, "-o", str(program)]
    done = _run(command, gcc.name)
    if done.returncode:
        raise KgenError(
            f"--host: {gcc.name} refused the program:\n{done.stderr}",
            "it takes one that makes programs for Linux",
            exit_code=Exit.BUILD,
        )
    return program


def _is_part(path: str) -> bool:
    """Whether a rendered file belongs to the program."""
    if not path.endswith((".c", ".S")) or path.endswith("_report.c") or path in _MACHINES:
        return False
    return path.startswith(("base/", "bench/", "mm/"))


def _run(command: Sequence[str | Path], what: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        hint = "it takes a Linux that runs 32-bit x86 programs"
        raise KgenError(f"--host: {what}: {error}", hint, exit_code=Exit.BUILD) from None


def _result(program: Path, workload: str, variant: Variant) -> HostResult:
    taken = [_nanoseconds(program, workload) for _ in range(RUNS)]
    alloc, free = (round(min(values), 2) for values in zip(*taken, strict=True))
    found = HostResult(workload, variant.index, variant.march, alloc, free)
    if shutil.which("valgrind") is None:
        return found
    counted = count_instructions(program, workload)
    return replace(found, alloc=counted[0], free=counted[1])


def _nanoseconds(program: Path, workload: str) -> tuple[float, float]:
    """Nanoseconds per call, to allocate and to free."""
    done = _run([program, f"bench={workload}"], program.name)
    lines = {
        words[0]: dict(_FIELD.findall(line))
        for line in done.stdout.splitlines()
        if (words := line.removeprefix("# kgen:").split())
    }
    if done.returncode or "bench" not in lines or "clock" not in lines:
        said = (done.stdout + done.stderr).strip() or f"status {done.returncode}"
        raise KgenError(f"--host: {workload}: {said}", exit_code=Exit.FAIL)
    taken, clock = lines["bench"], lines["clock"]
    scale = int(clock["ns"]) / int(clock["ticks"]) / int(taken["ops"])
    return int(taken["alloc"]) * scale, int(taken["free"]) * scale


# --- callgrind -------------------------------------------------------------------


def count_instructions(program: Path, workload: str) -> tuple[float, float]:
    """Instructions per measured call, to allocate and to free, as callgrind counts them."""
    with scratch("kgen-bench-") as folder:
        out = folder / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        done = _run([*command, program, f"bench={workload}"], "valgrind")
        if done.returncode:
            raise KgenError(f"--host: valgrind: {done.stderr}", exit_code=Exit.FAIL)
        return per_call(out.read_text(encoding="utf-8"))


def per_call(profile: str) -> tuple[float, float]:
    """Mean inclusive cost of the calls that the ``timed_`` functions make.

    ``profile`` is callgrind's output format 1: ``fn=`` begins a function, ``cfn=`` names one that
    it calls, ``calls=`` how often, and the line after it ends with what the calls cost.
    """
    calls, cost = Counter[str](), Counter[str]()
    for caller, count, instructions in _calls(profile):
        if caller.startswith("timed_"):
            kind = "free" if "free" in caller else "alloc"
            calls[kind] += count
            cost[kind] += instructions
    return cost["alloc"] / calls["alloc"], cost["free"] / calls["free"]


def _calls(profile: str) -> Iterator[tuple[str, int, int]]:
    """Every call record: the caller's name, how often, and the cost of all together."""
    names: dict[str, str] = {}
    caller, count = "", 0
    for line in profile.splitlines():
        key, equals, value = line.partition("=")
        if key in ("fn", "cfn"):
            match = _NAMED.fullmatch(value)
            if match and match[2]:  # a name is written once, afterwards its number
                names[match[1]] = match[2]
            if key == "fn" and match:
                caller = names[match[1]]
        elif key == "calls":
            count = int(value.split()[0])
        elif count and not equals:
            yield caller, count, int(line.split()[1])
            count = 0
