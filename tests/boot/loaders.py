"""Loaders as tests make them up: what they leave in memory, true or not.

``chain/chain.S`` is a loader that executes a script (``Loader.writes()``). So a test can be any
loader, and tell the kernel whatever it likes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.elffile import ELFFile

from kgen_qemu.errors import Exit
from kgen_qemu.result import Result

MAGIC = 0x2BADB002
JUNK = 0x01BADBAD
"""What a field holds that no flag announces: as an address it leads to the text "junk"."""

PAGE = 4096
MiB = 1 << 20
RAM = 64 * MiB

MEMORY, CMDLINE, MODULES, MMAP = 1, 4, 8, 0x40
"""Flags of the Multiboot information (Multiboot 0.6.96, 3.3)."""

MEM_LOWER, MEM_UPPER, CMDLINE_ADDR = 1, 2, 4
MODS_COUNT, MODS_ADDR, MMAP_LENGTH, MMAP_ADDR = 5, 6, 11, 12
"""Numbers of the information's words."""

MODULE = 16
"""Bytes of a record of the list of modules."""

AVAILABLE, RESERVED = 1, 2

Load = Callable[..., Result]

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

    The information lies at ``at``, and all that it points at after it, unless ``map_at`` says
    otherwise. ``modules`` are (address, content, name); ``raw_map`` replaces the encoded map.

    It may lie: ``spans`` are (start, end) of modules that nobody has loaded, listed past the
    others, and ``words`` replaces words of the information by their number.
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
    spans: Sequence[tuple[int, int]] = ()
    words: Mapping[int, int] = field(default_factory=dict)

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
        if self.modules is not None or self.spans:
            fields[0] |= MODULES
            rows = self._module_list(place)
            fields[5], fields[6] = len(rows) // MODULE, place(rows)
        if self.map is not None or self.raw_map is not None:
            fields[0] |= MMAP
            data = self.raw_map if self.raw_map is not None else self._encoded_map()
            fields[11], fields[12] = len(data), place(data, self.map_at)
        fields |= self.words
        return [(self.at, struct.pack("<13I", *fields.values())), (JUNK, b"junk\0"), *pointed]

    def script(self, image: Path) -> bytes:
        """For chain.S: load the kernel ``image``, leave all this, and start it."""
        entry, _, parts = segments(image)
        script = b"".join(
            struct.pack("<2I", at, len(data)) + data for at, data in [*parts, *self.writes()]
        )
        return script + struct.pack("<4I", 0xFFFFFFFF, self.magic, self.at, entry)

    def _module_list(self, place: Callable[[bytes, int | None], int]) -> bytes:
        rows = [
            (place(data, start), start + len(data), place(name + b"\0", None) if name else 0, JUNK)
            for start, data, name in self.modules or ()
        ]
        rows += [(start, end, 0, JUNK) for start, end in self.spans]
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
    return pages - taken - set(range(0xA0, 0x100))  # the screen and ROMs, whatever the map says


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


def refused(result: Result) -> str:
    """The reason for which the kernel refused to boot."""
    log = result.log.read_text()
    assert (result.verdict, result.exit_code) == ("panic", Exit.PANIC), (result.reasons, log)
    assert result.transcript.end is not None
    assert result.transcript.end.status == "refused"
    assert result.reasons[0].startswith("boot refused: ")
    return result.reasons[0].removeprefix("boot refused: ")
