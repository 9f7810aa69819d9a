"""What tests need of the machine that they run on, looked for as kgen does, or skipped by name.

Programs for i386 are made by the compiler that kgen itself finds there: a machine whose only gcc is
i686-linux-gnu-gcc runs these tests as well. Tools that are not on every machine (GRUB, a gcc for
native programs, an x86 processor, pseudo-terminals) cause a skip that names what is missing.
"""

from __future__ import annotations

import os
import platform
import pty
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from kgen import Kernel
from kgen.build.flags import compile_flags
from kgen.build.toolchain import Toolchain, discover
from kgen.errors import KgenError
from kgen.image.iso import find_grub

_EXIT = """
	.globl _start
_start:
	movl $1, %eax
	xorl %ebx, %ebx
	int $0x80
"""


def lacking(what: str) -> NoReturn:
    """Skip the test for what this machine lacks; in CI, where set-up brings it on x86, fail."""
    if os.environ.get("CI") and platform.machine() == "x86_64":
        pytest.fail(what)
    pytest.skip(what)


@cache
def i386() -> Toolchain:
    """The compiler and the linker that kernels are made with here."""
    with tempfile.TemporaryDirectory() as folder:
        return discover("auto", compile_flags(Kernel()), Path(folder, "toolchain.json"))


@cache
def binutil(name: str) -> str:
    """The ``objcopy``, ``nm``, … that goes with that compiler."""
    command = [i386().compiler, f"-print-prog-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def addresses(elf: Path) -> dict[str, int]:
    """The symbols of an ELF file."""
    command = [binutil("nm"), str(elf)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: int(value, 16) for value, name in re.findall(r"(\w+) \w (\w+)", text)}


def native_gcc() -> str:
    """A gcc for programs that run here, with a C library; without it the test is skipped."""
    if not _makes_programs():
        lacking("no gcc with a C library for programs of this machine's own (gcc, libc6-dev)")
    return "gcc"


@cache
def _makes_programs() -> bool:
    if shutil.which("gcc") is None:
        return False
    source = "#include <stdio.h>\nint main(void) { return 0; }\n"
    with tempfile.TemporaryDirectory() as folder:
        command = ["gcc", "-x", "c", "-", "-o", str(Path(folder, "program"))]
        return not subprocess.run(command, input=source, capture_output=True, text=True).returncode


def needs_i386() -> None:
    """Skip the test unless this machine runs 32-bit x86 programs."""
    if complaint := _refuses_i386():
        lacking(f"this machine does not run 32-bit x86 programs: {complaint}")


@cache
def _refuses_i386() -> str:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "exit")
        flags = ["-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"]
        command = [i386().compiler, *flags, "-x", "assembler", "-", "-o", str(program)]
        subprocess.run(command, input=_EXIT, text=True, check=True)
        try:
            status = subprocess.run([program], check=False).returncode
        except OSError as error:
            return str(error.strerror)
    return f"exit status {status}" if status else ""


def needs_grub() -> None:
    """Skip the test unless GRUB's tools are there, which only x86 has in full."""
    try:
        find_grub()
    except KgenError as error:
        lacking(error.what)


def terminal() -> tuple[int, int]:
    """A pseudo-terminal's two ends; without one (no devpts) the test is skipped."""
    try:
        return pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal is available here (is devpts mounted?): {error.strerror}")
