"""The workload ``user``: what a program prints that measures user space from ring 3.

``user/rows.c`` runs as process 1 and prints a line for each row; a log of the kernel's has them
among all else. Programs cannot print lines of the kernel's protocol, so these are lines of text:

    R user.getpid            n=  2000 per=     1 min=        57 med=        57 mean=        57

A result is the median of the readings, divided by the operations that each encloses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from kgen.bench.results import Result
from kgen.errors import Exit, KgenError
from kgen.workloads import USER_ROWS

_HERE = Path(__file__).parent / "user"

PROGRAMS = (_HERE / "rows.c", _HERE / "first.S")
"""Process 1, and the program that it starts to see how long that takes."""

_ROW = re.compile(
    r"^R (?P<name>\S+) +n= *\d+ per= *(?P<per>\d+) min= *\d+ med= *(?P<med>\d+) mean= *\d+\r?$",
    re.MULTILINE,
)


def rows(log: Path, index: str, march: str) -> Iterator[Result]:
    """The results in a boot's log. KgenError (exit 1) if it lacks one."""
    text = log.read_text(encoding="utf-8", errors="replace")
    medians = {one["name"]: int(one["med"]) / int(one["per"]) for one in _ROW.finditer(text)}
    for row in USER_ROWS:
        if row.name not in medians:
            raise KgenError(
                f"{row.name} ({index}, {march}): the program gave no figure",
                f"it ended before it measured that; log: {log}",
                exit_code=Exit.FAIL,
            )
        yield Result(row.name, index, march, alloc=round(medians[row.name], 3))
