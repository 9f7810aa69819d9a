"""Kernels that clang compiled: they do what gcc's do, on a 386, and a panic has its names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.boot.conftest import SOURCES, Boot

from kgen.pipeline import Request, build
from kgen.progress import Progress

NAMES = ("clang", *(f"clang-{version}" for version in range(14, 31)))
CLANG = next((name for name in reversed(NAMES) if shutil.which(name)), "clang")

pytestmark = [
    pytest.mark.boot,
    pytest.mark.skipif(shutil.which(CLANG) is None, reason="clang 14 or later is not installed"),
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default kernel with a source of the user's."""
    return _compiled(tmp_path_factory, f"sources={SOURCES / 'lowest_bit.c'}")


def _compiled(tmp_path_factory: pytest.TempPathFactory, setting: str) -> Path:
    out = tmp_path_factory.mktemp("clang") / "out"
    assert build(Request(sets=(setting,), out=out, toolchain=CLANG), Progress()).warnings == ""
    return out


def test_it_passes_and_has_no_newer_instruction(compiled: Path, boot: Boot) -> None:
    result = boot(compiled, cpu="386", expect=["^lowest bit [0-9], none beyond 31$"])
    assert result.verdict == "pass", result.reasons
    assert result.audit is not None
    assert result.audit.violations == ()
    assert result.transcript.count("ok") > 100


def test_a_panic_has_names(compiled: Path, boot: Boot) -> None:
    result = boot(compiled, append="trip")
    assert result.verdict == "panic"
    assert result.reasons == ("the kernel panicked: page fault: write to 0x8: null page",)
    first, second = result.frames[:2]
    assert (first.function, Path(first.file or "").name) == ("kernel_main", "lowest_bit.c")
    lines = (SOURCES / "lowest_bit.c").read_text().splitlines()
    assert "*nowhere = flags" in lines[(first.line or 0) - 1]
    assert (second.function, second.file) == ("kmain", "src/kernel/main.c")


def test_workloads_run(tmp_path_factory: pytest.TempPathFactory, boot: Boot) -> None:
    result = boot(_compiled(tmp_path_factory, "features.bench=true"))
    assert result.verdict == "pass", result.reasons
    assert len(result.transcript.measurements) > 10
