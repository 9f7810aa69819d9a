"""Memory accounted for to the byte: what the kernel says is what Python predicts, everywhere.

``kgen boot`` compares in every boot, so a pass asserts it already; here it is asserted that the
comparison took place, over RAM sizes, CPUs, firmwares, modules and kernels, and that a kernel
which counts wrong, or loses memory, does not pass.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels
from tests.descriptions import WITHOUT_USER_SPACE

from kgen.paths import templates_dir
from kgen.pipeline import Request as Build
from kgen.pipeline import build
from kgen.progress import Progress
from kgen_qemu.errors import Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
MiB = 1 << 20
GiB = 1 << 30


def assert_accounted(result: Result, figures: int = 40) -> None:
    assert result.verdict == "pass", result.reasons
    assert result.accounting is not None
    assert result.accounting.mismatches == ()
    assert result.accounting.checked >= figures


@pytest.mark.parametrize(
    "memory", ["2M", "2056K", "3M", "4M", "16M", "300M", "895M", "896M", "900M", "1G", "3583M"]
)
@pytest.mark.parametrize("cpu", ["386", "486", "pentium", "pentium3"])
def test_sizes_and_cpus(default: Path, boot: Boot, cpu: str, memory: str) -> None:
    assert_accounted(boot(default, cpu=cpu, memory=memory))


@pytest.mark.parametrize("firmware", ["qboot", "seabios"])
@pytest.mark.parametrize("machine", ["pc", "q35", "isapc"])
def test_machines_and_firmwares(default: Path, boot: Boot, machine: str, firmware: str) -> None:
    assert_accounted(boot(default, machine=machine, firmware=firmware, memory="48M"))


@pytest.mark.parametrize("memory", ["2M", "64M", "4G"])
def test_modules(default: Path, boot: Boot, tmp_path: Path, memory: str) -> None:
    """Sizes around a page, none at all, and one that pushes early data beyond the boot mapping."""
    sizes = [0, 1, 4095, 4096, 4097, 70000] + ([] if memory == "2M" else [40 * MiB // 4])
    modules = []
    for number, length in enumerate(sizes):
        path = tmp_path / f"module{number}"
        path.write_bytes(b"m" * length)
        modules.append(path)
    for count in (1, 2, len(modules)):
        result = boot(default, memory=memory, modules=modules[-count:], cpu="486")
        assert_accounted(result)
        assert len(result.transcript.modules) == count


@pytest.mark.parametrize(
    "sets",
    [
        ["buddy.max_order=0", "features.tests=false"],
        ["buddy.max_order=12", "ram.minimum=4M"],
        ["layout.direct_map_limit=128M"],
        ["memblock.regions=16", "memblock.map_entries=8"],
    ],
    ids=" ".join,
)
def test_other_kernels(kernels: Kernels, boot: Boot, sets: list[str]) -> None:
    out = kernels.user(sets=sets)
    for memory in ("4M", "200M", "2G"):
        assert_accounted(boot(out, memory=memory, cpu="pentium"), figures=15)


# --- where RAM is split around 4 GiB ----------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "machine", "above"),
    [
        ("3583M", "pc", 0),
        ("3584M", "pc", 512 * MiB),  # from 3.5 GiB on QEMU leaves 3 GiB below, and moves the rest
        ("4G", "pc", GiB),
        ("2G", "pc,max-ram-below-4g=1G", GiB),
        ("4G", "pc,max-ram-below-4g=2560M", 1536 * MiB),
        ("4G", "q35", 2 * GiB),
    ],
)
def test_ram_above_4_gib(default: Path, boot: Boot, memory: str, machine: str, above: int) -> None:
    result = boot(default, memory=memory, machine=machine, cpu="pentium3")
    assert_accounted(result)
    assert result.transcript.stats["mem.waste.above_4g"] == above
    assert result.transcript.stats["mem.available"] > result.memory - 2 * MiB


def test_the_log_names_whose_a_region_is(default: Path, boot: Boot) -> None:
    """Early allocations are adjacent to page 0, but are not reported under that name."""
    result = boot(default)
    reserved = re.findall(r"memblock: reserved 0x(\w+)-0x(\w+) (.+?)\s*\n", result.log.read_text())
    sizes = {owner: int(last, 16) + 1 - int(first, 16) for first, last, owner in reserved}
    assert sizes == {"page 0": 4096, "image": result.transcript.stats["mem.kernel"]}


def test_less_than_one_percent_is_waste_at_16_mib(default: Path, boot: Boot) -> None:
    stats = boot(default, memory="16M", cpu="486").transcript.stats
    waste = sum(n for key, n in stats.items() if key.startswith("mem.waste."))
    assert 0 < waste < 16 * MiB // 100


# --- kernels whose accounts are wrong ----------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "old", "new", "caught"),
    [
        (
            "mm/early_report.c",
            'kgen_stat(stats->early, "mem.early");',
            'kgen_stat(stats->early + 1, "mem.early");',
            {"mem.early", "mem.available (the sum of all parts)"},
        ),
        (
            "mm/memblock.c",
            "mb->cursor = found + size;",
            "mb->cursor = found + size + PAGE_SIZE;",
            {"page.init.dma.o0"},
        ),
        (
            "mm/memmap.c",
            "range.end = ALIGN_DOWN(end, unit);",
            "range.end = ALIGN_DOWN(end, unit * 2);",
            {"mem.waste.rounding"},
        ),
        (
            "mm/kspace.c",
            "map_direct(PAGE_SIZE, FIRST_MIB);",
            "map_direct(PAGE_SIZE, FIRST_MIB / 2), map_direct(FIRST_MIB - PAGE_SIZE, FIRST_MIB);",
            {"paging.direct_pages"},
        ),
    ],
    ids=["a figure", "the bump", "the rounding", "the direct map"],
)
def test_a_kernel_that_counts_or_does_otherwise_fails(
    boot: Boot, plain: Path, tmp_path: Path, template: str, old: str, new: str, caught: set[str]
) -> None:
    templates, out = tmp_path / "templates", tmp_path / "out"
    shutil.copytree(templates_dir(), templates)
    source = templates / template
    text = source.read_text()
    assert text.count(old) == 1, f"{template} has this text {text.count(old)} times: {old!r}"
    source.write_text(text.replace(old, new))
    shutil.copytree(plain, out)
    request = Build(sets=(WITHOUT_USER_SPACE,), out=out, templates=templates)
    build(request, Progress())

    result = boot(out, memory="16M", cpu="486")
    assert result.exit_code == Exit.FAIL, result.reasons
    assert result.accounting is not None
    assert caught <= {mismatch.key for mismatch in result.accounting.mismatches}
    assert any(reason.startswith("accounting: ") for reason in result.reasons)
