"""What goes onto a medium: a kernel, its command line, its modules.

A Multiboot loader needs little of an ELF file: the segments, their *physical* addresses and the
entry point. Sections, symbols and debug information are left out; they are most of the file.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from kgen.errors import Exit, KgenError
from kgen_qemu.protocol import INIT

_SECTION_HEADER = 40  # bytes of an Elf32_Shdr


@dataclass(frozen=True)
class File:
    """A module: ``line`` is the string that the kernel gets with it, its name first.

    ``program``: process 1 is made from it, and the kernel takes quotes in the line for quotes.
    """

    line: str
    data: bytes
    program: bool = False

    @property
    def name(self) -> str:
        """The file's name, without arguments."""
        return self.line.partition(" ")[0]


@dataclass(frozen=True)
class Segment:
    """Bytes for the physical ``address``; memory after them is cleared up to ``size`` bytes."""

    address: int
    size: int
    data: bytes

    @property
    def end(self) -> int:
        """Physical address one past the segment."""
        return self.address + self.size


@dataclass(frozen=True)
class Cargo:
    """A kernel by ``name`` and ``build`` id, as ELF, with its command line and modules."""

    name: str
    build: str
    elf: bytes
    append: str = ""
    modules: tuple[File, ...] = ()

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """What a loader copies into memory, by ascending address."""
        from elftools.elf.elffile import ELFFile

        loads = (s for s in ELFFile(io.BytesIO(self.elf)).iter_segments("PT_LOAD"))
        found = [Segment(s["p_paddr"], s["p_memsz"], s.data()) for s in loads]
        return tuple(sorted(found, key=lambda segment: segment.address))

    @cached_property
    def entry(self) -> int:
        """Physical address of the first instruction; the ELF header has the virtual one."""
        from elftools.elf.elffile import ELFFile

        elf = ELFFile(io.BytesIO(self.elf))
        entry = int(elf["e_entry"])
        for segment in elf.iter_segments("PT_LOAD"):
            offset = entry - segment["p_vaddr"]
            if 0 <= offset < segment["p_filesz"]:
                return int(segment["p_paddr"]) + offset
        raise KgenError(
            f"{self.name}: the entry point {entry:#x} is in no segment", exit_code=Exit.BUILD
        )

    @cached_property
    def bare_elf(self) -> bytes:
        """The ELF file cut off past its last segment, and with an empty table of sections.

        Empty means one null entry: GRUB 2.12 refuses a file that has no table at all.
        """
        from elftools.elf.elffile import ELFFile

        elf = ELFFile(io.BytesIO(self.elf))
        end = max(s["p_offset"] + s["p_filesz"] for s in elf.iter_segments("PT_LOAD"))
        bare = bytearray(self.elf[:end])
        bare += bytes(-len(bare) % 4)
        struct.pack_into("<I", bare, 32, len(bare))  # e_shoff
        struct.pack_into("<HHH", bare, 46, _SECTION_HEADER, 1, 0)  # their size, number, names
        return bytes(bare) + bytes(_SECTION_HEADER)


class Built(Protocol):
    """What is to be known of a built kernel; the boot session's manifest is one."""

    @property
    def name(self) -> str:
        """The kernel's name."""

    @property
    def build(self) -> str:
        """Its build id."""

    @property
    def image_data(self) -> bytes:
        """Its ELF file's content."""


def gather(
    built: Built, append: str, modules: Sequence[tuple[str, str]], folder: Path = Path()
) -> Cargo:
    """The Cargo of a built kernel.

    Each of ``modules`` is a file, as seen from ``folder``, and what the kernel is told after its
    name (`` ARGUMENTS…``); it is told no more of the file than its name. KgenError (usage) for a
    file that cannot be read, and for text that would not survive the way to the kernel.
    """
    lines = [Path(name).name + rest for name, rest in modules]
    for option, text in (("--append", append), *(("--module", line) for line in lines)):
        if not (text.isascii() and text.isprintable()):
            raise KgenError(
                f"{option} {text!r}: boot loaders pass on printable ASCII alone",
                "rename or rewrite it",
            )
    inits = [word.partition("=")[2] for word in append.split() if word.startswith(f"{INIT}=")]
    files = tuple(
        File(line, _read(folder / name), Path(name).name in inits[-1:])
        for line, (name, _) in zip(lines, modules, strict=True)
    )
    return Cargo(built.name, built.build, built.image_data, append, files)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KgenError(f"--module {path}: {error.strerror}") from error
