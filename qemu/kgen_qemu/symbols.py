"""Addresses to function, file and line, from a kernel's symbol table and DWARF.

A kernel prints raw addresses, in a panic or as call sites: they are cheap and cannot
fail. This module adds the names. Fields that the ELF lacks are left out of the frame; no
ELF, however odd, makes this raise.

The address of a fault is exact. All others are return addresses, which point
*after* a call; the line wanted is that of the byte before.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Frame:
    """One level of a backtrace; what is not known is None. ``offset`` is from the function."""

    address: int
    function: str | None = None
    offset: int = 0
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        text = f"{self.address:#010x}"
        if self.function:
            text += f" {self.function}+{self.offset:#x}"
        if self.file:
            text += f" at {self.file}:{self.line}"
        return text


def symbolise(
    image: Path | bytes, addresses: Sequence[int], *, first_exact: bool = True
) -> tuple[Frame, ...]:
    """A frame for each address, in order; all but the first are return addresses.

    ``image`` is the ELF file, or what is in it.
    """
    return symbolise_each(
        image,
        [(address, index == 0 and first_exact) for index, address in enumerate(addresses)],
    )


def symbolise_each(image: Path | bytes, places: Sequence[tuple[int, bool]]) -> tuple[Frame, ...]:
    """A frame for each (address, whether it is exact: else a return address), in order."""
    plain = tuple(Frame(address) for address, _ in places)
    if not places:
        return plain
    try:
        from elftools.elf.elffile import ELFFile

        with io.BytesIO(image) if isinstance(image, bytes) else image.open("rb") as file:
            elf = ELFFile(file)
            functions = _functions(elf)
            lines = _Lines(elf)
            return tuple(
                _frame(functions, lines, address, address - (not exact))
                for address, exact in places
            )
    except Exception:  # pyelftools raises what it meets: KeyError, struct.error, its own
        return plain


def _frame(
    functions: list[tuple[int, int, str]], lines: "_Lines", address: int, inside: int
) -> Frame:
    name, offset = _function_at(functions, inside)
    file, line = lines.at(inside)
    return Frame(address, name, offset + address - inside if name else 0, file, line)


def _functions(elf: Any) -> list[tuple[int, int, str]]:
    """(start, end, name) of all code symbols, sorted.

    Labels of assembly have no size: they may reach to the end of their section.
    """
    table = elf.get_section_by_name(".symtab")
    if table is None:
        return []
    kinds = ("STT_FUNC", "STT_NOTYPE")
    found = []
    for symbol in table.iter_symbols():
        index = symbol["st_shndx"]
        if symbol["st_info"]["type"] not in kinds or not symbol.name or isinstance(index, str):
            continue
        section = elf.get_section(index)
        if section["sh_flags"] & 4:  # SHF_EXECINSTR
            start, size = symbol["st_value"], symbol["st_size"]
            end = start + size if size else section["sh_addr"] + section["sh_size"]
            found.append((start, end, symbol.name))
    return sorted(found)


def _function_at(functions: list[tuple[int, int, str]], address: int) -> tuple[str | None, int]:
    """The last symbol at or before the address, unless the address lies past its end."""
    from bisect import bisect_right

    place = bisect_right(functions, (address, 1 << 64, "")) - 1
    if place < 0:
        return None, 0
    start, end, name = functions[place]
    return (name, address - start) if address < end else (None, 0)


class _Lines:
    """The line table, decoded one compilation unit at a time and only where asked."""

    def __init__(self, elf: Any) -> None:
        self._dwarf = elf.get_dwarf_info() if elf.has_dwarf_info() else None
        self._ranges = self._dwarf.get_aranges() if self._dwarf else None

    def at(self, address: int) -> tuple[str | None, int | None]:
        """File and line of an address, or (None, None)."""
        if self._dwarf is None or self._ranges is None:
            return None, None
        offset = self._ranges.cu_offset_at_addr(address)
        if offset is None:
            return None, None
        unit = self._dwarf.get_CU_at(offset)
        program = self._dwarf.line_program_for_CU(unit)
        if program is None:
            return None, None
        before = None
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if before is not None and before.address <= address < state.address:
                return _file_name(program, before.file), before.line
            before = None if state.end_sequence else state
        return None, None


def _file_name(program: Any, index: int) -> str | None:
    """A file of the line table with its folder, as the compiler was given it.

    DWARF 5 counts files and folders from 0, older ones from 1 (folder 0 is the
    unit's own).
    """
    header = program.header
    modern = header["version"] >= 5
    entry = header["file_entry"][index if modern else index - 1]
    folder_index = entry["dir_index"]
    folders = header["include_directory"]
    if not modern and folder_index == 0:
        folder = b""
    else:
        folder = folders[folder_index if modern else folder_index - 1]
    name = entry["name"].decode("utf-8", "replace")
    # Folder 0 of DWARF 5 is where the compiler ran: names are shown as relative to it.
    if not folder or (modern and folder_index == 0):
        return str(name)
    return f"{folder.decode('utf-8', 'replace')}/{name}"
