"""Rules on the user's files. Whether they are there is asked when they are: ``kgen.load``."""

from __future__ import annotations

from collections.abc import Iterator

from kgen.check.registry import rule
from kgen.describe import Kernel
from kgen.errors import Problem


@rule("sources")
def sources_are_c_or_assembly(kernel: Kernel) -> Iterator[Problem]:
    for name in kernel.sources:
        if not name.endswith((".c", ".S")):
            yield Problem("sources", repr(name), "sources are C or assembly files", "use .c or .S")


@rule("sources")
def sources_are_listed_once(kernel: Kernel) -> Iterator[Problem]:
    for name in sorted({name for name in kernel.sources if kernel.sources.count(name) > 1}):
        yield Problem("sources", repr(name), "the file is listed twice", "list it once")
