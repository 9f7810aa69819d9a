"""Predicts a machine's use of memory to the byte, and checks the kernel's own accounts.

From the memory map and modules that a kernel reports, and the numbers of its
manifest, everything up to the first page handed out by the buddies follows.
``predict()`` computes it by the kernel's steps, but with other data structures than the C
code: ranges are lists, free memory is a difference of lists.

    the map             available, less what a stricter entry takes back, in whole pages
    memblock            of them what zones cover, without 640 KiB to 1 MiB; the image, the
                        modules, then a bump for each early need
    the buddies         what is left, in each zone, in the largest aligned blocks
    the page directory  tables, large pages, pages of the direct map

``compare()`` then compares the kernel's figures. Their sum must also be right, whatever
was predicted:

    available = kernel + modules + early + free + all waste
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from kgen_qemu.manifest import MemoryModel
from kgen_qemu.transcript import Module, Region, Transcript

PAGE = 4096
TABLE_SPAN = 1024 * PAGE  # what a page table, or a large page, maps
IN_THE_IMAGE = 2  # page tables that are: those of the fixmap and of the page map
BITMAP_LEVELS = 4  # a bitmap and its summaries
TOP = 1 << 64
LAST_PAGE = 0xFFFFF000  # left alone, so that ends of ranges fit 32 bits
FOUR_GIB = 1 << 32
LEGACY = (0xA0000, 0x100000)  # the screen and ROMs, whatever the map says
AVAILABLE = 1

Range = tuple[int, int]
"""First byte, and one past the last."""

WASTE = (
    *("above_4g", "above_zones", "legacy", "rounding", "top_page"),
    *("page0", "dropped", "partial"),
)


@dataclass(frozen=True)
class Mismatch:
    """A figure that is not as predicted; ``observed`` is None if the kernel did not say it."""

    key: str
    predicted: int
    observed: int | None

    def __str__(self) -> str:
        said = "nothing" if self.observed is None else str(self.observed)
        return f"accounting: {self.key} is {said}, predicted {self.predicted}"


@dataclass(frozen=True)
class Accounting:
    """``checked`` figures were compared; ``mismatches`` are those that differ."""

    checked: int
    mismatches: tuple[Mismatch, ...]


def account(
    said: Transcript, model: MemoryModel | None, programs: Mapping[str, int] = MappingProxyType({})
) -> Accounting | None:
    """Check a kernel's accounts; None where there is no model or the boot ended too early.

    ``programs`` are figures of process 1 (``process_one``), known once it has ended.
    """
    if model is None or "kmalloc" not in {stage.name for stage in said.stages}:
        return None
    predicted = predict(said, model)
    if predicted is None:
        return None
    if said.end is None:  # free blocks are printed last
        predicted = {key: n for key, n in predicted.items() if not key.startswith("page.")}
    predicted |= programs
    wrong = [
        Mismatch(key, value, said.stats.get(key))
        for key, value in predicted.items()
        if said.stats.get(key) != value
    ]
    return Accounting(len(predicted) + 1, (*wrong, *_sum(said.stats)))


def _sum(stats: dict[str, int]) -> Iterator[Mismatch]:
    """Available memory is the sum of all its uses."""
    parts = ("kernel", "modules", "early", "free", *(f"waste.{name}" for name in WASTE))
    total = sum(stats.get(f"mem.{part}", 0) for part in parts)
    available = stats.get("mem.available")
    if available != total:
        yield Mismatch("mem.available (the sum of all parts)", total, available)


def predict(said: Transcript, model: MemoryModel) -> dict[str, int] | None:
    """Every figure, by the key under which the kernel says it; None if it ran out of memory."""
    ledger = _read_map(said.memory_map, model)
    if not ledger.memory:
        return None
    _reserve(ledger, model, said.modules)
    ram_end = ledger.memory[-1][1]
    cpu = said.cpu
    paging = _Paging.of(model, ledger.memory, ram_end, large=cpu is not None and cpu.pse)
    zones = _zones(model, ram_end)
    # The page map: a byte for each frame of whole largest blocks, in whole pages.
    early = [(_up(ram_end // PAGE, max(PAGE, 1 << model.max_order)), PAGE)]
    early += [(_index(end - start, model), 8) for _, start, end in zones if end > start]
    early += [(PAGE, PAGE), ((paging.tables - IN_THE_IMAGE) * PAGE, PAGE)]
    for size, alignment in early:
        if not _early_alloc(ledger, model, size, alignment):
            return None
    free = list(_inward(subtract(ledger.memory, ledger.reserved)))
    return (
        ledger.stats(free)
        | _free_blocks(zones, free, model.max_order)
        | {
            "memblock.allocated": ledger.allocated,
            "paging.direct_pages": paging.direct_pages,
            "paging.large_pages": paging.large_pages,
            "paging.tables": paging.tables,
        }
    )


# --- ranges: sorted, disjoint, none touching the next --------------------------


def union(ranges: Iterable[Range]) -> list[Range]:
    """All that is in any of them."""
    joined: list[Range] = []
    for start, end in sorted(ranges):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def subtract(ranges: Iterable[Range], holes: Iterable[Range]) -> list[Range]:
    """What is in ``ranges`` and in none of ``holes``."""
    left: list[Range] = []
    gaps = union(holes)
    for start, end in union(ranges):
        for first, past in gaps:
            if first >= end:
                break
            if past > start:
                left.append((start, first))
                start = past
        left.append((start, end))
    return [(start, end) for start, end in left if start < end]


def within(ranges: Iterable[Range], start: int, end: int) -> list[Range]:
    """What of them lies between ``start`` and ``end``."""
    return union((max(first, start), min(last, end)) for first, last in ranges)


def size(ranges: Iterable[Range]) -> int:
    """Bytes of all of them."""
    return sum(end - start for start, end in ranges)


def _up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


def _down(value: int, unit: int) -> int:
    return value // unit * unit


def _inward(ranges: Iterable[Range]) -> Iterator[Range]:
    """Whole pages alone."""
    for start, end in ranges:
        if _up(start, PAGE) < _down(end, PAGE):
            yield _up(start, PAGE), _down(end, PAGE)


# --- the map, and memblock -----------------------------------------------------


@dataclass
class _Ledger:
    """Memblock while it fills, and what each step took. Sizes are bytes.

    ``mapped`` is where each 4 MiB begin that the boot page directory maps.
    """

    memory: list[Range]
    available: int
    waste: dict[str, int]
    mapped: set[int] = field(default_factory=set)
    reserved: list[Range] = field(default_factory=list)
    kernel: int = 0
    modules: int = 0
    allocated: int = 0
    cursor: int = 0

    def stats(self, free: list[Range]) -> dict[str, int]:
        """The keys ``mem.…``, ``free`` being what the buddies got."""
        left = size(subtract(self.memory, self.reserved))
        waste = self.waste | {"partial": left - size(free)}
        used = {"available": self.available, "kernel": self.kernel, "modules": self.modules}
        used |= {"early": self.allocated, "free": size(free)}
        return {f"mem.{key}": n for key, n in used.items()} | {
            f"mem.waste.{key}": waste[key] for key in WASTE
        }


def available(memory_map: Iterable[Region], unit: int) -> list[Range]:
    """Available memory in whole units: whatever else an entry says of it, it is not available."""
    offered, denied = [], []
    for region in memory_map:
        end = min(region.base + region.length, TOP - 1)
        if region.kind == AVAILABLE:
            offered.append((_up(region.base, unit), _down(end, unit)))
        elif region.length:
            denied.append((_down(region.base, unit), _up(end, unit)))
    return subtract(offered, denied)


def _read_map(memory_map: Iterable[Region], model: MemoryModel) -> _Ledger:
    entries = tuple(memory_map)
    exact = size(available(entries, 1))
    pages = available(entries, PAGE)
    covered = min(model.zones[-1].end_page * PAGE, LAST_PAGE)
    below = subtract(within(pages, 0, covered), [LEGACY])
    memory, dropped = below[: model.regions], below[model.regions :]
    waste = {
        "above_4g": size(within(pages, FOUR_GIB, TOP)),
        "above_zones": size(within(pages, covered, LAST_PAGE)),
        "legacy": size(within(pages, *LEGACY)),
        "rounding": exact - size(pages),
        "top_page": size(within(pages, LAST_PAGE, FOUR_GIB)),
        "page0": size(within(memory, 0, PAGE)),
        "dropped": size(dropped),
    }
    mapped = set(range(0, model.boot_mapped_end, TABLE_SPAN))
    return _Ledger(memory, exact, waste, mapped)


def _reserve(ledger: _Ledger, model: MemoryModel, modules: Iterable[Module]) -> None:
    """Page 0, the image and the modules are in use before anything is allocated."""
    image = (model.image_start, _up(model.image_end, PAGE))
    loaded = [
        (_down(module.start, PAGE), _up(module.end, PAGE))
        for module in modules
        if module.start < module.end
    ]
    ledger.reserved = union([(0, PAGE), image, *loaded])
    ledger.kernel = size(within(ledger.memory, *image))
    taken = size(ledger.memory) - size(subtract(ledger.memory, ledger.reserved))
    ledger.modules = taken - ledger.waste["page0"] - ledger.kernel


def _bump(ledger: _Ledger, need: int, alignment: int, limit: int) -> int | None:
    """One allocation: at or above the cursor, else anywhere; below ``limit``. Its address."""
    free = subtract(ledger.memory, ledger.reserved)
    for floor in (ledger.cursor, 0):
        for start, end in within(free, floor, limit):
            at = _up(start, alignment)
            if at + need <= end:
                ledger.reserved = union([*ledger.reserved, (at, at + need)])
                ledger.cursor = at + need
                ledger.allocated += need
                return at
    return None


def _take(ledger: _Ledger, model: MemoryModel, need: int, alignment: int) -> int | None:
    """One allocation in the direct map, inside what the image's own tables map if possible."""
    limit = model.direct_map_limit
    found = _bump(ledger, need, alignment, min(model.boot_mapped_end, limit))
    return _bump(ledger, need, alignment, limit) if found is None else found


def _early_alloc(ledger: _Ledger, model: MemoryModel, need: int, alignment: int) -> bool:
    """An allocation that the boot page directory maps, with more page tables if it takes them."""
    at = _take(ledger, model, need, alignment)
    if at is None:
        return False
    for span in range(_down(at, TABLE_SPAN), at + need, TABLE_SPAN):
        if span not in ledger.mapped:
            ledger.mapped.add(span)
            if _take(ledger, model, PAGE, PAGE) is None:
                return False
    return True


# --- zones ------------------------------------------------------------------------


def _zones(model: MemoryModel, ram_end: int) -> list[tuple[str, int, int]]:
    """Name, first page frame and one past the last, of each zone on this machine."""
    return [
        (zone.name, zone.first_page, max(min(zone.end_page, ram_end // PAGE), zone.first_page))
        for zone in model.zones
    ]


def _index(pages: int, model: MemoryModel) -> int:
    """Bytes of a buddy's index for so many page frames: a node each, or bits and summaries."""
    if model.index == "lists":
        return pages * model.node_size
    words = 0
    for order in range(model.max_order + 1):
        bits = -(-pages >> min(order + 1, model.max_order))  # pairs, but blocks at the top
        for _ in range(BITMAP_LEVELS):
            bits = -(-bits // 32)
            words += bits
    return 4 * words


def _free_blocks(
    zones: list[tuple[str, int, int]], free: list[Range], max_order: int
) -> dict[str, int]:
    """The keys ``buddy.ZONE.free_pages`` and ``page.init.ZONE.oORDER``."""
    stats: dict[str, int] = {}
    for name, first, past in zones:
        blocks = [0] * (max_order + 1)
        for start, end in within(free, first * PAGE, past * PAGE):
            for order in _decompose(start // PAGE - first, end // PAGE - first, max_order):
                blocks[order] += 1
        stats[f"buddy.{name}.free_pages"] = sum(n << order for order, n in enumerate(blocks))
        stats |= {f"page.init.{name}.o{order}": n for order, n in enumerate(blocks)}
    return stats


def _decompose(frame: int, past: int, max_order: int) -> Iterator[int]:
    """The orders of the largest aligned blocks that frames ``frame`` to ``past`` consist of."""
    while frame < past:
        aligned = (frame & -frame).bit_length() - 1 if frame else max_order
        order = min(aligned, (past - frame).bit_length() - 1, max_order)
        yield order
        frame += 1 << order


# --- the permanent page directory ------------------------------------------------------


@dataclass(frozen=True)
class _Paging:
    """How many page tables, 4 MiB pages, and pages that the direct map shows."""

    tables: int
    large_pages: int
    direct_pages: int

    @classmethod
    def of(cls, model: MemoryModel, memory: list[Range], ram_end: int, *, large: bool) -> "_Paging":
        """For RAM that ends at ``ram_end``; ``large`` if the CPU has 4 MiB pages."""
        end = min(ram_end, model.direct_map_limit)
        arena = min(_up(ram_end // PAGE * model.arena_per_ram, 1024), model.arena_pages)
        spans = range(0, end, TABLE_SPAN)
        # Page 0 is not mapped, and parts of the image are read-only: no large page there.
        whole = [
            start
            for start in spans
            if large
            and start > 0
            and start + TABLE_SPAN <= end
            and not (start < model.image_end and start + TABLE_SPAN > model.image_start)
            and size(within(memory, start, start + TABLE_SPAN)) == TABLE_SPAN
        ]
        shown = [*memory, (0, 1 << 20), (model.image_start, model.image_end)]
        pages = size(within(shown, PAGE, end)) // PAGE - model.guards
        tables = arena // 1024 + len(spans) - len(whole) + IN_THE_IMAGE
        return cls(tables, len(whole), pages)
