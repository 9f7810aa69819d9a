"""Archives in cpio's "new ASCII" format: made, and read by a model of the kernel's reader."""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass

MAGIC = b"070701"
HEADER = 110
NAME_MAX = 1024
TRAILER = b"TRAILER!!!"

DIRECTORY, FILE, LINK = 0o040755, 0o100644, 0o120777


@dataclass(frozen=True)
class Entry:
    """One entry; what is not said follows from what is."""

    name: bytes
    content: bytes = b""
    mode: int = FILE
    inode: int = 1
    links: int = 1
    size: int | None = None
    name_size: int | None = None

    def packed(self, offset: int = 0) -> bytes:
        """The entry as it stands at ``offset`` of an archive."""
        name = self.name + b"\0"
        numbers = (self.inode, self.mode, 0, 0, self.links, 7)
        size = len(self.content) if self.size is None else self.size
        name_size = len(name) if self.name_size is None else self.name_size
        fields = (*numbers, size, 0, 0, 0, 0, name_size, 0)
        head = MAGIC + b"".join(b"%08X" % field for field in fields) + name
        head += bytes(-(offset + len(head)) % 4)
        whole = head + self.content
        return whole + bytes(-(offset + len(whole)) % 4)


def archive(entries: Iterable[Entry]) -> bytes:
    """All entries, and the one that ends them."""
    packed = b""
    for entry in (*entries, Entry(TRAILER, mode=0)):
        packed += entry.packed(len(packed))
    return packed


def reading(data: bytes) -> str:
    """What ``cpio.c`` of this folder is to say of an archive."""
    said = []
    at = 0
    while True:
        end, item, at = _entry(data, at)
        if item:
            said.append(item)
        if end:
            return " ".join([*said, end])


def _entry(data: bytes, at: int) -> tuple[str, str, int]:
    """How reading ends here ("": it goes on), the line for it, and the start of the next entry."""
    head = data[at : at + HEADER]
    if len(head) < HEADER:
        return "CUT", "", at
    digits = head[6:].decode("latin-1")
    if head[:6] != MAGIC or set(digits) - set(string.hexdigits):
        return "HEADER", "", at
    fields = [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]
    mode, links, size, name_size = fields[1], fields[4], fields[6], fields[11]
    start = at + HEADER
    if start + name_size > len(data):
        return "CUT", "", at
    content = _filled(start + name_size, data)
    if content + size > len(data):
        return "CUT", "", at
    name = data[start : start + name_size]
    following = _filled(content + size, data)
    if not name_size or name_size > NAME_MAX or name.find(b"\0") != name_size - 1:
        return "", "NAME", following
    if name[:-1] == TRAILER:
        return "END", "", at
    parts = [part for part in name[:-1].split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        return "", "NAME", following
    clean = b"/".join(parts).hex()
    return "", f"{mode:o}:{links}:{content}:{size}:{clean}", following


def _filled(offset: int, data: bytes) -> int:
    return min(offset + -offset % 4, len(data))
