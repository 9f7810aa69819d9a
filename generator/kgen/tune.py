"""``kgen tune``: which size classes serve a recorded trace of allocations best.

An object takes the smallest class in which it fits; the rest of the class is waste. For sizes
``s1 < s2 < … < sn`` with weights (how many of each are live, on average), a class is worth having
only where it equals some size, and serves a run of neighbours. So with ``W(j, c)`` the least waste
that ``c`` classes can make of the first ``j`` sizes, and ``w(i, j)`` the waste of one class of size
``sj`` that serves sizes ``i+1 … j``::

    W(j, c) = min over i < j of W(i, c - 1) + w(i, j)

which is tried for all ``i``: the proposal is the best there is, not a good guess. (Finding the
classes that way is the "optimal histogram" problem; Jagadish et al., VLDB 1998.)

A trace is text, a line for each event; ``#`` begins a remark::

    a 40 7        40 bytes allocated, to be known as 7 (no name: never freed)
    f 7           7 freed
    64 1200       1200 objects of 64 bytes, live all the time

Or it is the log of a kernel with ``debug.trace``, whose machine lines have the events, numbered
from ``i`` on: an allocation's size, or ``-n`` for the free of the allocation made n events
before::

    # kgen:trace i=120 ops=64,400,-1,24,-4
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from kgen.errors import KgenError
from kgen.files import shown
from kgen.load import load, prove
from kgen.units import align_up

SCHEMA = 1

STEP = 8
"""Classes are multiples of this many bytes: kmalloc aligns so, and tells sizes apart so finely."""

_LOG = re.compile(r"^# kgen:[a-z]+ ", re.MULTILINE)
_TRACE = re.compile(r"# kgen:trace i=(\d+) ops=(\S+)$")


_HINT = "TRACE is a boot's log, or text: see kgen tune --help"

_WORD = 40
"""Characters of a wrong word or line that a message repeats."""


@dataclass(frozen=True)
class Proposal:
    """Classes in bytes for a trace, and the part of their bytes that is asked for (efficiency).

    ``larger`` is the part of the trace's bytes in sizes that no class serves.
    """

    before: tuple[int, ...]
    classes: tuple[int, ...]
    efficiency_before: float
    efficiency: float
    larger: float

    @property
    def setting(self) -> str:
        """What to paste after ``--set``."""
        return f"kmalloc.classes={','.join(map(str, self.classes))}"


def report(
    trace: Path,
    description: Path | None,
    sets: Sequence[str],
    most: int | None,
    *,
    as_json: bool = False,
) -> str:
    """The verb: what it prints. KgenError (exit 2) for a bad trace or description."""
    kernel = prove(load(description, sets)).kernel
    present = kernel.kmalloc.classes
    if not present:
        raise KgenError("this kernel has no size classes", "give it some with kmalloc.classes")
    proposal = propose(read_trace(trace), present, most or len(present))
    return _json(proposal) if as_json else _text(proposal)


def _json(proposal: Proposal) -> str:
    return json.dumps(
        {
            "schema": SCHEMA,
            "before": proposal.before,
            "classes": proposal.classes,
            "efficiency_before": round(proposal.efficiency_before, 4),
            "efficiency": round(proposal.efficiency, 4),
            "larger": round(proposal.larger, 4),
            "setting": proposal.setting,
        }
    )


def _text(proposal: Proposal) -> str:
    lines = [
        f"kgen: {len(proposal.classes)} classes: {' '.join(map(str, proposal.classes))}",
        f"  efficiency inside objects {proposal.efficiency_before:.3f} → {proposal.efficiency:.3f}"
        f" ({len(proposal.before)} classes before)",
    ]
    if proposal.larger:
        lines.append(
            f"  {proposal.larger:.0%} of the bytes are in sizes above {proposal.classes[-1]}, "
            "which no class serves"
        )
    lines += [
        "paste into the description, or after --set:",
        f"  Kmalloc(classes={proposal.classes})",
        f"  {proposal.setting}",
    ]
    return "\n".join(lines)


# --- the trace ------------------------------------------------------------------


def read_trace(path: Path) -> dict[int, float]:
    """Size in bytes → how many are live on average. KgenError names the line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8", errors="backslashreplace")
    except IsADirectoryError:
        raise KgenError(f"{shown(path)} is a folder, not a trace", _HINT) from None
    except FileNotFoundError:
        raise KgenError(f"{shown(path)}: there is no such trace", _HINT) from None
    except OSError as error:
        raise KgenError(f"{shown(path)} cannot be read: {error.strerror}", _HINT) from None
    if "\0" in text:
        raise KgenError(f"{shown(path)} is not text", _HINT)
    events = _Events()
    is_log = _LOG.search(text) is not None
    add = events.add_recorded if is_log else events.add_written
    hint = "boot the kernel again" if is_log else "a line is `a SIZE ID`, `f ID` or `SIZE COUNT`"
    for number, line in enumerate(text.split("\n"), 1):
        try:
            add(line.rstrip())
        except ValueError as error:
            raise KgenError(f"{shown(path)}:{number}: {error}", hint) from None
    if is_log and _TRACE.match(text[text.rfind("\n") + 1 :]):
        raise KgenError(f"{shown(path)} ends in the middle of a trace line", hint)
    weights = events.average_live()
    if not weights:
        unrecorded = "build the kernel with --set debug.trace=true, and boot it to the end"
        hint = unrecorded if is_log else _HINT
        raise KgenError(f"{shown(path)}: no allocation in it", hint)
    return weights


class _Events:
    """Adds up, for each size, the moments that objects of it live; an event is a moment."""

    def __init__(self) -> None:
        self._now = 0
        self._born: dict[str, tuple[int, int]] = {}
        self._immortal: list[tuple[int, int]] = []
        self._moments: Counter[int] = Counter()
        self._always: Counter[int] = Counter()
        self._frees = False

    def add_written(self, line: str) -> None:
        """A line of a trace. ValueError says what is wrong with it."""
        words = line.partition("#")[0].split()
        if words:
            self._add(words)

    def add_recorded(self, line: str) -> None:
        """A line of a kernel's log; most have no events. ValueError as above."""
        match = _TRACE.match(line)
        if match is None:
            return
        if int(match[1]) != self._now:
            raise ValueError(f"event {match[1]} where {self._now} should be: lines are missing")
        for word in match[2].split(","):
            # An allocation is known by the number of its event.
            if word.startswith("-"):
                self._add(["f", str(self._now - _positive(word[1:]))])
            else:
                self._add(["a", word, str(self._now)])

    def _add(self, words: Sequence[str]) -> None:
        """One event, or a size that is live all the time."""
        match words:
            case ["a", size]:
                self._immortal.append((_size(size), self._now))
            case ["a", size, name]:
                if name in self._born:
                    raise ValueError(f"{name} is allocated already")
                self._born[name] = (_size(size), self._now)
            case ["f", name]:
                self._free(name)
            case [size, count] if size != "f":
                self._always[_size(size)] += _positive(count)
                return
            case _:
                raise ValueError(f"`{_excerpt(' '.join(words))}` is no event")
        self._now += 1

    def _free(self, name: str) -> None:
        if name not in self._born:
            raise ValueError(f"{name} is not allocated")
        size, since = self._born.pop(name)
        self._moments[size] += self._now - since
        self._frees = True

    def average_live(self) -> dict[int, float]:
        """Size → live objects on average; where nothing is ever freed, simply how many."""
        left = [*self._born.values(), *self._immortal]
        weights: Counter[int] = Counter(self._always)
        if not self._frees:
            weights.update(size for size, _ in left)
            return dict(weights)
        moments = Counter(self._moments)
        for size, since in left:
            moments[size] += self._now - since
        average = {size: count / self._now for size, count in moments.items()}
        return {size: average.get(size, 0) + weights[size] for size in {*average, *weights}}


def _size(text: str) -> int:
    size = _positive(text)
    if size >= 1 << 32:
        raise ValueError(f"{_excerpt(text)} bytes are more than an i386 has addresses for")
    return size


def _positive(text: str) -> int:
    # Python refuses to read numbers of thousands of digits.
    if not (text.isascii() and text.isdigit() and len(text) <= _WORD and int(text)):
        raise ValueError(f"{_excerpt(text)!r} is not a positive number")
    return int(text)


def _excerpt(text: str) -> str:
    """No more of it than a message has room for, and nothing that a terminal would obey."""
    short = text if len(text) <= _WORD else text[:_WORD] + "…"
    return "".join(char if char.isprintable() else "?" for char in short)


# --- the classes ------------------------------------------------------------------


def propose(weights: Mapping[int, float], present: Sequence[int], most: int) -> Proposal:
    """The best classes, at most ``most``; the largest stays, for it says what slabs serve."""
    largest = present[-1]
    served = {size: weight for size, weight in weights.items() if size <= largest}
    # The largest class serves whatever comes, so it is one of the sizes, of no weight.
    classes = best_classes({largest: 0.0, **served}, most)
    total = sum(size * weight for size, weight in weights.items())
    larger = sum(size * weight for size, weight in weights.items() if size > largest)
    return Proposal(
        tuple(present),
        classes,
        efficiency(served, present),
        efficiency(served, classes),
        larger / total,
    )


def efficiency(weights: Mapping[int, float], classes: Sequence[int]) -> float:
    """Bytes asked for over bytes of the classes that serve them; 1 where there are none."""
    taken = sum(weight * classes[bisect_left(classes, size)] for size, weight in weights.items())
    return sum(size * weight for size, weight in weights.items()) / taken if taken else 1.0


def best_classes(weights: Mapping[int, float], most: int) -> tuple[int, ...]:
    """Ascending classes, at most ``most``, of which the last is the largest size's.

    No choice of at most ``most`` classes wastes less, and no smaller one wastes as little.
    """
    tops = sorted({align_up(size, STEP) for size in weights})
    counts = dict.fromkeys(tops, 0.0)
    for size, weight in weights.items():
        counts[align_up(size, STEP)] += weight
    # Waste up to the multiples of STEP is the same for all choices.
    before = [0.0, *accumulate(counts[top] for top in tops)]
    least = [0.0] + [float("inf")] * len(tops)
    cuts: list[list[int]] = []
    bytes_of: list[list[float]] = [least]
    for _ in range(min(most, len(tops))):
        row, cut = _one_more(tops, before, bytes_of[-1])
        bytes_of.append(row)
        cuts.append(cut)
    final = [row[-1] for row in bytes_of]
    used = final.index(min(final))
    return _followed(tops, cuts[:used])


def _one_more(
    tops: Sequence[int], before: Sequence[float], least: Sequence[float]
) -> tuple[list[float], list[int]]:
    """From the least bytes with c classes to those with c + 1, and where the last one begins."""
    row, cut = [float("inf")], [0]
    for j in range(1, len(tops) + 1):
        choices = [least[i] + (before[j] - before[i]) * tops[j - 1] for i in range(j)]
        best = min(choices)
        row.append(best)
        cut.append(choices.index(best))
    return row, cut


def _followed(tops: Sequence[int], cuts: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """The classes, from the last back to the first."""
    classes, j = [], len(tops)
    for cut in reversed([*cuts]):
        classes.append(tops[j - 1])
        j = cut[j]
    return tuple(reversed(classes))
