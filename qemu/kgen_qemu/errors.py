"""The one exception that a boot raises on purpose, and the exit codes of the contract."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes of ``kgen boot``; users' CI rests on them."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    PANIC = 4
    TIMEOUT = 5
    EMULATOR = 6
    PROTOCOL = 7
    RESET = 8
    INTERRUPTED = 130


class BootError(Exception):
    """A boot that could not take place, or was stopped: nothing to judge.

    ``what`` says what is wrong and where, ``hint`` what to change or run;
    ``exit_code`` is the process's. A kernel's own misbehaviour is never one of
    these: that is a verdict.
    """

    def __init__(self, exit_code: Exit, what: str, hint: str = "") -> None:
        super().__init__(f"{what}\n  {hint}" if hint else what)
        self.exit_code = exit_code
        self.what = what
        self.hint = hint


SCHEMA = 1
"""Of every object that ``--json`` prints."""

VERDICTS = {
    Exit.FAIL: "fail",
    Exit.USAGE: "usage",
    3: "build",  # no exit code of a boot
    Exit.PANIC: "panic",
    Exit.TIMEOUT: "timeout",
    Exit.EMULATOR: "emulator",
    Exit.PROTOCOL: "protocol",
    Exit.RESET: "reset",
    Exit.INTERRUPTED: "interrupted",
}
"""The word for each exit code but 0, where a command ends without a result."""


def failure(
    exit_code: int, what: str, hint: str = "", problems: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """What ``--json`` prints instead of a result: schema, verdict and exit code as in one.

    ``problems`` are a description's, one by one.
    """
    return {
        "schema": SCHEMA,
        "verdict": VERDICTS[exit_code],
        "exit_code": int(exit_code),
        "reasons": [what],
        "error": {"what": what, "hint": hint, "problems": [dict(one) for one in problems]},
    }


def usage(what: str, hint: str = "") -> BootError:
    """The error for a request that cannot be carried out as asked (exit 2)."""
    return BootError(Exit.USAGE, what, hint)


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """``did you mean 'x'?`` for the nearest known word, or all of them when none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
