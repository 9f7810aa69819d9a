"""Programs of ``tests/programs``: they need no library, and run on Linux and on kgen alike."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.tools import i386

PROGRAMS = Path(__file__).parents[1] / "programs"

FLAGS = (
    *("-m32", "-march=i386", "-O1", "-ffreestanding", "-fno-builtin", "-nostdlib", "-static"),
    *("-fno-pie", "-no-pie", "-fno-stack-protector", "-fcf-protection=none", "-Wl,--build-id=none"),
)


def compiled(name: str, folder: Path) -> Path:
    """The program, in ``folder``; made once."""
    made = folder / name
    if not made.exists():
        source = str(PROGRAMS / f"{name}.c")
        subprocess.run([i386().compiler, *FLAGS, source, "-o", str(made)], check=True)
    return made


def said(log: Path) -> list[str]:
    """What process 1 printed: the log between the demonstration and the end of stage ``user``."""
    text = log.read_bytes().decode("latin-1").replace("\r\n", "\n")
    after = text.partition("name=allocate\n")[2]
    return after.partition("# kgen:exit")[0].split("\n")
