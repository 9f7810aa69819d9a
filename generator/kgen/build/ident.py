"""The build id: a hash over everything that is in the ELF, which says what kernel it is.

It stands in the kernel itself, at the symbol :data:`SYMBOL`. The linker leaves zeros there; the
hash is taken over the file with those zeros, so anybody can take it again. Whatever goes into a
kernel (headers, files that the assembler includes, flags, the compiler) is covered, and what
leaves no trace in it (folders, times) is not.
"""

from __future__ import annotations

import hashlib
import io

from kgen.errors import Exit, KgenError

SYMBOL = "kernel_build_id"
DIGITS = 12


def identified(elf: bytes) -> tuple[bytes, str]:
    """The linked ``elf`` with its id in place, and the id; KgenError if it has no place for one."""
    at = _place(elf)
    if at is None or elf[at : at + DIGITS] != b"0" * DIGITS:
        raise KgenError(
            f"the kernel has no {DIGITS} zeros at {SYMBOL}, where its build id belongs",
            "templates/kernel/build.c defines it",
            exit_code=Exit.BUILD,
        )
    build_id = hashlib.sha256(elf).hexdigest()[:DIGITS]
    return elf[:at] + build_id.encode() + elf[at + DIGITS :], build_id


def _place(elf: bytes) -> int | None:
    """Where in the file the symbol's bytes are."""
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    file = ELFFile(io.BytesIO(elf))
    table = file.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return None
    for symbol in table.get_symbol_by_name(SYMBOL) or ():
        section, index = None, symbol["st_shndx"]
        if symbol["st_info"]["bind"] == "STB_GLOBAL" and isinstance(index, int):
            section = file.get_section(index)
        if section is not None and section["sh_type"] == "SHT_PROGBITS":
            return int(section["sh_offset"] + symbol["st_value"] - section["sh_addr"])
    return None
