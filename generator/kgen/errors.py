"""Errors, with their exit codes.

Every error that a user sees is a :class:`KgenError`: what is wrong, where, and what to
change. The command line prints it and exits with ``exit_code``; nothing else does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every kgen command (the contract in DESIGN: never renumber)."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    BUILD = 3
    PANIC = 4
    TIMEOUT = 5
    EMULATOR = 6
    PROTOCOL = 7
    RESET = 8
    INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a description.

    ``path`` is the field (``buddy.max_order``), ``value`` what it holds as text, ``why`` the
    reason it cannot be, ``change`` what to write instead, ``where`` file and line if known.
    """

    path: str
    value: str
    why: str
    change: str
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        value = f" = {self.value}" if self.value else ""
        return f"{place}{self.path}{value}: {self.why}\n    {self.change}"


class KgenError(Exception):
    """An error for the user: ``what`` (one line or more), ``hint`` (what to do), an exit code."""

    def __init__(self, what: str, hint: str = "", *, exit_code: Exit = Exit.USAGE) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.what}\n    {self.hint}" if self.hint else self.what


class DescriptionError(KgenError):
    """A description with problems: all of them, never the first alone."""

    def __init__(self, problems: Sequence[Problem], origin: str) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{origin}: {count}\n{lines}")
        self.problems = tuple(problems)
