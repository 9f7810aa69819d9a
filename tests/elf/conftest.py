"""Builds the small kernels that the rules of ``kgen.verify`` are tried on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from tests.tools import i386

from kgen import Features, Kernel
from kgen.derive import Derived, derive

SOURCES = Path(__file__).parent / "kernel"

CFLAGS = ("-m32", "-march=i386", "-ffreestanding", "-fno-pic", "-fcf-protection=none", "-g")
LDFLAGS = ("-m", "elf_i386", "--build-id=none", "-z", "max-page-size=4096")


class Build(Protocol):
    """Builds a kernel: the sound one, but for the edits."""

    def __call__(
        self,
        *,
        start: Mapping[str, str] = ...,
        script: Mapping[str, str] = ...,
        append: str = ...,
        link: tuple[str, ...] = ...,
    ) -> Path:
        """Replace texts in start.S and kernel.ld, append assembly, add options of ld."""


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A builder of kernels in a folder of the test's own."""

    def run(
        *,
        start: Mapping[str, str] | None = None,
        script: Mapping[str, str] | None = None,
        append: str = "",
        link: tuple[str, ...] = (),
    ) -> Path:
        assembly, layout = tmp_path / "start.S", tmp_path / "kernel.ld"
        assembly.write_text(_edited("start.S", start or {}) + append)
        layout.write_text(_edited("kernel.ld", script or {}))
        gcc, ld = i386().compiler, i386().linker
        _run(gcc, *CFLAGS, "-c", "start.S", "-o", "start.o", cwd=tmp_path)
        _run(ld, *LDFLAGS, *link, "-T", "kernel.ld", "-o", "kernel.elf", "start.o", cwd=tmp_path)
        return tmp_path / "kernel.elf"

    return run


@pytest.fixture
def default() -> Derived:
    """The numbers of the default kernel without programs, which start.S and kernel.ld keep."""
    return derive(Kernel(features=Features(user_space=False)))


@pytest.fixture
def described() -> Callable[[str], Derived]:
    """The numbers of the default description with another ``cpu.minimum``."""

    def make(minimum: str) -> Derived:
        return derive(Kernel.model_validate({"cpu": {"minimum": minimum}}))

    return make


def _edited(name: str, edits: Mapping[str, str]) -> str:
    text = (SOURCES / name).read_text()
    for old, new in edits.items():
        assert old in text, f"{name} has no {old!r} to replace"
        text = text.replace(old, new)
    return text


def _run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
