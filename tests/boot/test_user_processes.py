"""Processes and signals: calls answer, handlers see, and programs end as Linux has it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.boot.conftest import Boot, Kernels
from tests.boot.plain_programs import compiled, said

pytestmark = pytest.mark.boot


@pytest.fixture
def kernel(kernels: Kernels) -> Path:
    """A kernel with user space, without tests of its own."""
    return kernels.user(sets=["features.user_space=true", "features.tests=false"])


def answers(lines: list[str]) -> list[str]:
    return [line for line in lines if line.partition(":")[0].isdigit()]


@pytest.mark.parametrize(("cpu", "memory"), [("386", "8M"), ("pentium", "2G")])
def test_process_calls_answer_as_linux_does(
    kernel: Path, boot: Boot, tmp_path: Path, cpu: str, memory: str
) -> None:
    """Some 390 lines, the same on both."""
    calls = compiled("process_calls", tmp_path)
    folder = tmp_path / "empty"
    folder.mkdir()
    native = subprocess.run([calls, folder], capture_output=True, text=True, check=True)
    result = boot(kernel, cpu=cpu, memory=memory, init=f"{calls} /tmp")
    assert result.verdict == "pass", result.reasons
    wanted = answers(native.stdout.splitlines())
    assert len(wanted) > 350
    assert answers(said(result.log)) == wanted


def test_fork_and_execve_fail_without_a_trace(kernels: Kernels, boot: Boot) -> None:
    """A program that forks, executes and is signalled: each of its requests for memory fails once.

    Whichever it is, no frame and no record is lost, and the kernel stands.
    """
    folder = kernels.user(sets=["features.user_space=true", "debug.fail=true"])
    result = boot(folder, append="fail.sweep=full fail.suite=user_process", timeout=100)
    assert result.verdict == "pass", result.reasons
    swept = re.search(
        r"forks_executes_and_ends: (\d+) requests, (\d+) of them failed in turn",
        result.log.read_text(),
    )
    assert swept
    assert int(swept[1]) > 80
    assert swept[1] == swept[2]
