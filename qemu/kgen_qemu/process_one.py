"""Predicts what process 1 has before its first instruction, and when all has ended.

A program's pages come when they are touched, so at its start it has the page of its stack that
the kernel wrote arguments to, with the table for that, and its directory. Its promises follow
from its file: the writable pages of its segments, and the stack's first pages.

    figure                  is
    user.start.resident     pages with a frame: the stack's
    user.start.tables       its directory, and the stack's page table
    user.start.committed    writable pages of the segments, and the stack's
    user.frames             0: every frame of a program has been given back
    user.tables             0: so has every table
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgen_qemu.request import Request
    from kgen_qemu.transcript import Exit

PAGE = 4096
STACK_PAGES = 2  # the stack's area at first: user/arguments.c
NOT_STARTED = (126 << 8, 127 << 8)  # wait statuses of a file that is no program, or not there
STATIC = ("ET_EXEC", "ET_DYN")


def predict(request: Request, ended: Exit | None) -> dict[str, int]:
    """The figures of a boot in which process 1 ended so; if it never ran, those at the end."""
    if ended is None:
        return {}
    end = {"user.frames": 0, "user.tables": 0}
    file = _file(request)
    committed = None if file is None or ended.status in NOT_STARTED else promised(file)
    if committed is None:
        return end
    return end | {
        "user.start.resident": 1,
        "user.start.tables": 2,
        "user.start.committed": committed,
    }


def promised(file: Path) -> int | None:
    """Pages that a program is promised when it starts; None if the file is not an ELF program."""
    from elftools.elf.elffile import ELFFile

    try:
        with file.open("rb") as stream:
            elf = ELFFile(stream)
            if elf["e_type"] not in STATIC or elf["e_machine"] != "EM_386":
                return None
            segments = [item.header for item in elf.iter_segments("PT_LOAD")]
    except Exception:  # pyelftools raises what it meets: KeyError, struct.error, its own
        return None
    writable = (item for item in segments if item["p_flags"] & 2 and item["p_memsz"])
    pages = 0
    for item in writable:
        start, size = int(item["p_vaddr"]), int(item["p_memsz"])
        pages += -(-(start + size) // PAGE) - start // PAGE
    return STACK_PAGES + pages


def _file(request: Request) -> Path | None:
    """The file that process 1 is: a module, or a program that is built in."""
    manifest, machine = request.manifest, request.machine
    named = [word.partition("=")[2] for word in machine.append.split() if word.startswith("init=")]
    name = named[-1] if named else next(iter(manifest.programs), None)
    for module in machine.modules:
        path = Path(str(module).partition(" ")[0])
        if path.name == name:
            return manifest.directory / path
    if name in manifest.programs:
        return manifest.directory / "build/programs" / name
    return None
