"""Addresses of code that a kernel named, with names: who leaked, and whom a panic accuses.

A kernel knows a call site as a return address. It prints the address, in a ``leak``
line or in the message of a panic (``… allocated from 0xc0112871, freed from …``), and
leaves the name to whoever has its symbols.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from kgen_qemu.symbols import Frame, symbolise_each
from kgen_qemu.transcript import Panic, Transcript

MAX_SITES = 16  # named of a message

_ADDRESS = re.compile(r"((?:\b(?:allocated|freed) )?\bfrom )?0x([0-9a-f]{5,8})\b")


@dataclass(frozen=True)
class CodeSite:
    """Code that a panic's message names.

    ``relation`` is how: ``"allocated from"``, ``"freed from"``, ``"from"``, or ``""`` for an
    address by itself.
    """

    frame: Frame
    relation: str = ""

    def __str__(self) -> str:
        return f"{self.relation or 'code at'} {self.frame}"


@dataclass(frozen=True)
class LeakSite:
    """Allocations of one call site that nobody freed."""

    frame: Frame
    count: int
    bytes: int

    def __str__(self) -> str:
        return f"{amount(self.count, self.bytes)} from {self.frame}"


def amount(count: int, size: int) -> str:
    """A number of allocations and of bytes, in words."""
    return f"{size} bytes in {count} allocation{'s' if count != 1 else ''}"


def leak_sites(image: Path | bytes, said: Transcript) -> tuple[LeakSite, ...]:
    """The call sites that leaked, the one with most bytes first."""
    frames = symbolise_each(image, [(leak.site, False) for leak in said.leaks])
    sites = [
        LeakSite(frame, leak.count, leak.bytes)
        for frame, leak in zip(frames, said.leaks, strict=True)
    ]
    return tuple(sorted(sites, key=lambda one: (-one.bytes, -one.count, one.frame.address)))


def message_sites(image: Path | bytes, panic: Panic | None) -> tuple[CodeSite, ...]:
    """The addresses of code in a panic's message, in order.

    An address that follows "from" is a return address; any other is exact.
    """
    if panic is None:
        return ()
    found = [(int(match[2], 16), match[1] or "") for match in _ADDRESS.finditer(panic.message)]
    places = list(dict.fromkeys(found))[:MAX_SITES]
    frames = symbolise_each(image, [(address, not relation) for address, relation in places])
    return tuple(
        CodeSite(frame, relation.strip())
        for frame, (_, relation) in zip(frames, places, strict=True)
        if frame.function
    )
