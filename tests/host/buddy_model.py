"""A model of the buddy allocator with either index, and random conversations with it.

The model keeps a list of free blocks for each order, the one freed last in front, and the orders of
allocated ones. The index that it models decides one thing alone: whether the first block of a list
is taken, or the lowest. The state that it predicts is every byte of the map.

The other models of this folder, and how conversations work, are in :mod:`tests.host.models`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from tests.host.models import PAGE, Talk

OK, RANGE, ORDER, DOUBLE, INTERIOR, UNMANAGED = range(6)
"""The codes of buddy_free()."""

ALLOCATED, FREE, CACHED, NOTHING = 0x00, 0x40, 0x80, 0xFF
"""Bytes of the map, the first two with the order."""

BATCH_ORDER = 5
"""The largest block that buddy_take_cached() takes."""


def pieces(frame: int, last: int, top: int) -> Iterator[tuple[int, int]]:
    """The largest aligned blocks (frame, order) that frames [frame, last) make, ascending."""
    while frame < last:
        order = 0
        while order < top and frame % (2 << order) == 0 and frame + (2 << order) <= last:
            order += 1
        yield frame, order
        frame += 1 << order


def ascents(frames: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The runs [frame, last) of neighbours that follow each other in ``frames``."""
    at = 0
    while at < len(frames):
        end = at + 1
        while end < len(frames) and frames[end] == frames[end - 1] + 1:
            end += 1
        yield frames[at], frames[end - 1] + 1
        at = end


@dataclass
class Buddy:
    """Blocks by their first frame, counted from ``base``."""

    base: int
    pages: int
    top: int
    lowest: bool
    managed: set[int] = field(default_factory=set)
    cached: set[int] = field(default_factory=set)
    allocated: dict[int, int] = field(default_factory=dict)
    free: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.free = [[] for _ in range(self.top + 1)]

    def add(self, start: int, end: int) -> int:
        """Give it the bytes [start, end); the error code."""
        first, rest = divmod(start - self.base, PAGE)
        last, more = divmod(end - self.base, PAGE)
        if rest or more or first < 0 or last < first or last > self.pages:
            return RANGE
        self.managed |= set(range(first, last))
        self._release_all(pieces(first, last, self.top))
        return OK

    def alloc(self, order: int) -> int:
        """The address, 0 if there is none."""
        found = next((k for k in range(order, self.top + 1) if self.free[k]), None)
        if found is None:
            return 0
        frame = min(self.free[found]) if self.lowest else self.free[found][0]
        self.free[found].remove(frame)
        for half in reversed(range(order, found)):
            self.free[half].insert(0, frame + (1 << half))
        self.allocated[frame] = order
        return self.base + frame * PAGE

    def release(self, addr: int, order: int) -> int:
        """Free the block; the error code."""
        frame, rest = divmod(addr - self.base, PAGE)
        if rest or not 0 <= frame < self.pages:
            return RANGE
        if frame not in self.managed:
            return UNMANAGED
        if frame in self.allocated:
            if self.allocated[frame] != order:
                return ORDER
            del self.allocated[frame]
            self._release_all([(frame, order)])
            return OK
        holds = any(first <= frame < first + (1 << k) for first, k in self.allocated.items())
        return INTERIOR if holds else DOUBLE

    def take(self, count: int) -> list[int]:
        """Addresses of up to ``count`` frames for the cache."""
        order = min(BATCH_ORDER, self.top, count.bit_length() - 1)
        addr = next((addr for k in range(order, -1, -1) if (addr := self.alloc(k))), 0)
        if not addr:
            return []
        frame = (addr - self.base) // PAGE
        taken = range(frame, frame + (1 << self.allocated.pop(frame)))
        self.cached |= set(taken)
        return [self.base + page * PAGE for page in reversed(taken)]

    def give(self, addrs: Iterable[int]) -> None:
        """Frames from the cache, in the order in which they come."""
        frames = [(addr - self.base) // PAGE for addr in addrs]
        self.cached -= set(frames)
        for first, last in ascents(frames):
            self._release_all(pieces(first, last, self.top))

    def _release_all(self, blocks: Iterable[tuple[int, int]]) -> None:
        for first, size in blocks:
            frame, order = first, size
            while order < self.top and (buddy := frame ^ 1 << order) in self.free[order]:
                self.free[order].remove(buddy)
                frame, order = frame & buddy, order + 1
            self.free[order].insert(0, frame)

    def state(self) -> str:
        """What the driver's ``buddy.state`` prints."""
        whole = -(-self.pages >> self.top) << self.top
        bytes_ = bytearray([NOTHING] * whole)
        for frame, order in self.allocated.items():
            bytes_[frame] = ALLOCATED | order
        for frame in self.cached:
            bytes_[frame] = CACHED
        for order, frames in enumerate(self.free):
            for frame in frames:
                bytes_[frame] = FREE | order
        counts = " ".join(str(len(frames)) for frames in self.free)
        return f"{bytes_.hex()} {counts} 0"


def _some_frame(random: Random, buddy: Buddy) -> int:
    """An address, often of no block that is allocated, or of no page at all."""
    addr = buddy.base + random.randrange(-1, buddy.pages + 3) * PAGE
    return max(0, addr + random.choice([0, 0, 0, 0, 1, 64, 256, 4095]))


def _talk_of_freeing(random: Random, buddy: Buddy) -> tuple[str, str]:
    addr, order = _some_frame(random, buddy), random.randrange(buddy.top + 3)
    if buddy.allocated and random.randrange(6):
        frame, order = random.choice(sorted(buddy.allocated.items()))
        addr = buddy.base + frame * PAGE
    return f"buddy.free {addr} {order}", str(buddy.release(addr, order))


def _talk_of_allocating(random: Random, buddy: Buddy) -> tuple[str, str]:
    order = random.choice([0, 0, 0, random.randrange(buddy.top + 2)])
    return f"buddy.alloc {order}", str(buddy.alloc(order))


def _talk_of_taking(random: Random, buddy: Buddy) -> tuple[str, str]:
    count = random.choice([1, 2, 3, 7, 31, 32])
    return f"buddy.take {count}", "".join(f"{addr} " for addr in buddy.take(count))


def _talk_of_giving(random: Random, buddy: Buddy) -> tuple[str, str]:
    frames = sorted(buddy.cached)
    frames = random.sample(frames, random.randint(0, len(frames)))
    if random.randrange(2):
        frames.sort()
    addrs = [buddy.base + frame * PAGE for frame in frames]
    buddy.give(addrs)
    return " ".join(map(str, ("buddy.give", *addrs))), ""


def _talk_of_adding(random: Random, buddy: Buddy) -> Iterator[tuple[str, str]]:
    """Runs with holes between some of them, and some invalid runs."""
    at = random.randrange(3)
    while at < buddy.pages:
        end = min(buddy.pages, at + random.randint(1, buddy.pages))
        start, stop = buddy.base + at * PAGE, buddy.base + end * PAGE
        for first, last in [(start + 1, stop), (stop, start), (start, stop)]:
            yield f"buddy.add {first} {last}", str(buddy.add(first, last))
        at = end + random.choice([0, 0, 1, 3])


def buddy_talk(random: Random, *, lowest: bool, calls: int) -> Talk:
    """Allocations, frees of all kinds, batches for a cache; after each the whole state."""
    top = random.randrange(7)
    base = random.choice([1, 2, 3]) * PAGE << 6
    buddy = Buddy(base, random.choice([1, 7, 8, 32, 37, 64, 70, 200]), top, lowest)
    said = [(f"buddy.init {buddy.base} {buddy.pages} {buddy.top}", "")]
    said += _talk_of_adding(random, buddy)
    eagerness = random.choice([1, 2, 4])  # how full it gets
    kinds: list[Callable[[Random, Buddy], tuple[str, str]]] = [
        *[_talk_of_allocating] * eagerness,
        *[_talk_of_freeing] * 2,
        *random.choice([[], [_talk_of_taking, _talk_of_giving]]),
    ]
    for _ in range(calls):
        said.append(random.choice(kinds)(random, buddy))
        said.append(("buddy.state", buddy.state()))
    return Talk.of(said)


BUDDY_TALKS = {
    "lists": partial(buddy_talk, lowest=False, calls=40),
    "bitmaps": partial(buddy_talk, lowest=True, calls=40),
}
"""By index."""
