"""Memory maps of other machines, to be replayed: JSON in, a module for the kernel out.

A map is a list of what a firmware reports, in its order, flaws and all::

    [
      {"base": "0x0", "length": "0x9fc00", "type": 1},
      {"base": "0x100000", "length": 66060288, "type": 1}
    ]

or an object with that list as ``entries``, beside a ``name``, a ``source`` and
whatever else people want to say of it. Types are those of E820: 1 available, 2
reserved, 3 ACPI reclaimable, 4 ACPI NVS, 5 bad; others mean reserved.

The kernel gets it as a module of lines ``0xBASE 0xLENGTH TYPE``, named so that
it recognises it (``kernel/replay.c``), and marks as reserved all memory that the machine
lacks.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgen_qemu.errors import BootError, usage
from kgen_qemu.files import unwritable, write_whole
from kgen_qemu.machine import size_text
from kgen_qemu.manifest import Manifest

MODULE = "kgen.map"
ROOM = 4
"""Entries that the kernel adds for what is not there: up to one hole for each range of a PC's
RAM (low, below 4 GiB, above), and one after the last."""

MOST_ENTRIES = 256
"""The largest memblock.map_entries that a description may say (``kgen.describe``)."""

AVAILABLE = 1
MAX_TYPE = (1 << 32) - 1
MAX_VALUE = (1 << 64) - 1

FOUR_GIB = 1 << 32
MiB = 1 << 20


@dataclass(frozen=True)
class Entry:
    """What a firmware says of ``length`` bytes from ``base``."""

    base: int
    length: int
    kind: int


def load_map(path: Path, room: int) -> tuple[Entry, ...]:
    """The entries of a JSON file, at most ``room``; BootError (usage) names the place at fault."""
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise usage(f"--map {path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested without end
        raise usage(f"--map {path}: not JSON: {error}", _EXAMPLE) from None
    items = data.get("entries") if isinstance(data, dict) else data
    if not isinstance(items, list):
        raise usage(f"--map {path}: neither a list nor an object with `entries`", _EXAMPLE)
    if not items:
        raise usage(f"--map {path}: no entries: such a machine has no memory", _EXAMPLE)
    if len(items) > room:
        raise usage(
            f"--map {path}: {len(items)} entries, and this kernel keeps {room} of a replayed map",
            _more_entries(len(items)),
        )
    return tuple(_entry(item, f"--map {path}: entry {place}") for place, item in enumerate(items))


def _more_entries(count: int) -> str:
    """How a map of ``count`` entries can be replayed all the same."""
    if count + ROOM <= MOST_ENTRIES:
        return f"build it with --set memblock.map_entries={count + ROOM}"
    most = MOST_ENTRIES - ROOM
    return (
        f"no kernel keeps more than {most}: join neighbours of one type, and build it with "
        f"--set memblock.map_entries={MOST_ENTRIES}"
    )


_EXAMPLE = 'an entry is {"base": "0x100000", "length": "0x3f00000", "type": 1}'


def _entry(item: Any, where: str) -> Entry:
    if not isinstance(item, dict):
        raise usage(f"{where} is {item!r}, not an object", _EXAMPLE)
    missing = [key for key in ("base", "length", "type") if key not in item]
    if missing:
        raise usage(f"{where} has no {' and no '.join(missing)}", _EXAMPLE)
    return Entry(
        _number(item["base"], f"{where}: base", MAX_VALUE),
        _number(item["length"], f"{where}: length", MAX_VALUE),
        _number(item["type"], f"{where}: type", MAX_TYPE),
    )


def _number(value: Any, where: str, most: int) -> int:
    number = value
    if isinstance(value, str):
        try:
            number = int(value, 0)
        except ValueError:
            raise _no_number(where, value, most) from None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= most:
        raise _no_number(where, value, most)
    return number


def _no_number(where: str, value: Any, most: int) -> BootError:
    return usage(f"{where} is {value!r}", f'an integer from 0 to {most:#x}, or text such as "0x10"')


def check_size(entries: tuple[Entry, ...], path: Path, manifest: Manifest) -> None:
    """Refuse (usage) a map with less memory than the smallest machine that the kernel admits.

    Of its RAM a PC's map offers no more than what is below 640 KiB and above 1 MiB, less
    what the firmware keeps for itself. The kernel would refuse it, too.
    """
    from kgen_qemu.accounting import LEGACY, available, size, subtract, within
    from kgen_qemu.transcript import Region

    regions = [Region(entry.base, entry.length, entry.kind) for entry in entries]
    offered = size(subtract(within(available(regions, 1), 0, FOUR_GIB), [LEGACY]))
    least = manifest.memory.least_available if manifest.memory else 0
    if offered < least:
        raise usage(
            f"--map {path}: {offered >> 10} KiB are available below 640 KiB and from 1 MiB to "
            f"4 GiB; {manifest.name!r} is for machines with {size_text(manifest.ram_minimum)}, "
            f"which offer {least >> 10} KiB or more",
            "take the map of a larger machine",
        )


def memory_for(entries: tuple[Entry, ...]) -> int:
    """Bytes of RAM that hold what a map offers below 4 GiB, in whole MiB.

    One MiB more, as a PC's firmware keeps some at the top of its RAM for itself.
    """
    offered = [entry for entry in entries if entry.kind == AVAILABLE and entry.length]
    ends = [entry.base + entry.length for entry in offered if entry.base < FOUR_GIB]
    end = min(max(ends, default=0), FOUR_GIB)
    return -(-end // MiB) * MiB + MiB


def write_module(entries: tuple[Entry, ...], directory: Path) -> Path:
    """Write the kernel's form of a map below ``directory``; the same map has the same path."""
    text = "".join(f"{entry.base:#x} {entry.length:#x} {entry.kind}\n" for entry in entries)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = directory / "boot" / f"map-{digest}" / MODULE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(f"the map {path}", error) from error
    # Boots at the same time may want the same map: it appears whole or not at all.
    write_whole(path, text.encode(), "the map")
    return path
