"""The default kernel on every CPU, RAM size, machine and firmware: it passes, and its log agrees.

Each boot must pass by the contract (all stages, a complete plan, no panic), and by the counters
every block of every zone must be free again at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import kgen_qemu
from kgen.derive import STAGES, USER_STAGE
from kgen_qemu.errors import BootError, Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

CPUS = ["486", "pentium", "pentium3", "qemu32", "max"]
SIZES = ["2M", "4M", "16M", "64M", "256M", "300M", "896M", "1G", "3G", "3583M", "3584M", "4G"]

Boot = Callable[..., Result]
UserKernel = Callable[..., Path]


def profile(result: Result, when: str) -> dict[str, int]:
    """Free blocks by ``ZONE.oORDER``, after initialisation (``init``) or at the end (``end``)."""
    prefix = f"page.{when}."
    stats = result.transcript.stats
    return {key.removeprefix(prefix): n for key, n in stats.items() if key.startswith(prefix)}


def free_pages(profile: dict[str, int]) -> int:
    return sum(blocks << int(key.rpartition(".o")[2]) for key, blocks in profile.items())


def assert_sound(result: Result, stages: Sequence[str] = (*STAGES, USER_STAGE)) -> None:
    """A pass, and no page lost."""
    assert result.verdict == "pass", (result.reasons, result.log.read_text())
    assert tuple(stage.name for stage in result.transcript.stages) == stages
    assert result.transcript.count("ok") > 50
    assert result.transcript.count("fail") == 0
    init = profile(result, "init")
    assert init == profile(result, "end")
    stats = result.transcript.stats
    zones = {key.split(".")[0] for key in init}
    assert free_pages(init) == sum(stats[f"buddy.{zone}.free_pages"] for zone in zones)
    assert stats["page.hot.refills"] > 0
    assert stats["page.hot.drains"] > 0
    assert stats["vmalloc.maps"] == stats["vmalloc.unmaps"] > 0
    assert stats["kmalloc.allocs"] == stats["kmalloc.frees"] > 0


def assert_all_ram_counted(result: Result) -> None:
    """Every byte that the loader called available is free, in use, or wasted for a named reason."""
    stats = result.transcript.stats
    available = [region for region in result.transcript.memory_map if region.kind == 1]
    assert stats["mem.available"] == sum(region.length for region in available)
    above = sum(region.length for region in available if region.base >= 1 << 32)
    assert stats["mem.waste.above_4g"] == above
    assert (above > 0) == (result.memory >= 3584 << 20)
    uses = ("kernel", "modules", "early", "free")
    waste = sum(value for key, value in stats.items() if key.startswith("mem.waste."))
    assert sum(stats[f"mem.{use}"] for use in uses) + waste == stats["mem.available"]
    assert stats["mem.free"] == free_pages(profile(result, "init")) * 4096
    assert waste - above < 16384  # parts of pages, page 0, the page below 4 GiB


@pytest.mark.parametrize("memory", SIZES)
@pytest.mark.parametrize("cpu", CPUS)
def test_every_cpu_with_every_memory(default: Path, boot: Boot, cpu: str, memory: str) -> None:
    result = boot(default, cpu=cpu, memory=memory)
    assert_sound(result)
    assert_all_ram_counted(result)
    assert result.transcript.cpu is not None
    assert result.transcript.cpu.policy == "invlpg"
    assert result.transcript.cpu.reason == "detected"
    assert result.transcript.stats["tlb.flush_page"] > 0


@pytest.mark.parametrize("machine", ["q35", "isapc"])
@pytest.mark.parametrize("memory", ["2M", "64M"])
def test_other_machines(default: Path, boot: Boot, machine: str, memory: str) -> None:
    assert_sound(boot(default, machine=machine, memory=memory, cpu="486"))


def test_seabios(default: Path, own: Callable[[Path], Path]) -> None:
    """``pc`` boots with qboot where QEMU has it; SeaBIOS reports another map."""
    request = kgen_qemu.boot_request(own(default))
    plain = kgen_qemu.boot(replace(request, machine=replace(request.machine, firmware=None)))
    assert_sound(plain)
    if request.machine.firmware is not None:
        quick = kgen_qemu.boot(request)
        assert quick.transcript.memory_map != plain.transcript.memory_map


def test_a_slab_that_is_kept_shows(user_kernel: UserKernel, boot: Boot) -> None:
    """The profiles can differ: hello.c keeps an object for ever, and its slab with it."""
    result = boot(user_kernel("hello.c"))
    assert result.verdict == "pass", result.reasons
    kept = free_pages(profile(result, "init")) - free_pages(profile(result, "end"))
    assert 0 < kept <= 4


# --- cpu= on the command line -----------------------------------------------------


@pytest.mark.parametrize("memory", ["2M", "256M"])
def test_as_a_386(default: Path, boot: Boot, memory: str) -> None:
    """Told that it is a 386, the kernel executes no INVLPG and reloads CR3 instead."""
    result = boot(default, cpu="486", memory=memory, append="cpu=386")
    assert_sound(result)
    cpu = result.transcript.cpu
    assert cpu is not None
    assert (cpu.family, cpu.policy, cpu.reason) == (3, "cr3", "forced")
    assert result.transcript.stats["tlb.flush_page"] == 0
    assert result.transcript.stats["tlb.flush_all"] > 0


@pytest.mark.parametrize(("name", "family"), [("486", 4), ("pentium", 5), ("pentiumpro", 6)])
def test_forced_families(default: Path, boot: Boot, name: str, family: int) -> None:
    result = boot(default, append=f"quiet cpu=386 cpu={name}")  # the last one wins
    assert_sound(result)
    cpu = result.transcript.cpu
    assert cpu is not None
    assert (cpu.family, cpu.policy, cpu.reason) == (family, "invlpg", "forced")


@pytest.mark.parametrize(("cpu", "family"), [("486", 4), ("pentium", 5), ("pentium3", 6)])
def test_detected_families(default: Path, boot: Boot, cpu: str, family: int) -> None:
    said = boot(default, cpu=cpu).transcript.cpu
    assert said is not None
    assert said.family == family


def test_an_unknown_cpu_name_is_refused(default: Path, boot: Boot) -> None:
    result = boot(default, append="cpu=foo")
    assert (result.verdict, result.exit_code) == ("panic", Exit.PANIC)
    assert result.reasons[0] == "boot refused: cpu=foo: known are 386, 486, pentium, pentiumpro"


def test_a_cpu_below_the_minimum_is_refused(user_kernel: UserKernel, boot: Boot) -> None:
    out = user_kernel(sets=["cpu.minimum=pentium"])
    assert_sound(boot(out, cpu="pentium"), STAGES)
    result = boot(out, cpu="486")
    assert (result.verdict, result.exit_code) == ("panic", Exit.PANIC)
    assert "boot refused: this CPU is of family 4; the kernel needs a pentium" in result.reasons[0]
    assert result.transcript.stages == ()


# --- sizes ------------------------------------------------------------------------


@pytest.mark.parametrize("memory", ["1M", "2040K", "8K"])
def test_less_than_the_minimum_is_refused(default: Path, memory: str) -> None:
    with pytest.raises(BootError, match=r"needs at least 2M") as caught:
        kgen_qemu.boot_request(default, memory=memory)
    assert caught.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("memory", ["2056K", "5000K", "895M", "897M"])
def test_odd_sizes(default: Path, boot: Boot, memory: str) -> None:
    """Around the direct map's end (896 MiB), and sizes that are no power of two."""
    assert_sound(boot(default, memory=memory, cpu="486"))


# --- determinism --------------------------------------------------------------------


@pytest.mark.parametrize(("machine", "memory"), [("pc", "2M"), ("pc", "64M"), ("isapc", "16M")])
def test_two_boots_give_one_log(default: Path, boot: Boot, machine: str, memory: str) -> None:
    logs = [
        boot(default, machine=machine, memory=memory, append="again").log.read_bytes()
        for _ in range(2)
    ]
    assert logs[0] == logs[1]
    assert b"again" in logs[0]
