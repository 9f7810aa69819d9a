"""Programs that try what must not be (tests/kernels/programs), on kgen's kernel and on Linux.

They are static i386 Linux programs, built by kgen with its own runtime. Linux says what is right:
each passes there, as the very ELF file that is then embedded in a kernel and passes here.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.boot.conftest import SOURCES, Boot, Kernels
from tests.tools import lacking

PROGRAMS = (
    *("pointers", "mappings", "forking", "stack", "heap", "protect", "signals", "hostile"),
    *("pipes", "executing", "memory", "bomb"),
)
"""Those that pass on Linux."""

OURS = ("hog", "fuzz", "no_fpu", "orphans")
"""Those that look at what a Linux that somebody needs can't be asked for."""

NO_WP = ("pointers", "forking", "protect", "signals", "executing")
"""Those to which it matters that a 386 lets ring 0 write to read-only pages."""


def built(kernels: Kernels, tmp_path: Path, names: tuple[str, ...], cpu: str = "Cpu()") -> Path:
    """The folder of a kernel with these programs."""
    files = [str(SOURCES / "programs" / f"{name}.c") for name in names]
    path = tmp_path / "programs.py"
    path.write_text(
        "from kgen import Cpu, Features, Kernel\n"
        f"kernel = Kernel(name='programs', programs={files!r}, cpu={cpu},\n"
        "    features=Features(tests=False))\n"
    )
    return kernels.user(description=path, sets=["features.user_space=true"])


@pytest.fixture
def kernel(kernels: Kernels, tmp_path: Path) -> Path:
    return built(kernels, tmp_path, (*PROGRAMS, *OURS))


def run_here(elf: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program on this machine's own Linux."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "i686"):
        lacking("no Linux on an x86: what programs are compared with")
    try:
        return subprocess.run(
            [str(elf), *arguments], capture_output=True, text=True, timeout=100, check=False
        )
    except OSError as error:
        lacking(f"this Linux runs no 32-bit programs: {error}")


def complaints(text: str) -> list[str]:
    return re.findall(r"^not ok .*", text, re.MULTILINE)


@pytest.mark.parametrize("name", PROGRAMS)
def test_linux_says_what_is_right(kernel: Path, name: str) -> None:
    done = run_here(kernel / "build/programs" / name)
    assert complaints(done.stdout) == []
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.boot
@pytest.mark.parametrize("name", [*PROGRAMS, *OURS])
def test_a_program_passes(kernel: Path, boot: Boot, name: str) -> None:
    result = boot(kernel, append=f"init={name}", timeout=60)
    assert complaints(result.log.read_text()) == []
    assert result.verdict == "pass", result.reasons


@pytest.mark.boot
@pytest.mark.parametrize("name", NO_WP)
def test_a_program_passes_where_ring_0_writes_anywhere(kernel: Path, boot: Boot, name: str) -> None:
    """As the kernel behaves on a 386. That none of its newer instructions ran is audited."""
    result = boot(kernel, append=f"init={name}", cpu="386", memory="16M", timeout=60)
    assert complaints(result.log.read_text()) == []
    assert result.verdict == "pass", result.reasons


@pytest.mark.boot
def test_a_deadlock_ends(kernel: Path, boot: Boot, tmp_path: Path) -> None:
    """Process 1 waits for what nobody can do: it is told, and ended."""
    elf = tmp_path / "stuck"
    elf.write_bytes((kernel / "build/programs/orphans").read_bytes())
    result = boot(kernel, init=f"{elf} deadlock", timeout=60)
    assert result.verdict == "fail", result.reasons
    assert "stuck[1] waits in read" in result.log.read_text()


@pytest.mark.boot
@pytest.mark.parametrize("memory", ["8M", "16M", "1G"])
def test_a_hog_ends_alone(kernel: Path, boot: Boot, memory: str) -> None:
    result = boot(kernel, append="init=hog", memory=memory, timeout=60)
    assert complaints(result.log.read_text()) == []
    assert result.verdict == "pass", result.reasons


@pytest.mark.boot
@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_million_random_calls(kernel: Path, boot: Boot, tmp_path: Path, seed: int) -> None:
    elf = tmp_path / "fuzzing"
    elf.write_bytes((kernel / "build/programs/fuzz").read_bytes())
    result = boot(kernel, init=f"{elf} {seed} 1000000", timeout=110)
    assert complaints(result.log.read_text()) == []
    assert result.verdict == "pass", result.reasons


@pytest.mark.boot
def test_the_x87_is_each_programs_own(kernels: Kernels, boot: Boot, tmp_path: Path) -> None:
    folder = built(kernels, tmp_path, ("floating",), "Cpu(fpu='x87')")
    done = run_here(folder / "build/programs/floating")
    assert (complaints(done.stdout), done.returncode) == ([], 0)
    result = boot(folder)
    assert complaints(result.log.read_text()) == []
    assert result.verdict == "pass", result.reasons
