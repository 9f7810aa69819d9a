"""The memory that the kernel's own data takes, as a function of the machine's RAM.

The kernel computes the same numbers at boot from what it finds; ``kgen.check`` needs them
before there is a kernel, to prove that they fit on every machine that a description admits,
and ``kgen.derive`` to size the boot mapping.

**Why a few RAM sizes prove it for all.** What is proved is :func:`room`: the bytes that image
and page tables leave of one another. RAM comes in pages. Look at one page more of it:

- Within the direct map it adds a page. It takes at most that from :func:`early_bytes`: 8 bytes of
  nodes, or 4 bytes in each of 4 levels of at most 16 bitmaps; rounded up to whole pages, a page.
  So there is no less room than before, unless a staircase takes a step: another page table for
  the arena (each :data:`ARENA_STEP` of RAM) or for the direct map (each 4 MiB), or more pages of
  the page map (each 16 MiB, or each largest block if that is more). All these are multiples of
  :data:`ARENA_STEP`, 1 MiB.
- From one step to the next RAM grows by 1 MiB, and what a step takes at most is 8 pages of page map
  and two page tables. So there is more room past the next step than past this one.
- Beyond the direct map a page adds nothing, and takes as before. So there is no more room.

So the room is least at ``ram.minimum``, a page past the first step from there on, or at
``ram.maximum``: :func:`tight_sizes`. A test compares them with every page of RAM.

**What it assumes of a machine.** RAM is in one piece from the load address to its end or the end
of the direct map. The part at its end that a firmware keeps (SeaBIOS: 128 KiB) is not subtracted.
RAM below the load address is not added; it is more than that (a PC has 500 KiB below 1 MiB).
Modules are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from kgen.describe import Kernel
from kgen.units import FOUR_GIB, PAGE_SIZE, TABLE_SPAN, KiB, MiB, align_up

NODE_SIZE = 8
"""sizeof(struct buddy_node) on i386: two pointers."""

BITMAP_LEVELS = 4
"""Levels of each of a buddy's bitmaps: 32^4 bits, one for each page frame."""

PAGE_MAP_SIZE = FOUR_GIB // PAGE_SIZE
"""Bytes of the page map's area: one for each page frame below 4 GiB."""

INDEX_ALIGNMENT = 8
"""Bytes to which each index is aligned."""

ARENA_PER_RAM = 4
"""Page tables for the arena cover this many times the RAM: each mapping may waste as much
again in guard pages, and twice that again in holes, before addresses run out before frames."""

ARENA_STEP = TABLE_SPAN // ARENA_PER_RAM
"""Bytes of RAM for which the arena gets one page table more."""

CODE_FLOOR = 32 * KiB
"""Bytes of code and constant data that every kernel has, at least; how many there are in all
is known when the compiler has been there. (Without tests, optimised for size: 43 KiB.)"""

KMALLOC_HEADER = 8
"""Bytes of kmalloc's header {size, magic}."""

SLAB_HEADER = 32
"""Bytes at a slab's start before the first slot (sizeof(struct slab) in mm/slab.h)."""

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

BOOT_SPAN = TABLE_SPAN - PAGE_SIZE
"""Bytes that each boot page table maps beyond itself: it lies in what they map."""


def zone_limit(kernel: Kernel, index: int) -> int:
    """Physical address at which zone ``index`` of the description ends."""
    limit = kernel.buddy.zones[index].limit
    if limit == "direct":
        return kernel.layout.direct_map_limit
    return FOUR_GIB if limit == "end" else limit


def zone_pages(kernel: Kernel, ram: int) -> Iterator[int]:
    """Page frames of each zone on a machine with ``ram`` bytes; zones without any are left out."""
    start = 0
    for index in range(len(kernel.buddy.zones)):
        end = min(zone_limit(kernel, index), ram, FOUR_GIB)
        if end > start:
            yield (end - start) // PAGE_SIZE
            start = end


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
    indexes = (index_bytes(pages, kernel) for pages in zone_pages(kernel, ram))
    return page_map_bytes(kernel, ram) + sum(indexes)


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
    """Bytes from the first to the last that memblock hands out before the buddy takes over.

    In the kernel's order, from a page on: page map, indexes, then page tables in whole pages.
    Where RAM has a hole, they go on after it, from a page on again, and take no more.
    """
    end = page_map_bytes(kernel, ram)
    for pages in zone_pages(kernel, ram):
        end = align_up(end, INDEX_ALIGNMENT) + index_bytes(pages, kernel)
    return align_up(end, PAGE_SIZE) + page_tables(kernel, ram) * PAGE_SIZE


def boot_tables(kernel: Kernel, end: int) -> int:
    """Boot page tables that map an image, which ends at ``end`` but for them, and early data.

    The linker script computes the same.
    """
    return -(-(end + early_bytes(kernel, kernel.ram.maximum)) // BOOT_SPAN)


def slab_order(kernel: Kernel) -> int:
    """Order of a slab: no larger than the buddy's largest block."""
    return min(kernel.slab.order, kernel.buddy.max_order)


def slab_front(kernel: Kernel) -> int:
    """Bytes in front of kmalloc's objects in slabs."""
    return KMALLOC_HEADER if kernel.kmalloc.header else 0


def class_limit(kernel: Kernel) -> int:
    """The largest class of which two objects fit into a slab; 0 if none."""
    front, alignment = slab_front(kernel), kernel.kmalloc.alignment
    first = align_up(SLAB_HEADER + front, alignment) - front
    slot = ((PAGE_SIZE << slab_order(kernel)) - first) // 2
    return max(0, (slot - slot % alignment - front) // 8 * 8)


def heap_order(kernel: Kernel) -> int:
    """Order of a heap's chunk: no larger than the buddy's largest block."""
    return min(kernel.kmalloc.heap_order, kernel.buddy.max_order)


def heap_room(kernel: Kernel, order: int) -> int:
    """Bytes of the largest aligned allocation in a heap's chunk of this order."""
    chunk = PAGE_SIZE << order
    return chunk - max(CHUNK_OVERHEAD, chunk // CHUNK_STEPS + 16) - kernel.kmalloc.alignment


# --- the image ----------------------------------------------------------------


def image_floor(kernel: Kernel) -> int:
    """Bytes that the image takes at least: what follows from the description, and some code."""
    return _plain_floor(kernel) + boot_tables_floor(kernel) * PAGE_SIZE


def boot_tables_floor(kernel: Kernel) -> int:
    """Boot page tables that map so large an image, and early data after it."""
    return boot_tables(kernel, kernel.layout.load_address + _plain_floor(kernel))


def _plain_floor(kernel: Kernel) -> int:
    """Bytes of the image in front of the boot page tables, at least."""
    # The stack's guard, the boot page directory, the fixmap's table and the page map's.
    pages = 4 * PAGE_SIZE + kernel.layout.stack_size
    return align_up(CODE_FLOOR + _arrays(kernel), PAGE_SIZE) + pages


def _arrays(kernel: Kernel) -> int:
    """Bytes of the arrays that every kernel has, and whose length the description gives."""
    memblock, leaves = kernel.memblock, arena_leaves(kernel)
    count = 2 if leaves * 32 < 1 << 16 else 4
    return (
        2 * memblock.regions * 8  # struct memblock_region
        + memblock.map_entries * (20 + 2 * 20)  # struct memmap_entry, struct memmap_range
        + memblock.modules * 72  # struct boot_module
        + leaves * (2 * 3 * count + 4)  # struct arena: nodes, bits
        + kernel.debug.quarantine * 4
    )


def arena_leaves(kernel: Kernel) -> int:
    """Leaves of the arena's tree: words of 32 pages, rounded up to a power of two."""
    words = -(-kernel.layout.arena_size // PAGE_SIZE // 32)
    return 1 << max(0, words - 1).bit_length()


# --- what is left --------------------------------------------------------------


def room(kernel: Kernel, ram: int) -> int:
    """Bytes that the image may take on a machine with ``ram`` bytes; negative if none."""
    start = kernel.layout.load_address + WORKING_ROOM
    return lowmem(kernel, ram) - early_bytes(kernel, ram) - start


def tight_sizes(kernel: Kernel) -> tuple[int, ...]:
    """The RAM sizes, ascending, one of which leaves the least room of all that are admitted."""
    low, high = kernel.ram.minimum, kernel.ram.maximum
    step = align_up(low, ARENA_STEP) + PAGE_SIZE
    within = step <= min(high, kernel.layout.direct_map_limit)
    return tuple(sorted({low, step if within else low, high}))


def tightest(kernel: Kernel) -> int:
    """The RAM size, of all that are admitted, that leaves the least room for the image."""
    return min(tight_sizes(kernel), key=lambda ram: room(kernel, ram))


def least_available(kernel: Kernel) -> int:
    """Bytes that the zones get of the smallest machine's map, at least: with less, none was proved.

    No zone has what lies past the end of the last one, be it RAM or not.
    """
    covered = min(kernel.ram.minimum, zone_limit(kernel, len(kernel.buddy.zones) - 1))
    return covered - covered // FIRMWARE - LEGACY


def image_limit(kernel: Kernel) -> int:
    """Bytes that the image may take so that every admitted machine boots; the verifier's limit."""
    return room(kernel, tightest(kernel))


def with_minimum(kernel: Kernel, minimum: int) -> Kernel:
    """``kernel`` with another ``ram.minimum``, and ``ram.maximum`` raised to it if need be."""
    bounds = {"minimum": minimum, "maximum": max(minimum, kernel.ram.maximum)}
    return kernel.model_copy(update={"ram": kernel.ram.model_copy(update=bounds)})


def sufficient_minimum(kernel: Kernel, image: int) -> int | None:
    """The ``ram.minimum``, in whole MiB, from which on ``image`` bytes fit; None if none does."""
    limit, high = kernel.layout.direct_map_limit, kernel.ram.maximum
    if high >= limit and room(kernel, high) < image:
        return None  # what lies beyond the direct map takes its room
    start = align_up(max(kernel.ram.minimum, kernel.layout.load_address + image), MiB)
    for minimum in range(start, limit + 1, MiB):
        if image_limit(with_minimum(kernel, minimum)) >= image:
            return minimum
    return None
