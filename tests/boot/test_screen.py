"""The VGA console: what a PC without a serial line shows.

The machine here has no serial line and no debug-exit port: the kernel ends by halting, and its
screen stays. Text mode is 80 x 25 cells at 0xb8000, a character and an attribute each; QEMU's
monitor writes them to a file.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels

pytestmark = pytest.mark.boot

COLUMNS, ROWS = 80, 25
CELLS = COLUMNS * ROWS * 2
SECONDS = 30.0


@contextmanager
def machine(folder: Path, command_line: str) -> Iterator[subprocess.Popen[str]]:
    """A PC with a screen that boots the kernel in ``folder``; its monitor is stdin."""
    argv = ["qemu-system-i386", "-nodefaults", "-display", "none", "-vga", "std"]
    argv += ["-monitor", "stdio", "-m", "64M", "-cpu", "486", "-no-reboot"]
    argv += ["-kernel", str(folder / "build/kernel.elf"), "-append", command_line]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    ) as qemu:
        try:
            yield qemu
        finally:
            qemu.kill()


def screen(qemu: subprocess.Popen[str], file: Path) -> list[str]:
    """The rows of the screen at this moment, without trailing blanks."""
    assert qemu.stdin is not None
    file.unlink(missing_ok=True)
    print(f'pmemsave 0xb8000 {CELLS} "{file}"', file=qemu.stdin, flush=True)
    deadline = time.monotonic() + SECONDS
    while not file.exists() or file.stat().st_size < CELLS:
        assert time.monotonic() < deadline, "QEMU's monitor does not answer"
        time.sleep(0.01)
    text = file.read_bytes()[::2].decode("cp437")
    return [text[at : at + COLUMNS].rstrip(" \0") for at in range(0, len(text), COLUMNS)]


def wait_for(
    qemu: subprocess.Popen[str], file: Path, seen: Callable[[list[str]], bool], seconds: float
) -> list[str]:
    """The first screen that ``seen`` accepts, or the last one before time is up."""
    deadline = time.monotonic() + seconds
    while True:
        rows = screen(qemu, file)
        if seen(rows) or time.monotonic() > deadline:
            return rows
        time.sleep(0.05)


def test_a_screen_shows_the_log(kernels: Kernels, tmp_path: Path) -> None:
    """The end of the log in the last rows, and nothing that is for programs."""
    folder = kernels.user(sets=["console.vga=true"])
    with machine(folder, "") as qemu:
        rows = wait_for(qemu, tmp_path / "screen", lambda rows: "pass: " in rows[-2], SECONDS)
    assert rows[-2].startswith("pass: ")
    assert ", 0 failed" in rows[-2]
    assert rows[-3].startswith("ok ")
    assert rows[-1] == ""
    assert not any("kgen:" in row for row in rows)


def test_a_screen_shows_a_panic(kernels: Kernels, tmp_path: Path) -> None:
    """The cause in words and the registers."""
    folder = kernels.faults(sets=["console.vga=true"])
    with machine(folder, "trip=read_null") as qemu:
        rows = wait_for(qemu, tmp_path / "screen", lambda rows: "cr2=" in "".join(rows), SECONDS)
    at = next(i for i, row in enumerate(rows) if row.startswith("kernel panic: "))
    assert rows[at] == "kernel panic: page fault: read from 0x0: null page"
    assert rows[at + 1].lstrip().startswith("eip=c0")
    assert "cr2=00000000" in rows[at + 4]


def test_without_the_console_the_screen_is_the_firmwares(kernels: Kernels, tmp_path: Path) -> None:
    """The default kernel leaves it alone: the two tests above see the console's work."""
    with machine(kernels.default(), "") as qemu:
        rows = wait_for(qemu, tmp_path / "screen", lambda rows: "pass: " in "".join(rows), 2.0)
    assert not any("pass: " in row for row in rows)
