"""The one exception that a boot raises on purpose, and the exit codes of the contract."""

import errno
from enum import IntEnum


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


def usage(what: str, hint: str = "") -> BootError:
    """The error for a request that cannot be carried out as asked (exit 2)."""
    return BootError(Exit.USAGE, what, hint)


def remedy(error: OSError) -> str:
    """What to do about a file that cannot be written; nothing where the reason says it all."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make the folder writable, or build into another with -o DIR"
    return ""


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """``did you mean 'x'?`` for the nearest known word, or all of them when none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
