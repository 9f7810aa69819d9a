"""docs/page-fault.md is what happens: QEMU logs each instruction of a boot, and they are counted.

Counts are exact for one compiler, which docs/bench.md names: only with that one are they compared.
"""

from __future__ import annotations

import re
import runpy
import subprocess
from bisect import bisect
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from tests.boot.conftest import Kernels

import kgen_qemu
from kgen.build.folder import Folder
from kgen.build.toolchain import used
from kgen_qemu.trace import Trace, qemu_version

pytestmark = pytest.mark.boot

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/page-fault.md").read_text("utf-8")
STEPS = [
    (function, int(count))
    for function, count in re.findall(
        r"^\| [^|]+ \| `(\w+)` \| `[\w/.]+` \| (\d+) \|$", PAGE, re.MULTILINE
    )
]
FIGURES = runpy.run_path(str(ROOT / "benchmarks/figures.py"))
QEMU = "qemu-system-i386"

Step = tuple[str, int]


@pytest.fixture(scope="module")
def kernel(kernels: Kernels) -> Path:
    return kernels.user(sets=("features.user_space=true", "features.tests=false"))


class Text:
    """The functions of a kernel by address, stubs of vectors included."""

    def __init__(self, image: Path) -> None:
        with image.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            found = {one.name: one["st_value"] for one in table.iter_symbols() if one.name}
            marked = {
                one.name for one in table.iter_symbols() if one["st_info"]["type"] == "STT_FUNC"
            }
            functions = {
                name: at
                for name, at in found.items()
                if name in marked or re.fullmatch(r"trap_\d+|user_exit_start", name)
            }
        self.range = found["_kernel_start"], found["_etext"]
        self.names = sorted(functions, key=lambda name: functions[name])
        self.starts = [functions[name] for name in self.names]

    def function(self, at: int) -> str:
        return self.names[bisect(self.starts, at) - 1]


def executed(kernel: Path, log: Path, text: Text) -> Iterator[int]:
    """Addresses of the kernel's instructions in the order of a boot, as QEMU logs them."""
    machine = kgen_qemu.boot_request(kernel).machine
    trace = Trace((text.range,), exact=True, version=qemu_version(QEMU) or (0, 0))
    command = [QEMU, "-accel", "tcg" + trace.accel, "-icount", "shift=0,sleep=off"]
    command += ["-cpu", "pentium3", "-m", f"{machine.memory >> 20}M", "-nodefaults"]
    command += ["-display", "none", "-no-reboot", "-kernel", str(kernel / "build/kernel.elf")]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    command += ["-serial", f"file:{log.with_suffix('.serial')}"]
    options = trace.argv(log)
    options[options.index("in_asm")] = "exec,nochain"
    subprocess.run([*command, *options], timeout=200, check=False)
    with log.open() as file:
        for line in file:
            if found := re.search(r"/([0-9a-f]{8})/", line):
                yield int(found[1], 16)


def faults(addresses: Iterator[int], text: Text) -> list[list[Step]]:
    """Each way from the stub of exception 14, out of ring 3, to IRET: functions, instructions."""
    ways: list[list[str]] = []
    inside = False
    before = ""
    for name in map(text.function, addresses):
        if before == "user_exit_start" != name:  # it was in ring 3
            inside = name == "trap_14"
            ways += [[]] if inside else []
        if inside:
            ways[-1].append(name)
        before = name
    return [[(name, len([*one])) for name, one in groupby(way)] for way in ways]


def test_the_page_has_the_way_of_a_fault(kernel: Path, tmp_path: Path) -> None:
    text = Text(kernel / "build/kernel.elf")
    log = tmp_path / "executed"
    ways = faults(executed(kernel, log, text), text)
    serial = log.with_suffix(".serial").read_text(errors="replace").splitlines()
    (block,) = re.findall(r"Its lines in the log:\n\n```\n(.*?)```", PAGE, re.DOTALL)
    assert [line for line in block.splitlines() if line not in serial] == []
    assert len(ways) == 5
    compiler, _ = FIGURES["made_by"]((ROOT / "docs/bench.md").read_text("utf-8"))
    made_by = used(Folder(kernel).toolchain).release
    if made_by != compiler:
        pytest.skip(f"the counts of docs/page-fault.md are of {compiler}; this is {made_by}")
    assert f"The counts are of {compiler}." in PAGE
    assert ways[2:] == [STEPS, STEPS, STEPS]  # the three touches
    totals = [sum(count for _, count in way) for way in ways[:2]]
    stated = re.findall(
        r"\(([\d,]+)(?: instructions, with a new page table and a neighbour)?\)", PAGE
    )
    assert [f"{total:,}" for total in totals] == [one for one in stated if "," in one][-2:]
