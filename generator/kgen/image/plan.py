"""Where everything goes: on a floppy, in memory, and in the Multiboot information. Pure.

The loader on the disk decides nothing: it walks a list of *extents* (number of sectors, address,
bytes in memory, sum) in the order of the disk, and passes a Multiboot information that was filled
in here, except for the values that only the machine's BIOS knows. ``plan.S.j2`` prints all of this
as assembly.

    memory  | kernel's segments | to a page | module | to a page | module … |
    disk    boot sector, loader | segment | segment | … | module | … |  each from a new sector
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kgen.errors import Exit, KgenError
from kgen.image.cargo import Cargo
from kgen.units import FOUR_GIB, PAGE_SIZE, KiB, MiB, align_up, show_address
from kgen_qemu import protocol

SECTOR = 512
"""Bytes in a sector of a floppy."""

FLAGS = 0x24D
"""Multiboot information given: memory sizes, command line, modules, map, the loader's name."""


@dataclass(frozen=True)
class Extent:
    """What lies together on the disk and in memory: ``data`` at ``address``, then zeros.

    ``size`` is the bytes in memory, ``name`` what an error message calls it.
    """

    name: str
    address: int
    size: int
    data: bytes

    @property
    def end(self) -> int:
        """Physical address one past the extent."""
        return self.address + self.size

    @property
    def sectors(self) -> int:
        """Sectors on the disk."""
        return -(-len(self.data) // SECTOR)

    @property
    def sum(self) -> int:
        """What the loader must find when it has read the extent."""
        return checksum(self.data)

    @property
    def quoted_name(self) -> str:
        """The name for the assembler."""
        return quoted(self.name)


@dataclass(frozen=True)
class PlacedModule:
    """A module in memory, from ``start`` to below ``end``; ``line`` is its string."""

    line: str
    start: int
    end: int

    @property
    def quoted_line(self) -> str:
        """The string for the assembler."""
        return quoted(self.line)


@dataclass(frozen=True)
class Plan:
    """One disk. ``entry`` is physical, ``title`` what the loader says that it loads."""

    title: str
    loader: str
    entry: int
    command_line: str
    extents: tuple[Extent, ...]
    modules: tuple[PlacedModule, ...]
    exit_port: int = protocol.EXIT_PORT
    exit_refused: int = protocol.EXITS["refused"]

    @property
    def flags(self) -> int:
        """Which fields of the Multiboot information are valid."""
        return FLAGS

    @property
    def upper_kib(self) -> int:
        """KiB of memory that it takes from 1 MiB on."""
        return -(-(max(extent.end for extent in self.extents) - MiB) // KiB)

    @property
    def strings(self) -> int:
        """Bytes that it takes in the loader: all text, and 64 for the records of each module."""
        lines = (2 * len(module.line) + 64 for module in self.modules)
        return len(self.command_line) + sum(lines)

    @property
    def quoted_title(self) -> str:
        """The title for the assembler."""
        return quoted(self.title)

    @property
    def quoted_loader(self) -> str:
        """The loader's name for the assembler."""
        return quoted(self.loader)

    @property
    def quoted_command_line(self) -> str:
        """The command line for the assembler."""
        return quoted(self.command_line)


def make_plan(cargo: Cargo, version: str) -> Plan:
    """Place ``cargo``; KgenError (exit 3) if the kernel is not linked for memory above 1 MiB."""
    segments = cargo.segments
    if segments[0].address < MiB:
        raise KgenError(
            f"{cargo.name} loads at {show_address(segments[0].address)}, where the loader runs",
            "set layout.load_address to 1M or more, and build again",
            exit_code=Exit.BUILD,
        )
    kernel = [
        Extent(f"kernel, segment {number}", segment.address, segment.size, segment.data)
        for number, segment in enumerate(segments, 1)
    ]
    files = list(_place_modules(cargo, segments[-1].end))
    if files and files[-1].end > FOUR_GIB:
        raise KgenError("the modules do not fit below 4 GiB", exit_code=Exit.BUILD)
    modules = tuple(
        PlacedModule(file.line, extent.address, extent.end)
        for file, extent in zip(cargo.modules, files, strict=True)
    )
    return Plan(
        title=f"{cargo.name} {cargo.build}",
        loader=f"kgen {version}",
        entry=cargo.entry,
        command_line=cargo.append,
        extents=(*kernel, *files),
        modules=modules,
    )


def _place_modules(cargo: Cargo, past: int) -> Iterator[Extent]:
    """The modules, each on a page of its own, from the address ``past`` on."""
    for file in cargo.modules:
        address = align_up(past, PAGE_SIZE)
        yield Extent(file.name, address, len(file.data), file.data)
        past = address + len(file.data)


def checksum(data: bytes) -> int:
    """The loader's 32-bit sum (``sum`` in boot.S): turn left by one bit, add the next byte."""
    total = 0
    for byte in data:
        total = ((total << 1 | total >> 31) + byte) & 0xFFFF_FFFF
    return total


def quoted(text: str) -> str:
    """``text`` as a string of the GNU assembler: plain characters, octal for all others."""
    plain = (
        char if char.isascii() and (char.isalnum() or char in " .,:;=+-_/()") else None
        for char in text
    )
    pairs = zip(text.encode("ascii"), plain, strict=True)
    return '"' + "".join(char or f"\\{code:03o}" for code, char in pairs) + '"'
