"""The kernel after other loaders than QEMU's: whatever Multiboot allows.

Each test writes a script for ``chain/chain.S`` (``loaders.Loader``): the kernel's segments,
the Multiboot information with only those fields filled that its flags announce (the others hold
junk, so reading one shows), the map, the strings, and what EAX and EBX hold at the entry.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.boot.loaders import (
    AVAILABLE,
    JUNK,
    PAGE,
    PC_MAP,
    RAM,
    RESERVED,
    Entry,
    Load,
    Loader,
    MiB,
    assert_reported,
    assert_used,
    encoded,
    refused,
    segments,
)

from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

UserKernel = Callable[..., Path]


# --- which fields there are ---------------------------------------------------------


def test_a_plain_loader(load: Load) -> None:
    loader = Loader(PC_MAP, memory=(639, 63 * 1024), cmdline=b"kernel.elf plain", modules=[])
    result = load(loader, expect=['command line "kernel.elf plain"', "flags=0x4d, 5 map entries"])
    assert_used(result, PC_MAP)
    assert_reported(result, PC_MAP)


def test_a_map_without_mem_lower(load: Load) -> None:
    """Flags 0x44; every field that is not announced holds junk."""
    result = load(Loader(PC_MAP, cmdline=b""), expect=["flags=0x44"])
    assert_used(result, PC_MAP)


def test_a_map_and_nothing_else(load: Load) -> None:
    result = load(Loader(PC_MAP), expect=['flags=0x40, .* 0 modules, command line ""'])
    assert_used(result, PC_MAP)


def test_mem_lower_and_upper_alone(load: Load) -> None:
    result = load(Loader(memory=(639, 31 * 1024)), expect=["2 map entries made from mem_upper"])
    made: list[Entry] = [(0, 639 << 10, AVAILABLE), (MiB, 31 * MiB, AVAILABLE)]
    assert_used(result, made)
    assert_reported(result, made)


def test_no_memory_at_all(load: Load) -> None:
    assert "no usable memory" in refused(load(Loader()))


def test_an_empty_map(load: Load) -> None:
    assert "no usable memory" in refused(load(Loader([])))


def test_a_map_of_reserved_memory(load: Load) -> None:
    assert "no usable memory" in refused(load(Loader([(0, RAM, RESERVED)])))


@pytest.mark.parametrize("magic", [0, 0x1BADB002, 0x36D76289])
def test_another_magic(load: Load, magic: int) -> None:
    """Nothing, the header's own magic, and Multiboot 2's."""
    reason = refused(load(Loader(PC_MAP, magic=magic)))
    assert reason == f"not started by a Multiboot loader (EAX is 0x{magic:x})"


# --- maps ------------------------------------------------------------------------------

MAPS: dict[str, list[Entry]] = {
    "backwards": PC_MAP[::-1],
    "twice": [*PC_MAP, *PC_MAP],
    "holes": [
        *PC_MAP,
        (8 * MiB, 5 * PAGE, RESERVED),
        (9 * MiB + 1, 1, 3),
        (10 * MiB - 1, 2, 4),
        (11 * MiB, 0, 5),
    ],
    "reserved_first": [(16 * MiB, 8 * MiB, RESERVED), *PC_MAP],
    "unknown_type": [*PC_MAP, (20 * MiB, MiB, 99), (24 * MiB, MiB, 0), (25 * MiB, PAGE, JUNK)],
    "unaligned": [(0x1234, 0x9000, 1), (MiB - 7, 31 * MiB + 13, 1), (40 * MiB + 1, 4095, 1)],
    "split_page": [(0, 0x9F000, 1), (MiB, 8 * MiB + 100, 1), (9 * MiB + 100, 8 * MiB - 100, 1)],
    "above_4g": [*PC_MAP, (1 << 32, 1 << 30, 1), (1 << 40, 1 << 40, 2)],
    "reserved_across_4g": [*PC_MAP, ((1 << 32) - MiB, 2 * MiB, 2)],
    "end_of_the_world": [*PC_MAP, ((1 << 64) - PAGE, PAGE, 2), ((1 << 64) - PAGE, 2 * PAGE, 4)],
    "without_the_image": [(8 * MiB, 24 * MiB, 1)],
    "no_low_memory": [(MiB, 31 * MiB, 1)],
    "crumbs": [*PC_MAP[:4], *((n * 65536, 5000, 2) for n in range(300, 340))],
}


@pytest.mark.parametrize("stride", [(20,), (24,), (20, 24, 36)], ids=str)
@pytest.mark.parametrize("name", ["backwards", "holes"])
def test_strides(load: Load, name: str, stride: Sequence[int]) -> None:
    """An entry's size says where the next one is."""
    result = load(Loader(MAPS[name], strides=stride))
    assert_used(result, MAPS[name])
    assert_reported(result, MAPS[name])


@pytest.mark.parametrize("name", [name for name in MAPS if name not in ("backwards", "holes")])
def test_maps(load: Load, name: str) -> None:
    result = load(Loader(MAPS[name]))
    assert_used(result, MAPS[name])
    assert_reported(result, MAPS[name])


@pytest.mark.parametrize("seed", range(6))
def test_random_maps(load: Load, seed: int) -> None:
    """Forty entries anywhere: what is used is what an oracle over page frames admits."""
    chance = random.Random(seed)
    entries: list[Entry] = [(MiB, 20 * MiB, AVAILABLE)]
    for _ in range(40):
        kind = chance.choice([1, 1, 1, 2, 3, 4, 5, 6])
        size = chance.randrange(1, 4 * MiB) if kind == 1 else chance.randrange(40_000)
        entries.append((chance.randrange(4 * MiB, 60 * MiB), size, kind))
    chance.shuffle(entries)
    assert_used(load(Loader(entries)), entries)


def test_a_map_cut_short(load: Load) -> None:
    """Half of the last entry is missing: neither it nor the bytes after it count."""
    whole = encoded([*PC_MAP, (32 * MiB, 8 * MiB, RESERVED)])
    result = load(Loader(raw_map=whole[:-10]))
    assert_reported(result, PC_MAP)
    assert_used(result, PC_MAP)


def test_a_map_that_ends_in_nothing(load: Load) -> None:
    """An entry of size 0 would be read for ever."""
    result = load(Loader(raw_map=encoded(PC_MAP) + bytes(96)))
    assert_reported(result, PC_MAP)
    assert_used(result, PC_MAP)


def test_more_available_entries_than_fit(load: Load) -> None:
    """Entries that do not fit are not used; the log says what to change."""
    pieces: list[Entry] = [((300 + 2 * n) * 65536, 65536, AVAILABLE) for n in range(95)]
    entries = [*PC_MAP[:3], (MiB, 8 * MiB, AVAILABLE), *pieces]
    result = load(
        Loader(entries), expect=["35 map entries did not fit .raise memblock.map_entries"]
    )
    assert_used(result, entries[:64])


def test_more_reserved_entries_than_fit(load: Load) -> None:
    """Memory of which a part is reserved, nobody knows which, can't be used at all."""
    reserved: list[Entry] = [((300 + 2 * n) * 65536, 65536, RESERVED) for n in range(95)]
    result = load(
        Loader([*PC_MAP, *reserved]),
        expect=["36 map entries did not fit .raise memblock.map_entries"],
    )
    assert "no usable memory" in refused(result)
    assert all(one.holds for one in result.assertions)


# --- where things lie ------------------------------------------------------------------


@pytest.mark.parametrize("at", [0x1000, 0x9F000, 0x3000000, RAM - 0x21000], ids=hex)
def test_information_anywhere(load: Load, at: int) -> None:
    """In memory that the map calls available: low, and above what the boot tables map."""
    loader = Loader(PC_MAP, cmdline=b"kernel.elf far away", at=at)
    result = load(loader, expect=['"kernel.elf far away"'])
    assert_used(result, PC_MAP)
    assert_reported(result, PC_MAP)


@pytest.mark.parametrize("gap", [0, 4, 4092, 4096])
def test_information_behind_the_image(load: Load, default: Path, gap: int) -> None:
    end = segments(default / "build" / "kernel.elf")[1]
    result = load(Loader(PC_MAP, cmdline=b"kernel.elf close", at=end + gap))
    assert_used(result, PC_MAP)
    assert_reported(result, PC_MAP)


def test_a_map_across_pages_above_the_boot_mapping(load: Load) -> None:
    loader = Loader(MAPS["holes"], map_at=48 * MiB + PAGE - 50)
    assert_used(load(loader), MAPS["holes"])


# --- strings and modules -----------------------------------------------------------------


def test_a_long_command_line_is_cut(load: Load) -> None:
    text = b"kernel.elf cpu=486 " + b"x" * 5000
    result = load(Loader(PC_MAP, cmdline=text))
    assert_used(result, PC_MAP)
    assert f'"{text[:255].decode()}"' in result.log.read_text()
    assert result.transcript.cpu is not None
    assert result.transcript.cpu.reason == "forced"


def test_a_command_line_that_is_no_text(load: Load) -> None:
    result = load(Loader(PC_MAP, cmdline=b"a\n# kgen:end status=pass ok=0 fail=0 skip=0\n\xff\x07"))
    assert_used(result, PC_MAP)
    assert "a?# kgen:end status=pass ok=0 fail=0 skip=0???" in result.log.read_text()


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def assert_kept(result: Result, modules: Sequence[bytes]) -> None:
    """Each module has its content at the end of a boot in which all free memory was filled."""
    assert result.verdict == "pass", (result.reasons, result.log.read_text())
    stats = result.transcript.stats
    for number, data in enumerate(modules):
        assert stats[f"module.{number}.first"] == zlib.adler32(data)
        assert stats[f"module.{number}.last"] == zlib.adler32(data)


def test_modules_in_odd_places(load: Load, user_kernel: UserKernel) -> None:
    """Unaligned, in low memory, nameless, empty, inside one page: what is theirs stays theirs."""
    places = [(0x1000, 5000), (0x20010, 100), (0x20100, 100), (12 * MiB + 3, 70_001), (50 * MiB, 0)]
    modules = [
        (at, content(size, at), b"" if size == 100 else f"module at {at:#x}".encode())
        for at, size in places
    ]
    result = load(Loader(PC_MAP, modules=modules), user_kernel("modules.c"))
    assert_kept(result, [data for _, data, _ in modules])
    assert 'module start=0x1000 end=0x2388 msg="module at 0x1000"' in result.log.read_text()


def test_modules_leave_no_room_in_the_boot_mapping(load: Load, user_kernel: UserKernel) -> None:
    """Only one low page is left below what is mapped at first: it becomes a page table."""
    folder = user_kernel("modules.c")
    end = -(-segments(folder / "build" / "kernel.elf")[1] // PAGE) * PAGE
    plain = load(Loader(PC_MAP, at=60 * MiB), folder).log.read_text()
    (mapped,) = re.findall(r"physical 0-0x(\w+) mapped", plain)
    modules = [
        (0x1000, content(0x8000), b"low"),
        (0xA000, content(0x90000), b"low, too"),
        (end, content(int(mapped, 16) + 1 - end), b"all that is mapped"),
    ]
    loader = Loader(PC_MAP, modules=modules, at=60 * MiB)
    assert_kept(load(loader, folder), [data for _, data, _ in modules])


def test_modules_that_are_not_kept_stay_untouched(load: Load) -> None:
    """The kernel notes 16 of 20; the pages of the other four are reserved as well."""
    modules = [(12 * MiB + n * 2 * PAGE, b"m" * 100, b"") for n in range(20)]
    result = load(Loader(PC_MAP, modules=modules), expect=["4 modules not kept"])
    assert result.verdict == "pass", result.reasons
    assert len(result.transcript.modules) == 20
    assert result.transcript.stats["mem.modules"] == 20 * PAGE
    assert_used(result, PC_MAP)
