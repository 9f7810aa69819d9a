"""A run of kgen bench that nobody measured, and others like it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kgen.bench.results import Result, Run

RUN = Run(
    "default",
    "pentium3",
    256 << 20,
    (
        Result("page.hot", "lists", "i686", 11.0, 10.0, None, 2304.0),
        Result("kmalloc.mix2k", "lists", "i686", 38.2, 40.0, 0.9, None),
        Result("kmalloc.mix2k", "bitmaps", "i386", 38.4, 41.0, 0.88, None),
    ),
    compiler="gcc 12.2.0",
)

Measured = Callable[[Run], None]


def changed(workload: str, **figures: float) -> Run:
    """RUN with other figures of the first result of this name."""
    at = next(at for at, one in enumerate(RUN.results) if one.workload == workload)
    results = list(RUN.results)
    results[at] = replace(results[at], **figures)  # type: ignore[arg-type]
    return replace(RUN, results=tuple(results))
