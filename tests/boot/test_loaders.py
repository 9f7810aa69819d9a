"""The kernel behind other loaders than QEMU's: whatever Multiboot allows, and what it does not.

``chain/chain.S`` is a loader that executes a script. Each test writes one: the kernel's segments,
the Multiboot information with only those fields filled that its flags announce (the others hold
junk, so reading one shows), the map, the strings, and what EAX and EBX hold at the entry.
"""

from __future__ import annotations

import random
import re
import struct
import subprocess
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from tests.tools import i386

import kgen_qemu
from kgen_qemu.errors import Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

CHAIN = Path(__file__).parent / "chain" / "chain.S"
MAGIC = 0x2BADB002
JUNK = 0x01BADBAD
"""What a field holds that no flag announces: as an address it leads to the text "junk"."""

PAGE = 4096
MiB = 1 << 20
RAM = 64 * MiB

MEMORY, CMDLINE, MODULES, MMAP = 1, 4, 8, 0x40
"""Flags of the Multiboot information (Multiboot 0.6.96, 3.3)."""

AVAILABLE, RESERVED = 1, 2

Entry = tuple[int, int, int]
"""base, length, type"""

PC_MAP: list[Entry] = [
    (0, 0x9FC00, AVAILABLE),
    (0x9FC00, 0x400, RESERVED),
    (0xF0000, 0x10000, RESERVED),
    (MiB, RAM - MiB - 0x20000, AVAILABLE),
    (RAM - 0x20000, 0x20000, RESERVED),
]


@dataclass(frozen=True)
class Loader:
    """What a loader leaves in memory; None for whatever it does not tell.

    The information lies at ``at``, and all that it points at behind it, unless ``map_at`` says
    otherwise. ``modules`` are (address, content, name); ``raw_map`` replaces the encoded map.
    """

    map: Sequence[Entry] | None = None
    memory: tuple[int, int] | None = None
    cmdline: bytes | None = None
    modules: Sequence[tuple[int, bytes, bytes]] | None = None
    strides: Sequence[int] = (20,)
    raw_map: bytes | None = None
    at: int = 0x9500
    map_at: int | None = None
    magic: int = MAGIC

    def writes(self) -> list[tuple[int, bytes]]:
        """(address, bytes) of everything but the kernel, the information first."""
        pointed: list[tuple[int, bytes]] = []
        free = self.at + 64

        def place(data: bytes, where: int | None = None) -> int:
            nonlocal free
            where = free if where is None else where
            pointed.append((where, data))
            free = max(free, where + len(data) + 3 & ~3)
            return where

        fields = dict.fromkeys(range(13), JUNK)
        fields[0] = 0
        if self.memory is not None:
            fields[0] |= MEMORY
            fields[1], fields[2] = self.memory
        if self.cmdline is not None:
            fields[0] |= CMDLINE
            fields[4] = place(self.cmdline + b"\0")
        if self.modules is not None:
            fields[0] |= MODULES
            fields[5], fields[6] = len(self.modules), place(self._module_list(place))
        if self.map is not None or self.raw_map is not None:
            fields[0] |= MMAP
            data = self.raw_map if self.raw_map is not None else self._encoded_map()
            fields[11], fields[12] = len(data), place(data, self.map_at)
        return [(self.at, struct.pack("<13I", *fields.values())), (JUNK, b"junk\0"), *pointed]

    def _module_list(self, place: Callable[[bytes, int | None], int]) -> bytes:
        rows = [
            (place(data, start), start + len(data), place(name + b"\0", None) if name else 0, JUNK)
            for start, data, name in self.modules or ()
        ]
        return b"".join(struct.pack("<4I", *row) for row in rows)

    def _encoded_map(self) -> bytes:
        return encoded(self.map or (), self.strides)


def encoded(entries: Sequence[Entry], sizes: Sequence[int] = (20,)) -> bytes:
    """The map as loaders write it; ``sizes`` are taken in turn, and junk fills what is over."""
    pieces = []
    for number, (base, length, kind) in enumerate(entries):
        size = sizes[number % len(sizes)]
        pieces.append(struct.pack("<IQQI", size, base, length, kind) + b"\xa5" * (size - 20))
    return b"".join(pieces)


def segments(image: Path) -> tuple[int, int, list[tuple[int, bytes]]]:
    """Physical entry, physical end, and (address, content with its zeros) of each segment."""
    with image.open("rb") as file:
        elf = ELFFile(file)
        parts = [part for part in elf.iter_segments() if part["p_type"] == "PT_LOAD"]
        writes = [(p["p_paddr"], p.data().ljust(p["p_memsz"], b"\0")) for p in parts]
        (entry,) = [
            elf["e_entry"] - p["p_vaddr"] + p["p_paddr"]
            for p in parts
            if p["p_vaddr"] <= elf["e_entry"] < p["p_vaddr"] + p["p_memsz"]
        ]
        return entry, max(at + len(data) for at, data in writes), writes


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loader of chain.S, linked to run at 32 MiB."""
    out = tmp_path_factory.mktemp("chain") / "chain.elf"
    command = [i386().compiler, "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"]
    subprocess.run([*command, "-Wl,-Ttext=0x2000000", str(CHAIN), "-o", str(out)], check=True)
    return out


Load = Callable[..., Result]
UserKernel = Callable[..., Path]


@pytest.fixture
def load(chain: Path, default: Path, own: Callable[[Path], Path], tmp_path: Path) -> Load:
    """Boot a kernel (the default one) as a loader would that is described by a ``Loader``."""

    def run(loader: Loader, folder: Path = default, **options: Any) -> Result:
        entry, _, writes = segments(folder / "build" / "kernel.elf")
        script = b"".join(
            struct.pack("<2I", at, len(data)) + data for at, data in [*writes, *loader.writes()]
        )
        script += struct.pack("<4I", 0xFFFFFFFF, loader.magic, loader.at, entry)
        path = tmp_path / "script"
        path.write_bytes(script)
        request = kgen_qemu.boot_request(own(folder), modules=[path], memory="64M", **options)
        return kgen_qemu.boot(replace(request, machine=replace(request.machine, kernel=chain)))

    return run


def usable(entries: Sequence[Entry]) -> set[int]:
    """Page frames below 4 GiB that are available as a whole, and not also something else."""
    last = 0xFFFFF  # the page below 4 GiB is left alone
    pages: set[int] = set()
    taken: set[int] = set()
    for base, length, kind in entries:
        end = min(base + length, last * PAGE)
        if kind == AVAILABLE:
            pages.update(range(-(-base // PAGE), end // PAGE))
        elif length:
            taken.update(range(base // PAGE, min(-(-(base + length) // PAGE), last)))
    return pages - taken


def assert_used(result: Result, entries: Sequence[Entry]) -> None:
    """A pass, on just the memory that the map admits."""
    assert result.verdict == "pass", (result.reasons, result.log.read_text())
    assert pages_used(result) == len(usable(entries))


def pages_used(result: Result) -> float:
    """Page frames that the kernel has a use for: free, or taken by itself and the modules."""
    stats = result.transcript.stats
    parts = ("kernel", "modules", "early", "free", "waste.page0", "waste.dropped", "waste.partial")
    return sum(stats[f"mem.{part}"] for part in parts) / PAGE


def assert_reported(result: Result, entries: Sequence[Entry]) -> None:
    seen = [(region.base, region.length, region.kind) for region in result.transcript.memory_map]
    assert seen == list(entries)


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


def refused(result: Result) -> str:
    """The reason for which the kernel refused to boot."""
    assert (result.verdict, result.exit_code) == ("panic", Exit.PANIC), result.log.read_text()
    assert result.transcript.end is not None
    assert result.transcript.end.status == "refused"
    assert result.reasons[0].startswith("boot refused: ")
    return result.reasons[0].removeprefix("boot refused: ")


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
    """The last entry is there by half: it does not count, nor does what lies behind it."""
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
    """What does not fit is not used; the log says what to change."""
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
    """The kernel notes 16 of 20; the pages of the other four are no memory to it."""
    modules = [(12 * MiB + n * 2 * PAGE, b"m" * 100, b"") for n in range(20)]
    result = load(Loader(PC_MAP, modules=modules), expect=["4 modules not kept"])
    assert result.verdict == "pass", result.reasons
    assert result.transcript.stats["mem.modules"] == 16 * PAGE
    assert pages_used(result) == len(usable(PC_MAP)) - 4
