"""Models of memmap, memblock and arena, with other algorithms than the C has.

Each model is as plain as it can be: a map is what each cut's strictest entry says, memblock is two
sets of bytes, the arena a set of pages. Sets are Python integers, a bit for each member.

``*_talk`` functions make up a random conversation with the driver ``cores.c``: its lines, and the
answers that the model expects. The randomness is a parameter, so that one generator serves a long
seeded run (:class:`random.Random`) and hypothesis (``st.randoms()``), which shrinks what fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

PAGE = 4096
HIGHEST_END = (1 << 64) - 1
"""Ends are 64-bit numbers: a range ends at the last multiple of its unit that is one."""

Entry = tuple[int, int, int]
"""Base, length, type."""


@dataclass(frozen=True)
class Talk:
    """Lines for the driver and the answers that are right."""

    lines: tuple[str, ...]
    answers: tuple[str, ...]

    @classmethod
    def of(cls, said: Sequence[tuple[str, str]]) -> Talk:
        """From pairs of a line and its answer."""
        return cls(tuple(line for line, _ in said), tuple(answer for _, answer in said))


# --- memmap -------------------------------------------------------------------

AVAILABLE = 1
STRICTNESS = {1: 0, 3: 1, 2: 2, 4: 3}
"""Available < ACPI reclaimable < reserved < ACPI NVS < bad and everything unknown."""


def clip(entry: Entry, unit: int) -> tuple[int, int]:
    """First unit, and one past the last, of the units that the entry provides."""
    base, length, kind = entry
    end = min(base + length, 1 << 64)
    if kind == AVAILABLE:
        first, last = -(-base // unit), end // unit
    else:
        first, last = base // unit, -(-end // unit)
    last = min(last, HIGHEST_END // unit)
    return (first, last) if length and first < last else (0, 0)


def resolve(entries: Sequence[Entry], unit: int) -> list[tuple[int, int, int]]:
    """The ranges (start, end, type) that a map comes down to, in whole units of bytes."""
    clipped = [(*clip(entry, unit), entry[2]) for entry in entries]
    cuts = sorted({cut for first, last, _ in clipped if first < last for cut in (first, last)})
    ranges: list[tuple[int, int, int]] = []
    for start, end in pairwise(cuts):
        kinds = [kind for first, last, kind in clipped if first <= start and end <= last]
        if not kinds:
            continue
        kind = max(kinds, key=lambda kind: STRICTNESS.get(kind, 4))
        if ranges and ranges[-1][1:] == (start * unit, kind):
            ranges[-1] = (ranges[-1][0], end * unit, kind)
        else:
            ranges.append((start * unit, end * unit, kind))
    return ranges


def available_bytes(entries: Sequence[Entry], start: int, end: int) -> int:
    """Bytes between ``start`` and ``end`` that are available, to the byte."""
    ranges = [(low, high) for low, high, kind in resolve(entries, 1) if kind == AVAILABLE]
    return sum(max(0, min(high, end) - max(low, start)) for low, high in ranges)


def keep(entries: list[Entry], room: int) -> tuple[list[Entry], int]:
    """The entries that a table of ``room`` entries keeps, and the number of dropped ones."""
    kept: list[Entry] = []
    for entry in entries:
        if len(kept) < room:
            kept.append(entry)
        elif entry[2] != AVAILABLE:
            victim = next((i for i, old in enumerate(kept) if old[2] == AVAILABLE), None)
            if victim is not None:
                kept[victim] = entry
    return kept, max(0, len(entries) - room)


def random_map(random: Random, most: int) -> list[Entry]:
    """Up to ``most`` entries, of which many meet, touch, repeat, wrap or are empty."""
    origin = random.choice([0, 0, 0, (1 << 32) - 8 * PAGE, 1 << 40, (1 << 64) - 10 * PAGE])
    entries: list[Entry] = []
    for _ in range(random.randint(0, most)):
        if entries and random.randrange(8) == 0:
            entries.append(random.choice(entries))
            continue
        nudge = random.choice([0, 0, 0, 1, PAGE - 1, 0x800])
        base = min(origin + random.randrange(16) * PAGE + nudge, (1 << 64) - 1)
        length = random.choice(
            [0, 1, PAGE - 1, PAGE, PAGE + 1, random.randrange(12 * PAGE), PAGE * 5, (1 << 64) - 1]
        )
        if random.randrange(4) == 0:
            length = -(base + length) % PAGE + length  # up to the edge of a page
        kind = random.choice([1, 1, 1, 1, 2, 2, 3, 4, 5, 0, 7, 20, (1 << 32) - 1])
        entries.append((base, min(length, (1 << 64) - 1), kind))
    return entries


def random_pieces(random: Random, most: int) -> list[Entry]:
    """Available memory in pieces that touch, in any order, and among them a claim, often empty."""
    cuts = sorted({random.randrange(20 * PAGE) for _ in range(random.randint(2, most))})
    pieces = [(start, end - start, AVAILABLE) for start, end in pairwise(cuts)]
    pieces.append((random.randrange(20 * PAGE), random.choice([0, 0, 1]), 2))
    random.shuffle(pieces)
    return pieces


def random_stretch(random: Random, entries: Sequence[Entry]) -> tuple[int, int]:
    """One that begins and ends where entries do, or next to that; not empty."""
    ends = [0, *(end for base, length, _ in entries for end in (base, base + length))]
    start, end = sorted(random.choice(ends) + random.choice([-1, 0, 0, 1]) for _ in range(2))
    start = min(max(0, min(start, end)), HIGHEST_END - 1)
    return start, max(start + 1, min(end, HIGHEST_END))


def map_talk(random: Random, *, room: int, count: int) -> Talk:
    """``count`` maps, some of more entries than there is ``room`` for."""
    said = []
    for _ in range(count):
        entries = random_map(random, room + 3)
        numbers = _numbers(entries)
        kept, dropped = keep(entries, room)
        said.append((f"map {numbers}", _joined(resolve(kept, PAGE))))
        far = random.choice([1 << 64, 20 * PAGE])
        start, end = sorted((random.randrange(20 * PAGE), random.randrange(far)))
        bytes_there = available_bytes(kept, start, end)
        said.append((f"bytes {start} {end} {numbers}", str(bytes_there)))
        for pieces in (kept, random_pieces(random, room)):
            start, end = random_stretch(random, pieces)
            has = available_bytes(pieces, start, end) == end - start
            said.append((f"has {start} {end} {_numbers(pieces)}", str(int(has))))
        said.append((f"kept {numbers}", f"{_joined(kept)}{dropped}"))
    return Talk.of(said)


def _numbers(entries: Sequence[Entry]) -> str:
    return " ".join(f"{base} {length} {kind}" for base, length, kind in entries)


def _joined(triples: list[tuple[int, int, int]]) -> str:
    return "".join(f"{a} {b} {c} " for a, b, c in triples)


# --- sets of numbers as integers ------------------------------------------------


def span(start: int, end: int) -> int:
    """The set {start, …, end - 1}."""
    return (1 << end) - (1 << start)


def runs(members: int) -> Iterator[tuple[int, int]]:
    """The maximal runs [start, end) of a set, ascending."""
    at = 0
    while members:
        skip = (members & -members).bit_length() - 1
        at, members = at + skip, members >> skip
        length = (~members & (members + 1)).bit_length() - 1
        yield at, at + length
        at, members = at + length, members >> length


def lowest(free: int, size: int, align: int, *, start: int = 0, skew: int = 0) -> int | None:
    """The lowest ``a`` ≥ ``start`` with [a, a + size) in ``free`` and ``a + skew`` aligned."""
    for low, high in runs(free >> start << start):
        at = -(-(low + skew) // align) * align - skew
        if at + size <= high:
            return at
    return None


# --- memblock -----------------------------------------------------------------

OK, FULL, RANGE, CLOSED = range(4)

CELL = 8
"""Bytes: the model's addresses and sizes are multiples of it, to keep the sets small."""

CELLS = PAGE // CELL

WINDOW = 48 * CELLS
"""Cells of the address space in which conversations take place."""

HIGHEST = (1 << 32) // CELL - WINDOW - CELLS
"""The first cell of the highest window: the last page has no end below 2^32."""


@dataclass
class Memblock:
    """Two sets of cells, numbered from ``origin``, with at most ``room`` runs each."""

    origin: int
    room: int
    memory: int = 0
    reserved: int = field(init=False)
    cursor: int = 0
    allocated: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self.reserved = 0 if self.origin else span(0, CELLS)

    def _union(self, members: int, start: int, end: int, others: int) -> tuple[int, int]:
        if self.closed:
            return CLOSED, members
        if start >= end:
            return RANGE, members
        union = members | span(start, end)
        if (union & ~(union << 1)).bit_count() + others > self.room:
            return FULL, members
        return OK, union

    def add(self, start: int, end: int) -> int:
        """[start, end) is RAM; the error code."""
        error, self.memory = self._union(self.memory, start, end, 0)
        return error

    def reserve(self, start: int, end: int) -> int:
        """[start, end) is taken; the error code."""
        page0_apart = int(self.origin > 0)
        error, self.reserved = self._union(self.reserved, start, end, page0_apart)
        return error

    def alloc(self, size: int, align: int, limit: int | None) -> int | None:
        """Where it lies, or None."""
        free = self.memory & ~self.reserved
        if limit is not None:
            free &= span(0, limit)
        found = None
        if size and not self.closed:
            found = lowest(free, size, align, start=self.cursor, skew=self.origin)
            if found is None:
                found = lowest(free, size, align, skew=self.origin)
        if found is None or self.reserve(found, found + size):
            return None
        self.cursor = found + size
        self.allocated += size
        return found

    def bytes(self, start: int, end: int) -> str:
        """What the driver's ``mb.bytes`` prints."""
        counts = (self.memory & span(start, end), self.memory & self.reserved, self.memory)
        return " ".join(str(members.bit_count() * CELL) for members in counts)

    def free_pages(self) -> str:
        """What the driver's ``mb.free`` prints: the whole free pages, as maximal runs."""
        text = ""
        for start, end in runs(self.memory & ~self.reserved):
            first, last = -(-start // CELLS) * CELLS, end // CELLS * CELLS
            if first < last:
                text += f"{self.address(first)} {self.address(last)} "
        return text

    def state(self) -> str:
        """What the driver's ``mb.state`` prints."""
        page0 = f" 0 {PAGE}" if self.origin else ""
        cursor = self.address(self.cursor) if self.allocated else 0
        return (
            f"{cursor} {self.allocated * CELL} |{self._table(self.memory)} "
            f"|{page0}{self._table(self.reserved)} | 0"
        )

    def _table(self, members: int) -> str:
        return "".join(f" {self.address(a)} {self.address(b)}" for a, b in runs(members))

    def address(self, cell: int) -> int:
        """Of a cell, in bytes."""
        return (self.origin + cell) * CELL


def _cell(random: Random) -> int:
    """A cell, often at a page's edge or beside it."""
    return random.randrange(WINDOW // CELLS) * CELLS + random.choice([0, 0, 0, 1, 256, 511])


def _talk_of_range(random: Random, model: Memblock, what: str, longest: int) -> tuple[str, str]:
    start = _cell(random)
    end = min(start + random.choice([0, 1, CELLS, random.randrange(1, longest)]), WINDOW)
    if start and random.randrange(16) == 0:
        end = start - 1
    line = f"mb.{what} {model.address(start)} {model.address(end)}"
    return line, str(model.add(start, end) if what == "add" else model.reserve(start, end))


def _talk_of_alloc(random: Random, model: Memblock) -> tuple[str, str]:
    size = random.choice([0, 1, 2, 256, CELLS, CELLS + 1, 3 * CELLS, WINDOW])
    align = random.choice([1, 2, 8, CELLS, 4 * CELLS])
    limit = random.choice([None, None, None, random.randrange(1, WINDOW)])
    below = 0 if limit is None else model.address(limit)
    line = f"mb.alloc {size * CELL} {align * CELL} {below}"
    found = model.alloc(size, align, limit)
    return line, str(0 if found is None else model.address(found))


def memblock_talk(random: Random, *, room: int, calls: int) -> Talk:
    """Calls in any order; after each of them the whole state."""
    model = Memblock(random.choice([0, 0, HIGHEST]), room)
    said = [("mb.init", "")]
    kinds = random.choice(["add add reserve alloc alloc free", "add reserve", "reserve alloc add"])
    longest = random.choice([CELLS // 2, 2 * CELLS, 8 * CELLS])  # short ones fill the tables
    for _ in range(calls):
        what = random.choice(kinds.split())
        if what == "alloc":
            said.append(_talk_of_alloc(random, model))
        elif what == "free":
            said.append(("mb.free", model.free_pages()))
        else:
            said.append(_talk_of_range(random, model, what, longest))
        if random.randrange(64) == 0:
            model.closed = True
            said.append(("mb.close", ""))
        said.append(("mb.state", model.state()))
    start, end = sorted((_cell(random), _cell(random)))
    line = f"mb.bytes {model.address(start)} {model.address(end)}"
    said.append((line, model.bytes(start, end)))
    return Talk.of(said)


# --- arena --------------------------------------------------------------------


@dataclass
class Arena:
    """A set of taken pages."""

    base: int
    pages: int
    taken: int = 0

    def alloc(self, pages: int, align: int, skew: int) -> int:
        """The address, 0 if there is none."""
        skew += self.base // PAGE
        free = span(0, self.pages) & ~self.taken
        page = lowest(free, pages + align - 1, 1) if pages else None
        if page is not None:  # a hole that is sure to have an aligned run
            page = -(-(page + skew) // align) * align - skew
        elif pages:
            page = lowest(free, pages, align, skew=skew)
        if page is None:
            return 0
        self.taken |= span(page, page + pages)
        return self.base + page * PAGE

    def free(self, addr: int, pages: int) -> bool:
        """Whether the pages were all taken, and are not now."""
        page, rest = divmod(addr - self.base, PAGE)
        if rest or page < 0 or pages < 1 or page + pages > self.pages:
            return False
        block = span(page, page + pages)
        if block & ~self.taken:
            return False
        self.taken &= ~block
        return True

    def state(self) -> str:
        """What the driver's ``arena.state`` prints."""
        bits = f"{self.taken:0{self.pages}b}"[::-1]
        return f"{self.taken.bit_count()} {bits} 1"


def _talk_of_taking(random: Random, arena: Arena, live: list[tuple[int, int]]) -> tuple[str, str]:
    some, most = random.randint(1, arena.pages), max(1, arena.pages - random.randrange(4))
    pages = random.choice([0, 1, 1, 2, 5, 20, 20, 32, 33, 50, some, most, arena.pages + 1])
    align = random.choice([1, 1, 1, 2, 4, 16, 32, 64, 1 << 30])
    skew = random.choice([0, 0, 1])
    addr = arena.alloc(pages, align, skew)
    if addr:
        live.append((addr, pages))
    return f"arena.alloc {pages} {align} {skew}", str(addr)


def _talk_of_giving(random: Random, arena: Arena, live: list[tuple[int, int]]) -> tuple[str, str]:
    if live and random.randrange(4):
        addr, pages = live.pop(random.randrange(len(live)))
    elif len(live) > 1 and random.randrange(2):  # from the start of one to the end of another
        (addr, _), (last, pages) = sorted(random.sample(live, 2))
        pages += (last - addr) // PAGE
    else:
        addr = arena.base + random.randrange(-2, arena.pages + 2) * PAGE
        addr += random.choice([0, 0, 0, 1, 2048])
        pages = random.choice([0, 1, 2, arena.pages, (1 << 64) - 1, 1 << 52])
    return f"arena.free {addr} {pages}", str(int(arena.free(addr, pages)))


def arena_talk(random: Random, *, calls: int) -> Talk:
    """Allocations and frees, proper and wrong ones; after each the whole state."""
    base = random.choice([0xF880_0000, 0xF880_3000, 0xD000_0000])
    arena = Arena(base, random.choice([1, 31, 32, 33, 64, 100, 200, 256, 1000]))
    said = [(f"arena.init {arena.base} {arena.pages}", "")]
    live: list[tuple[int, int]] = []
    eagerness = random.choice([1, 2, 5])  # how full it gets
    for _ in range(calls):
        taking = random.randint(0, eagerness) > 0
        said.append((_talk_of_taking if taking else _talk_of_giving)(random, arena, live))
        said.append(("arena.state", arena.state()))
    return Talk.of(said)
