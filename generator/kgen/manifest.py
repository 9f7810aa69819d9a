"""``manifest.json``: all that ``kgen boot`` knows of a kernel. Written last, so it vouches for all.

Schema 1. ``image`` is relative to the output folder; its size and hash tell a boot whether the
image is still the one that was built. Sizes are bytes.

``inputs`` are the files that the kernel was made from, with their hashes: a boot says when one has
changed since. Those in the output folder and beside it are relative to it, so a project may move.
``unfinished`` is a file that is there while a build is under way, and after one that failed.

``programs`` are those that are built in; the first is process 1 unless a boot says otherwise.

``memory`` is what it takes to predict each figure of a boot's accounts (``kgen_qemu.accounting``):
the description's numbers, and where the linker ended the image.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

from kgen.derive import Derived
from kgen.units import PAGE_SIZE

SCHEMA = 1


def manifest(
    derived: Derived,
    *,
    image: str,
    content: bytes,
    build_id: str,
    inputs: Mapping[str, str],
    unfinished: str,
    address_of: Callable[[str], int | None],
) -> bytes:
    """The manifest of the kernel whose ELF at ``image`` holds ``content``.

    ``address_of`` looks up a symbol of the ELF.
    """
    kernel = derived.kernel
    entries = {
        "schema": SCHEMA,
        "name": kernel.name,
        "image": image,
        "image_sha256": hashlib.sha256(content).hexdigest(),
        "image_size": len(content),
        "build": build_id,
        "stages": list(derived.stages),
        "features": list(derived.features),
        "programs": [program.name for program in derived.programs],
        "ram": {"minimum": kernel.ram.minimum, "maximum": kernel.ram.maximum},
        "cpu": {"minimum": kernel.cpu.minimum},
        "memory": _memory(derived, address_of),
        "unfinished": unfinished,
        "inputs": dict(sorted(inputs.items())),
    }
    return (json.dumps(entries, indent=2) + "\n").encode()


def _memory(derived: Derived, address_of: Callable[[str], int | None]) -> dict[str, object]:
    """Addresses are physical, but for ``kernel_base``."""
    kernel, layout = derived.kernel, derived.kernel.layout

    def physical(symbol: str) -> int:
        return (address_of(symbol) or 0) - layout.kernel_base

    return {
        "kernel_base": layout.kernel_base,
        "image_start": layout.load_address,
        "image_end": physical("_end"),
        "boot_mapped_end": physical("_boot_mapped_end"),
        "direct_map_limit": layout.direct_map_limit,
        "arena_pages": derived.arena_pages,
        "arena_per_ram": derived.arena_per_ram,
        "least_available": derived.least_available,
        "map_entries": kernel.memblock.map_entries,
        "regions": kernel.memblock.regions,
        "modules": kernel.memblock.modules,
        "module_line": kernel.memblock.module_line,
        "max_order": kernel.buddy.max_order,
        "index": kernel.buddy.index,
        "node_size": derived.node_size,
        "zones": [
            {"name": zone.name, "first_page": zone.first_page, "end_page": zone.end_page}
            for zone in derived.zones
        ],
        "guards": sum(
            (physical(stack) - physical(f"{stack}_guard")) // PAGE_SIZE
            for stack in ("boot_stack", "fault_stack")
        ),
    }
