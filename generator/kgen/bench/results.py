"""Results of a run of ``kgen bench``: one :class:`Result` for each workload of each variant.

The JSON form (schema 1) is what ``--json`` prints, ``--save`` keeps and ``--against`` reads. Its
figures are exact counts divided by the number of calls, so two runs of one kernel are equal and
any difference is a change of the code, or of the compiler: a run says which one it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from kgen.errors import KgenError
from kgen.files import shown
from kgen.units import show_size

SCHEMA = 1

_Key = tuple[str, str, str]


@dataclass(frozen=True)
class Result:
    """One workload of one variant; None where a figure does not apply.

    ``alloc`` and ``free`` are guest instructions per call, from entry to return (for ``boot.``:
    instructions of the stage), ``efficiency`` is live bytes over bytes of page frames held,
    ``metadata_per_mib`` bytes that the page allocator keeps for each MiB.
    """

    workload: str
    index: str
    march: str
    alloc: float | None = None
    free: float | None = None
    efficiency: float | None = None
    metadata_per_mib: float | None = None

    @property
    def key(self) -> _Key:
        """What names it among all results of a run."""
        return self.workload, self.index, self.march

    @property
    def variant(self) -> str:
        """The variant for people: ``lists, i686``."""
        return f"{self.index}, {self.march}"


@dataclass(frozen=True)
class HostResult:
    """One workload as a native program (``kgen.bench.host``).

    ``alloc_ns`` and ``free_ns`` are nanoseconds per call; ``alloc`` and ``free`` instructions as
    callgrind counts them, None without valgrind.
    """

    workload: str
    index: str
    march: str
    alloc_ns: float
    free_ns: float
    alloc: float | None = None
    free: float | None = None


BETTER_IF_LOWER = {"alloc": True, "free": True, "efficiency": False, "metadata_per_mib": True}
"""The figures of a result, and which way each is better."""


@dataclass(frozen=True)
class Change:
    """A figure that differs from another run's; ``ratio`` is above 1 where it got worse."""

    now: Result
    figure: str
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """How many times worse: after over before, or the inverse for an efficiency."""
        worse = (self.after, self.before)
        over, under = worse if BETTER_IF_LOWER[self.figure] else reversed(worse)
        return over / under if under else float("inf")

    def __str__(self) -> str:
        where = f"{self.now.workload} ({self.now.variant})"
        return f"{where}: {self.figure} {self.before:g} → {self.after:g}, {self.ratio:.3f} times"


@dataclass(frozen=True)
class Run:
    """All results of a run; ``memory`` is bytes, ``compiler`` such as ``gcc 12.2.0``."""

    kernel: str
    cpu: str
    memory: int
    results: tuple[Result, ...]
    host: tuple[HostResult, ...] = ()
    compiler: str = ""

    def to_json(self) -> str:
        """The text of ``--json``."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1)

    def changes(self, before: Run) -> Iterator[Change]:
        """Every figure that both runs have and that differs."""
        known = {result.key: result for result in before.results}
        for now in self.results:
            old = known.get(now.key)
            for figure in BETTER_IF_LOWER if old else ():
                was, value = getattr(old, figure), getattr(now, figure)
                if was is not None and value is not None and was != value:
                    yield Change(now, figure, was, value)

    def is_like(self, other: Run) -> bool:
        """Whether both were measured on the same machine, so that figures may be compared."""
        return (self.cpu, self.memory) == (other.cpu, other.memory)

    def is_of(self, other: Run) -> bool:
        """Whether one compiler made both, as far as they say: figures may differ by it alone."""
        return not (self.compiler and other.compiler) or self.compiler == other.compiler

    def regressions(self, before: Run, tolerance: float) -> list[Change]:
        """Figures more than ``tolerance`` times worse. KgenError if nothing can be compared."""
        if not self.is_like(before):
            raise KgenError(
                f"the other run was measured on {before.cpu} with {show_size(before.memory)}",
                "give the same --cpu and --memory",
            )
        if not {one.key for one in self.results} & {one.key for one in before.results}:
            raise KgenError(
                "no workload of this run is in the other",
                "measure the same --index, --march and --workload",
            )
        return [change for change in self.changes(before) if change.ratio > tolerance]


def load_run(path: Path) -> Run:
    """The run that ``path`` holds; KgenError (exit 2) if it is missing or not a run."""
    try:
        data = json.loads(path.read_bytes())
        if data.get("schema") != SCHEMA:
            raise ValueError(f"schema {data.get('schema')!r}, this version reads {SCHEMA}")
        return _parsed(data)
    except FileNotFoundError:
        hint = "kgen bench --save keeps a run, kgen bench --json > FILE does, too"
        raise KgenError(f"{shown(path)}: there is no such run", hint) from None
    except OSError as error:
        raise KgenError(f"{shown(path)} cannot be read: {error.strerror}") from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        hint = "it must be what kgen bench --json printed"
        raise KgenError(f"{shown(path)} is not a run of kgen bench: {what}", hint) from None


def _parsed(data: dict[str, Any]) -> Run:
    names = [field.name for field in fields(Result)]
    results = tuple(Result(**{name: one[name] for name in names}) for one in data["results"])
    for result in results:
        for figure in BETTER_IF_LOWER:
            value = getattr(result, figure)
            if value is not None and not isinstance(value, int | float):
                raise TypeError(f"{result.workload}: {figure} is {value!r}, not a number")
    compiler = str(data.get("compiler", ""))  # older runs do not say
    return Run(
        str(data["kernel"]), str(data["cpu"]), int(data["memory"]), results, compiler=compiler
    )
