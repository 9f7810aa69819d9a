"""A 1.44 MB floppy that loads a kernel without GRUB, which needs more than a 386.

The loader's three files, boot sector, second stage and the plan of this very disk, are assembled
and linked to run at 0x7c00, where a BIOS puts the first sector of a disk. The extents of the plan
follow on the disk, in order. Two things are known only when the loader is linked, how long it is
and its sum: they are written into the boot sector then.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import kgen
from kgen.build.environment import environment
from kgen.build.flags import LINK
from kgen.build.folder import Folder
from kgen.build.toolchain import Toolchain, used
from kgen.errors import Exit, KgenError
from kgen.image.cargo import Cargo
from kgen.image.plan import SECTOR, Plan, checksum, make_plan
from kgen.paths import templates_dir
from kgen.scratch import run_tool, scratch
from kgen.units import KiB

CAPACITY = 1_474_560
"""Bytes on a 3.5" HD disk: 80 cylinders, 2 heads, 18 sectors of 512 bytes."""

START = 0x7C00
"""Where a BIOS puts the boot sector and the loader is linked to run."""

MAX_STRINGS = 30 * KiB
"""For command line, modules' strings and records: the loader ends below the buffer at 0x10000."""

_FILES = ("boot.S", "stage2.S", "plan.S")
_ASSEMBLE = ("-m32", "-march=i386", "-Wa,-march=i386", "-nostdinc")
"""The assembler is told, too: it then refuses what a 386 lacks."""


@dataclass(frozen=True)
class Loader:
    """The linked loader as it lies in memory from :data:`START` on, and its labels' addresses."""

    code: bytes
    labels: dict[str, int]

    @property
    def finished(self) -> bytes:
        """The loader as it stands on the disk, in whole sectors."""
        code = bytearray(self.code + bytes(-len(self.code) % SECTOR))
        rest = bytes(code[SECTOR:])
        struct.pack_into("<H", code, self.labels["stage2_sectors"] - START, len(rest) // SECTOR)
        struct.pack_into("<I", code, self.labels["stage2_sum"] - START, checksum(rest))
        return bytes(code)


def make_floppy(cargo: Cargo, folder: Folder) -> bytes:
    """The disk, 1,474,560 bytes; KgenError (exit 3) for what does not fit or cannot be made.

    ``folder`` is the output folder that the kernel was built in: its toolchain is used.
    """
    plan = make_plan(cargo, kgen.__version__)
    loader = link_loader(plan, used(folder.toolchain)).finished
    parts = [("loader", loader), *((extent.name, extent.data) for extent in plan.extents)]
    disk = b"".join(data + bytes(-len(data) % SECTOR) for _, data in parts)
    if len(disk) > CAPACITY:
        sizes = ", ".join(f"{name} {-(-len(data) // KiB)} KiB" for name, data in parts)
        raise KgenError(
            f"{len(disk):,} bytes do not fit a floppy of {CAPACITY:,}: {sizes}",
            "leave modules out, or use --format iso",
            exit_code=Exit.BUILD,
        )
    return disk.ljust(CAPACITY, b"\0")


def link_loader(plan: Plan, tools: Toolchain) -> Loader:
    """The loader with ``plan`` in it; KgenError (exit 3) if there is more text than room."""
    if plan.strings > MAX_STRINGS:
        raise KgenError(
            f"the command line and the modules' take {plan.strings:,} bytes of the {MAX_STRINGS:,} "
            "that the floppy's loader has for them",
            "shorten --append, or give fewer modules",
            exit_code=Exit.BUILD,
        )
    with scratch("kgen-loader-") as work:
        _render(plan, work)
        _run([tools.compiler, *tools.flags, *_ASSEMBLE, "-c", *_FILES], work)
        objects = [file.replace(".S", ".o") for file in _FILES]
        # -N: no pages to align to. The files' order is the disk's.
        place = ["-N", f"-Ttext={START:#x}", "-e", "start", "-o", "loader.elf"]
        _run([tools.linker, *LINK, *place, *objects], work)
        return _extract((work / "loader.elf").read_bytes())


def _render(plan: Plan, work: Path) -> None:
    from kgen.render import Output, Renderer

    renderer = Renderer(templates_dir(), {"plan": plan})
    for path in (*_FILES, "loader.h"):
        template = f"loader/{path}.j2" if path in ("plan.S", "loader.h") else f"loader/{path}"
        (work / path).write_bytes(renderer.render(Output(path, template)).data)


def _run(command: list[str], work: Path) -> None:
    try:
        done = run_tool(command, cwd=work, environment=environment())
    except OSError as error:
        hint = "run kgen build again: it looks for a compiler anew"
        raise KgenError(f"{command[0]}: {error.strerror}", hint, exit_code=Exit.BUILD) from error
    if done.returncode:
        raise KgenError(
            f"the floppy's loader cannot be made:\n{done.stderr.rstrip()}",
            "the templates in loader/ are at fault",
            exit_code=Exit.BUILD,
        )


def _extract(elf: bytes) -> Loader:
    """The code of the linked loader, and its labels."""
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    sections = {section.name: section for section in ELFFile(io.BytesIO(elf)).iter_sections()}
    symbols = sections[".symtab"]
    assert isinstance(symbols, SymbolTableSection)
    code = sections[".text"].data()
    return Loader(code, {symbol.name: symbol["st_value"] for symbol in symbols.iter_symbols()})
