"""The default kernel runs programs; one without user space has nothing of it, and boots as fast."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels
from tests.tools import binutil

import kgen_qemu
from kgen_qemu import load_manifest

pytestmark = pytest.mark.boot

Own = Callable[[Path], Path]

COUNTED = ("features.bench=true", "features.tests=false")
"""Kernels that count the instructions of each stage, and run no workload."""


def sources(folder: Path) -> set[str]:
    return {path.relative_to(folder / "src").as_posix() for path in (folder / "src").rglob("*.*")}


def symbols(*files: Path) -> set[str]:
    """Names of functions and data that the files define for others."""
    command = [binutil("nm"), "--defined-only", "--extern-only", "--format=posix", *map(str, files)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in said.splitlines() if len(line.split()) > 2}


def test_without_it_nothing_of_it_is_there(default: Path, plain: Path) -> None:
    """No source, no symbol and no program of it."""
    mine = {name for name in sources(default) if "user" in name or name.startswith("program/")}
    assert len(mine) > 80
    left = sources(plain)
    assert {name for name in left if "user" in name or name.startswith("program/")} == set()
    floor = symbols(*(default / "build/obj/user").glob("*.o"))
    assert {"space_fault", "process_create", "user_report"} <= floor
    assert floor & symbols(plain / "build/kernel.elf") == set()
    assert load_manifest(plain).programs == ()
    sizes = [load_manifest(folder).image_size for folder in (plain, default)]
    assert sizes[0] * 3 < sizes[1] * 2


def test_the_default_program_touches_what_it_was_promised(default: Path, own: Own) -> None:
    result = kgen_qemu.boot(kgen_qemu.boot_request(own(default), memory="2M"))
    assert result.verdict == "pass", result.reasons
    stats = result.transcript.stats
    assert result.transcript.stages[-1].name == "user"
    assert "touched 3, 3 more came" in result.log.read_text()
    assert stats["user.1.faults.zero"] >= 3
    assert stats["user.frames"] == stats["user.tables"] == 0


def instructions(folder: Path, memory: str) -> int:
    """Of all stages, counted exactly: from the CPU's detection to the end of the last one."""
    request = kgen_qemu.boot_request(folder, cpu="pentium3", memory=memory, append="bench=boot")
    result = kgen_qemu.boot(replace(request, machine=replace(request.machine, icount=True)))
    assert result.verdict == "pass", result.reasons
    counted = [one for one in result.transcript.measurements if one.name.startswith("boot.")]
    assert len(counted) == len(result.transcript.stages)
    return sum(one.values["alloc"] for one in counted)


@pytest.mark.parametrize(("memory", "most"), [("64M", 1.24), ("256M", 1.19), ("1G", 1.15)])
def test_a_boot_with_programs_takes_little_more(
    kernels: Kernels, own: Own, memory: str, most: float
) -> None:
    """100,000 instructions and half a one per frame: the more there is to set up, the less it is.

    The goal is 1.15. Most of it is new slabs, the counts of frames, and the lines that are printed.
    """
    without = own(kernels.user(sets=COUNTED))
    having = own(kernels.user(sets=(*COUNTED, "features.user_space=true")))
    assert instructions(having, memory) <= most * instructions(without, memory)
