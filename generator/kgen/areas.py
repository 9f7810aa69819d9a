"""The areas of the kernel's address space: one table for the rules on them and for the map.

Each area has page tables of its own, so it takes whole entries of the page directory, 4 MiB each,
whatever it uses of the last.
"""

from __future__ import annotations

from dataclasses import dataclass

from kgen.describe import Layout
from kgen.footprint import PAGE_MAP_SIZE
from kgen.units import PAGE_SIZE, TABLE_SPAN, align_up

PROGRAM_BASE = 0x0804_8000
"""Where programs that kgen links begin: the custom of i386 (System V ABI, i386 supplement)."""


@dataclass(frozen=True)
class Area:
    """Virtual addresses from ``start`` to ``end``; ``base_field`` and ``size_field`` set them.

    ``size_field`` is empty where the description does not choose the size.
    """

    name: str
    start: int
    end: int
    base_field: str
    size_field: str
    note: str

    @property
    def size(self) -> int:
        """Bytes that are used."""
        return self.end - self.start

    @property
    def reach(self) -> int:
        """One past the last address of its last page table."""
        return self.start + align_up(self.size, TABLE_SPAN)


def areas(layout: Layout) -> tuple[Area, ...]:
    """All areas of a kernel with this ``layout``, in the order of its fields."""

    def area(name: str, base: str, size: int, field: str, note: str) -> Area:
        start = getattr(layout, base)
        size_field = f"layout.{field}" if field else ""
        return Area(name, start, start + size, f"layout.{base}", size_field, note)

    return (
        area(
            "direct map",
            "kernel_base",
            layout.direct_map_limit,
            "direct_map_limit",
            "physical 0 upwards: image, page tables, metadata",
        ),
        area(
            "arena",
            "arena_base",
            layout.arena_size,
            "arena_size",
            "vmalloc, and kmalloc's large sizes",
        ),
        area(
            "page map",
            "page_map_base",
            PAGE_MAP_SIZE,
            "",
            "the state of each page frame",
        ),
        area(
            "fixmap",
            "fixmap_base",
            layout.fixmap_slots * PAGE_SIZE,
            "",
            "slots for any frame",
        ),
    )
