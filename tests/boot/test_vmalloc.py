"""vmalloc refuses what is wrong by name, explains addresses, and flushes as seldom as it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels

from kgen_qemu.errors import Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]


@pytest.fixture(scope="module")
def wrong(kernels: Kernels) -> Path:
    """The kernel that uses vmalloc wrongly on demand."""
    return kernels.user("vmalloc.c")


GONE = r" \(freed vmalloc mapping of \d+ pages at 0xf88\w+\)"
THERE = r" \((?:inside a|guard after a).* mapping of \d+ pages at 0xf88\w+\)"

REFUSED = {
    "free_twice": r"vfree\(0xf88\w+\): unmapped already" + GONE,
    "free_twice_and_flushed": r"vfree\(0xf88\w+\): nothing is mapped there: unmapped already\?"
    + GONE,
    "free_inside": r"vfree\(0xf88\w+\): not the start of a mapping" + THERE,
    "free_unaligned": r"vfree\(0xf88\w+8\): not the start of a mapping" + THERE,
    "free_stack": r"vfree\(0xc0\w+\): not an address of the arena \(the kernel's own data\)",
    "free_device": r"vfree\(0xf88\w+\): it is ioremap\(\)'s" + THERE,
    "free_an_allocators": r"vfree\(0xf88\w+\): it belongs to an allocator" + THERE,
    "unmap_memory": r"iounmap\(0xf88\w+\): it is vmalloc\(\)'s" + THERE,
    "unmap_too_little": r"vm_unmap\(0xf88\w+\): the mapping is of another size" + THERE,
    "unmap_two_as_one": r"vm_unmap\(0xf88\w+\): the mapping is of another size" + THERE,
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_uses_panic(wrong: Path, boot: Boot, name: str) -> None:
    result = boot(wrong, append=f"trip={name}")
    assert (result.verdict, result.exit_code) == ("panic", Exit.PANIC), result.log.read_text()
    panic = result.transcript.panic
    assert panic is not None
    assert re.fullmatch(REFUSED[name], panic.message), panic.message
    caller = panic.message.split("(")[0]
    assert caller in [(frame.function or "").split(".")[0] for frame in result.frames]


def test_addresses_are_explained(wrong: Path, boot: Boot) -> None:
    result = boot(wrong)
    assert result.verdict == "pass", result.log.read_text()
    places = (
        r"inside a vmalloc mapping of 3 pages at 0x(f88\w+)\n"
        r"guard after a vmalloc mapping of 3 pages at 0x\1\n"
        r"guard after a ioremap mapping of 1 pages at 0xf88\w+\n"
        r"unused part of the arena\n"
        r"freed vmalloc mapping of 3 pages at 0x\1\n"
    )
    assert re.search(places, result.log.read_text().replace("\r", ""))


@pytest.mark.parametrize("cpu", ["386", "486", "pentium3"])
@pytest.mark.parametrize("memory", ["2M", "64M", "1G"])
def test_it_works_everywhere(kernels: Kernels, boot: Boot, cpu: str, memory: str) -> None:
    result = boot(kernels.default(), cpu=cpu, memory=memory)
    assert result.verdict == "pass", result.log.read_text()
    stats = result.transcript.stats
    assert stats["vmalloc.maps"] == stats["vmalloc.unmaps"] > 0
    assert stats["vmalloc.flushes"] > 0


@pytest.mark.parametrize("cpu", ["386", "486"])
@pytest.mark.parametrize(
    "mapping", ["kmalloc.mapping=vmap", "kmalloc.mapping=direct"], ids=["vmap", "direct"]
)
def test_one_flush_serves_64_unmaps(kernels: Kernels, boot: Boot, cpu: str, mapping: str) -> None:
    """Whatever their sizes, where nothing is short; and mapping itself flushes nothing."""
    result = boot(kernels.user("mappings.c", sets=(mapping,)), cpu=cpu)
    assert result.verdict == "pass", result.log.read_text()
    stats = result.transcript.stats
    unmaps = stats["load.unmaps"]
    assert unmaps > 10_000
    assert stats["load.flush_all"] * 64 <= unmaps
    assert stats["load.flush_page"] == 0  # more pages wait than are worth naming
    assert (stats["load.flushes"] + 1) * 64 > unmaps  # and none was left out


def test_every_unmap_flushes_where_none_is_gathered(kernels: Kernels, boot: Boot) -> None:
    """The control: without gathering there are as many flushes as unmaps."""
    result = boot(kernels.user(sets=("vmalloc.lazy=1",)), cpu="386")
    assert result.verdict == "pass", result.log.read_text()
    stats = result.transcript.stats
    assert stats["vmalloc.flushes"] >= stats["vmalloc.unmaps"]
