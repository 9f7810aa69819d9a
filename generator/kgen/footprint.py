"""How much memory the allocators' own data takes, as a function of the machine's RAM.

The kernel computes the same numbers at boot from what it finds; ``kgen.check`` needs them
before there is a kernel, to prove that they fit on every machine that a description admits,
and ``kgen.derive`` to size the boot mapping. Each grows with RAM and never shrinks, with a
bend only where a limit is reached, so a proof at the bends is a proof for all sizes.
"""

from __future__ import annotations

from kgen.describe import Kernel
from kgen.units import FOUR_GIB, PAGE_SIZE, TABLE_SPAN, KiB, align_up

NODE_SIZE = 8
"""sizeof(struct buddy_node) on i386: two pointers."""

BITMAP_LEVELS = 4
"""Levels of each of a buddy's bitmaps: 32^4 bits, one for each page frame."""

PAGE_MAP_SIZE = FOUR_GIB // PAGE_SIZE
"""Bytes of the page map's area: one for each page frame below 4 GiB."""

ARENA_PER_RAM = 4
"""Page tables for the arena cover this many times the RAM: each mapping may waste as much
again in guard pages, and twice that again in holes, before addresses run out before frames."""

EARLY_SLACK = 64 * KiB
"""For alignment between early allocations, and for tables of what the loader passes."""

KMALLOC_HEADER = 8
"""Bytes of kmalloc's header {size, magic}."""

CHUNK_OVERHEAD = 64
"""Bytes of a heap's chunk that no block can have, at most: header, end, a block's own words."""

CHUNK_STEPS = 256
"""The heap finds an empty chunk for what rounds up to it, in steps of this part of a chunk."""

LEGACY = 384 * KiB
"""Bytes from 640 KiB to 1 MiB, which are no RAM on any PC (LEGACY_START in mm/memmap.h)."""

FIRMWARE = 4
"""A firmware may keep this part of RAM: SeaBIOS has 129 KiB of 2 MiB, a screen of its own more."""

WORKING_ROOM = 256 * KiB
"""Bytes that must be left for the kernel to work with on the smallest machine."""


def zone_limit(kernel: Kernel, index: int) -> int:
    """Physical address at which zone ``index`` of the description ends."""
    limit = kernel.buddy.zones[index].limit
    if limit == "direct":
        return kernel.layout.direct_map_limit
    return FOUR_GIB if limit == "end" else limit


def index_bytes(pages: int, kernel: Kernel) -> int:
    """Bytes of a buddy's index for ``pages`` frames: a node each, or bitmaps with summaries."""
    if kernel.buddy.index == "lists":
        return pages * NODE_SIZE
    words, top = 0, kernel.buddy.max_order
    for order in range(top + 1):
        bits = -(-pages // (1 << (order + 1 if order < top else order)))
        for _level in range(BITMAP_LEVELS):
            bits = -(-bits // 32)
            words += bits
    return words * 4


def page_map_bytes(kernel: Kernel, ram: int) -> int:
    """Bytes of the page map for RAM that ends at ``ram``: largest blocks, and pages of it."""
    whole = max(PAGE_SIZE, 1 << kernel.buddy.max_order)
    return align_up(min(ram, FOUR_GIB) // PAGE_SIZE, whole)


def metadata(kernel: Kernel, ram: int) -> int:
    """Bytes of the page map and all zones' indexes on a machine with ``ram`` bytes."""
    total, start = page_map_bytes(kernel, ram), 0
    for index in range(len(kernel.buddy.zones)):
        end = min(zone_limit(kernel, index), ram, FOUR_GIB)
        if end > start:
            total += index_bytes((end - start) // PAGE_SIZE, kernel)
            start = end
    return total


def arena_bytes(kernel: Kernel, ram: int) -> int:
    """Bytes of the arena that get page tables on a machine with ``ram`` bytes."""
    return min(kernel.layout.arena_size, align_up(ARENA_PER_RAM * ram, TABLE_SPAN))


def page_tables(kernel: Kernel, ram: int) -> int:
    """Pages of the permanent directory with its tables for the direct map and the arena."""
    direct = align_up(lowmem(kernel, ram), TABLE_SPAN) // TABLE_SPAN
    return 1 + direct + arena_bytes(kernel, ram) // TABLE_SPAN


def lowmem(kernel: Kernel, ram: int) -> int:
    """Bytes of RAM inside the direct map."""
    return min(ram, kernel.layout.direct_map_limit)


def early_bytes(kernel: Kernel, ram: int) -> int:
    """Bytes that memblock hands out before the buddy takes over."""
    return metadata(kernel, ram) + page_tables(kernel, ram) * PAGE_SIZE + EARLY_SLACK


def slab_order(kernel: Kernel) -> int:
    """Order of a slab: no larger than the buddy's largest block."""
    return min(kernel.slab.order, kernel.buddy.max_order)


def heap_order(kernel: Kernel) -> int:
    """Order of a heap's chunk: no larger than the buddy's largest block."""
    return min(kernel.kmalloc.heap_order, kernel.buddy.max_order)


def heap_room(kernel: Kernel, order: int) -> int:
    """Bytes of the largest aligned allocation in a heap's chunk of this order."""
    chunk = PAGE_SIZE << order
    return chunk - max(CHUNK_OVERHEAD, chunk // CHUNK_STEPS + 16) - kernel.kmalloc.alignment


def ram_bends(kernel: Kernel) -> tuple[int, ...]:
    """The RAM sizes at which a proof suffices: both ends, and each bend between them."""
    ends = [zone_limit(kernel, index) for index in range(len(kernel.buddy.zones))]
    arena_full = kernel.layout.arena_size // ARENA_PER_RAM
    bends = {kernel.layout.direct_map_limit, arena_full, FOUR_GIB, *ends}
    low, high = kernel.ram.minimum, kernel.ram.maximum
    return tuple(sorted({low, high, *(ram for ram in bends if low < ram < high)}))


def least_available(kernel: Kernel) -> int:
    """Bytes that the map of the smallest machine offers, at least: with less, none was proved."""
    return kernel.ram.minimum - kernel.ram.minimum // FIRMWARE - LEGACY


def image_limit(kernel: Kernel) -> int:
    """Bytes that the image may take so that every admitted machine boots; the linker's limit."""
    start = kernel.layout.load_address + WORKING_ROOM
    return min(lowmem(kernel, ram) - early_bytes(kernel, ram) for ram in ram_bends(kernel)) - start
