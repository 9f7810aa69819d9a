"""Sizes and addresses: how people write them and how kgen prints them.

A size is bytes: ``4096``, ``"64M"``, ``"2048K"``, ``"1G"``, ``"0x1000"``; the suffixes
are powers of 1024 (``K``, ``M``, ``G``, with or without ``iB`` or ``B``).
"""

from __future__ import annotations

import re

KiB = 1 << 10
MiB = 1 << 20
GiB = 1 << 30

PAGE_SIZE = 4096
"""Bytes in an i386 page and page frame (Intel SDM vol. 3, 4.3)."""

TABLE_SPAN = 4 * MiB
"""Bytes that one page table, hence one page-directory entry, covers: 1024 pages."""

FOUR_GIB = 4 * GiB
"""One past the highest 32-bit address."""

_SIZE = re.compile(
    r"(0[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|[0-9][0-9_]*)\s*(?:([KMG])(?:i?B)?|B)?", re.IGNORECASE
)
_LONGEST = 40
"""Characters of a size: more than any number of 64 bits takes."""
_FACTOR = {"": 1, "K": KiB, "M": MiB, "G": GiB}


def parse_size(text: str) -> int:
    """Bytes meant by ``text``; ValueError says what a size looks like."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or len(text) > _LONGEST:
        short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        raise ValueError(f"{short!r} is not a size; write bytes or a size such as 64M, 2048K, 1G")
    number, suffix = match.groups(default="")
    return (
        int(number.replace("_", ""), 16 if "x" in number.lower() else 10) * _FACTOR[suffix.upper()]
    )


def show_size(size: int) -> str:
    """``size`` bytes in the largest binary unit that divides it: ``64 MiB``, ``3 KiB``, ``7 B``."""
    for unit, name in ((GiB, "GiB"), (MiB, "MiB"), (KiB, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def show_address(address: int) -> str:
    """``address`` as eight hexadecimal digits, nine from 4 GiB on."""
    return f"{address:#010x}"


def align_up(value: int, alignment: int) -> int:
    """The smallest multiple of ``alignment`` that is not below ``value``."""
    return -(-value // alignment) * alignment


def is_power_of_two(value: int) -> bool:
    """Whether ``value`` is 1, 2, 4, 8, …"""
    return value > 0 and value & (value - 1) == 0
