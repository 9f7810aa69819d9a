"""Detectors of section ``debug``: each finds the mistake that it is there for, nothing else does.

tests/kernels/debugging.c makes one mistake with kmalloc a boot. A kernel with the detector says
which; the same kernel without it does not, so these tests would notice a detector that sleeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kgen.bench.measure import Plan, measure, variants, workloads
from kgen.progress import Progress
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
UserKernel = Callable[..., Path]


@dataclass(frozen=True)
class Detector:
    """``setting`` switches it on; the mistake ``trip`` then ends with the panic ``message``."""

    setting: str
    trip: str
    message: str


DETECTORS = (
    Detector(
        "redzone=true",
        "past",
        r"kfree\(0x\w+\): bytes past its end were overwritten "
        r"\(61 bytes at 0x\w+, allocated from 0xc01\w+\)",
    ),
    Detector(
        "poison=true",
        "freed",
        r"free memory was written at 0x\w+: now 0x01 "
        r"\(kmalloc-112, 50 bytes into an object of 112 bytes\)",
    ),
    Detector(
        "quarantine=32",
        "freed",
        r"quarantine\(0x\w+\): it was written after it was freed "
        r"\(100 bytes at 0x\w+, allocated from 0xc01\w+, freed from 0xc01\w+\)",
    ),
    Detector(
        "magic=derived", "copied", r"kfree\(0x\w+\): not the start of an object \(kmalloc-\d+, "
    ),
)

EVERYTHING = (
    "poison=true",
    "redzone=true",
    "quarantine=64",
    "track=true",
    "leaks=true",
    "fail=true",
    "magic=derived",
)


COSTS = re.findall(
    r"^\| `debug\.(\S+)`.*?\| (\d+) / (\d+) \|",
    (Path(__file__).parents[2] / "docs/debugging.md").read_text(),
    re.MULTILINE,
)


def tripped(boot: Boot, folder: Path, trip: str, more: str = "") -> Result:
    return boot(folder, append=f"trip={trip} {more}".strip())


def stopped(result: Result, detector: Detector) -> bool:
    panic = result.transcript.panic
    return panic is not None and re.match(detector.message, panic.message) is not None


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.setting)
def test_a_detector_finds_its_mistake(
    user_kernel: UserKernel, boot: Boot, detector: Detector
) -> None:
    folder = user_kernel("debugging.c", sets=[f"debug.{detector.setting}"])
    result = tripped(boot, folder, detector.trip)
    assert stopped(result, detector), result.reasons
    assert tripped(boot, folder, "none").verdict == "pass"


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.setting)
def test_without_it_nobody_does(user_kernel: UserKernel, boot: Boot, detector: Detector) -> None:
    result = tripped(boot, user_kernel("debugging.c"), detector.trip)
    assert not stopped(result, detector)
    assert f'nothing stopped trip "{detector.trip}"' in result.log.read_text()


def test_what_is_never_freed_is_told_with_its_call_site(
    user_kernel: UserKernel, boot: Boot
) -> None:
    folder = user_kernel("debugging.c", sets=["debug.leaks=true"])
    forgotten = tripped(boot, folder, "forgotten")
    assert forgotten.transcript.stats["leaks.count"] == 1
    assert forgotten.transcript.stats["leaks.bytes"] == 123
    assert re.search(r"# kgen:leak site=0xc01\w+ count=1 bytes=123\b", forgotten.log.read_text())
    clean = tripped(boot, folder, "none")
    assert clean.transcript.stats["leaks.count"] == 0


@pytest.mark.parametrize(("nth", "failed"), [(2, "100"), (3, "010"), (4, "001"), (5, "000")])
def test_the_allocation_that_is_to_fail_does(
    user_kernel: UserKernel, boot: Boot, nth: int, failed: str
) -> None:
    """The kernel's own first allocation, in stage kmalloc, is number 1."""
    folder = user_kernel("debugging.c", sets=["debug.fail=true"])
    result = tripped(boot, folder, "third", f"fail.nth={nth}")
    assert f"failures: {failed}" in result.log.read_text()


@pytest.mark.parametrize("memory", ["2M", "8M", "64M"])
def test_everything_at_once_passes_the_kernels_own_tests(
    user_kernel: UserKernel, boot: Boot, memory: str
) -> None:
    folder = user_kernel("debugging.c", sets=[f"debug.{one}" for one in EVERYTHING])
    result = boot(folder, memory=memory)
    assert result.verdict == "pass", result.reasons


def test_every_detectors_cost_is_stated() -> None:
    assert [setting.partition("=")[0] for setting, _, _ in COSTS] == [
        "magic",
        "poison",
        "track",
        "redzone",
        "quarantine",
        "trace",
        "fail",
    ]  # that of leaks is in the row of track


@pytest.mark.parametrize(("setting", "alloc", "free"), COSTS)
def test_a_detector_costs_what_the_page_says(
    tmp_path: Path, setting: str, alloc: str, free: str
) -> None:
    """Within a tenth: the page need not follow each instruction of the paths below."""
    plan = Plan(
        sets=(f"debug.{setting}",),
        out=tmp_path,
        variants=variants("lists", "i686"),
        workloads=workloads(["kmalloc.pair64"]),
    )
    [result] = measure(plan, Progress()).results
    assert result.alloc == pytest.approx(int(alloc), rel=0.1)
    assert result.free == pytest.approx(int(free), rel=0.1)
