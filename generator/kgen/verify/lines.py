"""Source lines of addresses, from DWARF's line programs.

A line program is the compiler's list of (address, file, line), in ascending addresses within
each sequence: an address belongs to the last row at or below it. Reading them costs a good part
of a second, so only a finding that needs a place in the source does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elftools.dwarf.dwarfinfo import DWARFInfo


def lines(path: Path, addresses: Iterable[int]) -> dict[int, str]:
    """``file:line`` for those of ``addresses`` that the debug information of ``path`` knows."""
    from elftools.common.exceptions import DWARFError, ELFError
    from elftools.elf.elffile import ELFFile

    wanted = sorted(set(addresses))
    found: dict[int, str] = {}
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            if elf.has_dwarf_info():
                for first, end, place in _rows(elf.get_dwarf_info()):
                    found |= {address: place for address in wanted if first <= address < end}
    except (DWARFError, ELFError):
        pass  # a place in the source is a courtesy; the finding has the address anyway
    return found


def _rows(dwarf: DWARFInfo) -> Iterator[tuple[int, int, str]]:
    """Each range ``[first, end)`` of addresses with its ``file:line``."""
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        before = None
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if before is not None and state.address > before.address:
                place = f"{_file(program.header, before.file)}:{before.line}"
                yield before.address, state.address, place
            before = None if state.end_sequence else state


def _file(header: Any, index: int) -> str:
    """Path of a file in a line program's table: counted from 1 before DWARF 5, from 0 in it."""
    five = header["version"] >= 5
    entry = header["file_entry"][index if five else index - 1]
    name = str(entry.name, errors="replace")
    folder = entry.dir_index if five else entry.dir_index - 1
    if folder < 0:
        return name
    parent = str(header["include_directory"][folder], errors="replace")
    return str(PurePosixPath(parent) / name)
