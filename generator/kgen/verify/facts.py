"""Facts about an ELF file, read once.

ELF describes a program twice. *Sections* are the linker's view: named, finely divided, with
symbols and debug information among them. *Segments* (program headers) are the loader's view:
which bytes of the file go to which physical address, and which virtual address the code there
believes in. A Multiboot loader reads the segments alone; the rules look at both.

pyelftools does the reading. It is imported on use, since most commands need no ELF.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kgen.errors import Exit, KgenError

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

MULTIBOOT_SEARCH = 8192
"""Bytes at the start of the file in which loaders look for the Multiboot header (1: 3.1)."""

GUARD_SECTION = ".kgen.guard"
"""Not loaded: pairs of 32-bit words, a guarded instruction's address and the family it needs."""

_GUARD_ENTRY = struct.Struct("<II")
_SHF_ALLOC, _SHF_EXECINSTR = 0x2, 0x4
_PF_X, _PF_W = 0x1, 0x2


@dataclass(frozen=True)
class Segment:
    """A program header. Addresses and sizes are bytes; ``kind`` is such as ``PT_LOAD``."""

    kind: str
    vaddr: int
    paddr: int
    memsz: int
    writable: bool
    executable: bool

    @property
    def end(self) -> int:
        """Virtual address one past the segment."""
        return self.vaddr + self.memsz


@dataclass(frozen=True)
class Section:
    """A section header; ``kind`` is such as ``SHT_PROGBITS``, ``loaded``: it takes memory."""

    name: str
    kind: str
    address: int
    size: int
    loaded: bool


@dataclass(frozen=True)
class Symbol:
    """A named address; ``kind`` is such as ``STT_FUNC``, ``size`` bytes or 0 if not stated."""

    name: str
    address: int
    size: int
    kind: str
    defined: bool
    in_section: bool


@dataclass(frozen=True)
class Code:
    """The bytes of an executable section and the virtual address of the first."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Guard:
    """A claim that the instruction at ``address`` runs only where the CPU has its ``family``."""

    address: int
    family: int


@dataclass(frozen=True)
class Facts:
    """What the rules need to know of an ELF file."""

    path: Path
    head: bytes
    """The file's first :data:`MULTIBOOT_SEARCH` bytes."""
    bits: int
    little_endian: bool
    kind: str
    machine: str
    entry: int
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    code: tuple[Code, ...]
    guards: tuple[Guard, ...]

    @property
    def loads(self) -> tuple[Segment, ...]:
        """The segments that a loader copies into memory, in the file's order."""
        return tuple(segment for segment in self.segments if segment.kind == "PT_LOAD")

    def address_of(self, name: str) -> int | None:
        """Address (or absolute value) of the symbol ``name``; None if nothing defines it."""
        return self._addresses.get(name)

    def function_at(self, address: int) -> str:
        """``name+0x12`` of the code symbol at or below ``address``."""
        index = bisect_right(self._code_symbols, address, key=lambda symbol: symbol.address)
        if not index:
            return "no function"
        symbol = self._code_symbols[index - 1]
        offset = address - symbol.address
        return f"{symbol.name}+{offset:#x}" if offset else symbol.name

    @cached_property
    def _addresses(self) -> dict[str, int]:
        return {symbol.name: symbol.address for symbol in self.symbols if symbol.defined}

    @cached_property
    def _code_symbols(self) -> list[Symbol]:
        kinds = ("STT_FUNC", "STT_NOTYPE")
        symbols = (s for s in self.symbols if s.kind in kinds and s.in_section and s.name)
        return sorted(symbols, key=lambda symbol: (symbol.address, symbol.kind == "STT_FUNC"))


def facts(path: Path) -> Facts:
    """Read ``path``; KgenError if it is no ELF file or a damaged one."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            head = file.read(MULTIBOOT_SEARCH)
            return _read(path, head, ELFFile(file))
    except OSError as error:
        raise KgenError(
            f"{path}: cannot be read: {error.strerror}", exit_code=Exit.BUILD
        ) from error
    except (ELFError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise KgenError(
            f"{path}: no ELF file, or a damaged one: {error}",
            "delete it and build again",
            exit_code=Exit.BUILD,
        ) from error


def _read(path: Path, head: bytes, elf: ELFFile) -> Facts:
    return Facts(
        path=path,
        head=head,
        bits=elf.elfclass,
        little_endian=elf.little_endian,
        kind=str(elf["e_type"]),
        machine=str(elf["e_machine"]),
        entry=int(elf["e_entry"]),
        segments=tuple(_segments(elf)),
        sections=tuple(_sections(elf)),
        symbols=tuple(_symbols(elf)),
        code=tuple(_code(elf)),
        guards=tuple(_guards(elf)),
    )


def _segments(elf: ELFFile) -> Iterator[Segment]:
    for segment in elf.iter_segments():
        flags = segment["p_flags"]
        yield Segment(
            kind=str(segment["p_type"]),
            vaddr=segment["p_vaddr"],
            paddr=segment["p_paddr"],
            memsz=segment["p_memsz"],
            writable=bool(flags & _PF_W),
            executable=bool(flags & _PF_X),
        )


def _sections(elf: ELFFile) -> Iterator[Section]:
    for section in elf.iter_sections():
        if section["sh_type"] != "SHT_NULL":
            yield Section(
                name=section.name,
                kind=str(section["sh_type"]),
                address=section["sh_addr"],
                size=section["sh_size"],
                loaded=bool(section["sh_flags"] & _SHF_ALLOC),
            )


def _symbols(elf: ELFFile) -> Iterator[Symbol]:
    from elftools.elf.sections import SymbolTableSection

    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return
    for symbol in table.iter_symbols():
        if symbol.name and symbol["st_info"]["type"] not in ("STT_FILE", "STT_SECTION"):
            place = symbol["st_shndx"]
            yield Symbol(
                name=symbol.name,
                address=symbol["st_value"],
                size=symbol["st_size"],
                kind=symbol["st_info"]["type"],
                defined=place != "SHN_UNDEF",
                in_section=isinstance(place, int),
            )


def _code(elf: ELFFile) -> Iterator[Code]:
    for section in elf.iter_sections():
        if section["sh_flags"] & _SHF_EXECINSTR and section["sh_type"] == "SHT_PROGBITS":
            yield Code(section["sh_addr"], section.data())


def _guards(elf: ELFFile) -> Iterator[Guard]:
    section = elf.get_section_by_name(GUARD_SECTION)
    if section is not None:
        table = section.data()
        if len(table) % _GUARD_ENTRY.size:
            raise ValueError(f"{GUARD_SECTION} holds {len(table)} bytes, no whole pairs of words")
        for address, family in _GUARD_ENTRY.iter_unpack(table):
            yield Guard(address, family)
