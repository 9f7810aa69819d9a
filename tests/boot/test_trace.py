"""``debug.trace``: what a kernel records of its allocations is what it did.

tests/kernels/trace.c tells what it does in the words of a trace, and the kernel records it; both
must come to the same weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgen.cli import run as kgen
from kgen.tune import read_trace
from kgen_qemu.result import Result
from kgen_qemu.transcript import MAX_MACHINE_LINE

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
UserKernel = Callable[..., Path]

SETS = ["debug.trace=true"]
ALONE = [*SETS, "features.tests=false"]


def told(log: str) -> str:
    """The trace that the program told, with the kernel's own first allocation in front."""
    events = re.findall(r"^= (.*?)\r?$", log, re.MULTILINE)
    assert len(events) > 500
    return "\n".join(["a 1 0", "f 0", *events]) + "\n"


@pytest.mark.parametrize("more", [[], ["debug.quarantine=64", "debug.poison=true"]])
def test_what_is_recorded_is_what_was_done(
    user_kernel: UserKernel, boot: Boot, tmp_path: Path, more: list[str]
) -> None:
    result = boot(user_kernel("trace.c", sets=[*ALONE, *more]))
    assert result.verdict == "pass", result.reasons
    log = result.log.read_bytes().decode()
    (tmp_path / "told.txt").write_text(told(log))
    weights = read_trace(tmp_path / "told.txt")
    assert read_trace(result.log) == weights
    assert len(weights) > 100
    lines = re.findall(r"^# kgen:trace .*$", log, re.MULTILINE)
    assert len(lines) > 10
    assert max(map(len, lines)) <= MAX_MACHINE_LINE


def test_the_tests_are_not_recorded(user_kernel: UserKernel, boot: Boot) -> None:
    """The program, hello.c, allocates once; the tests thousands of times."""
    result = boot(user_kernel("hello.c", sets=SETS))
    assert result.verdict == "pass", result.reasons
    assert result.transcript.stats["kmalloc.allocs"] > 1000
    log = result.log.read_text()
    (line,) = re.findall(r"^# kgen:trace i=0 ops=(\S+)$", log, re.MULTILINE)
    assert line.count(",") < 10
    assert log.index("# kgen:trace") < log.index("name=allocate")


def test_nothing_is_recorded_unless_asked_for(
    default: Path, boot: Boot, capfd: pytest.CaptureFixture[str]
) -> None:
    log = boot(default).log
    assert "kgen:trace" not in log.read_text()
    assert kgen(["tune", str(log)]) == 2
    assert "--set debug.trace=true" in capfd.readouterr().err


def proposed(result: Result, classes: int, capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What ``kgen tune`` makes of a boot's log."""
    capfd.readouterr()
    assert kgen(["tune", str(result.log), "--classes", str(classes), "--json"]) == 0
    proposal: dict[str, Any] = json.loads(capfd.readouterr().out)
    return proposal


def test_classes_for_a_log(
    user_kernel: UserKernel, boot: Boot, capfd: pytest.CaptureFixture[str]
) -> None:
    proposal = proposed(boot(user_kernel("trace.c", sets=ALONE)), 6, capfd)
    assert len(proposal["classes"]) == 6
    assert proposal["efficiency"] > 0.8
    assert proposal["larger"] > 0.5


def filled(result: Result) -> float:
    """What was asked for, as a part of kmalloc's live slots."""
    stats = result.transcript.stats
    names = [key.split(".")[1] for key in stats if re.match(r"slab\.kmalloc-\d+\.objects$", key)]
    slots = sum(stats[f"slab.{name}.objects"] * stats[f"slab.{name}.bytes"] for name in names)
    return stats["load.bytes"] / slots


def test_the_predicted_gain_comes_true(
    user_kernel: UserKernel, boot: Boot, capfd: pytest.CaptureFixture[str]
) -> None:
    """Classes for a log, and the same load with them, not watched: the kernel's own counters."""
    proposal = proposed(boot(user_kernel("load.c", sets=ALONE)), 8, capfd)
    without_tests = ["features.tests=false"]
    before = boot(user_kernel("load.c", sets=without_tests))
    after = boot(user_kernel("load.c", sets=[*without_tests, proposal["setting"]]))
    assert filled(before) == pytest.approx(proposal["efficiency_before"], abs=0.01)
    assert filled(after) == pytest.approx(proposal["efficiency"], abs=0.01)
    assert filled(after) > filled(before) + 0.05
