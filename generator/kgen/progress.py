"""Shows a person the progress of a build: the step that is under way.

``described → rendered → built → verified`` on a terminal, nothing at all in a pipe. rich is
imported only where it draws, and only once there is work to show.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgen.errors import KgenError

if TYPE_CHECKING:
    from rich.status import Status

STEPS = ("described", "rendered", "built", "verified")
"""What has been reached when a step is done, in order."""


class Progress:
    """A quiet one: for pipes, tests and whoever calls the pipeline from Python."""

    def step(self, index: int, detail: str = "") -> None:
        """Work towards ``STEPS[index]`` is under way; ``detail`` says at what."""

    def waiting(self, folder: str) -> None:
        """Another build holds ``folder``."""

    def remark(self, text: str) -> None:
        """Say something that is to be read, wherever standard error goes."""
        self.close()
        say_error(text)

    def close(self) -> None:
        """There is nothing more to show."""


class TerminalProgress(Progress):
    """One line on standard error that shows the way, and disappears in the end."""

    def __init__(self) -> None:
        self._status: Status | None = None

    def step(self, index: int, detail: str = "") -> None:
        done = " → ".join(f"[green]{name}[/]" for name in STEPS[:index])
        now = f"[bold]{STEPS[index]}[/]…" + (f" [dim]{_escaped(detail)}[/]" if detail else "")
        text = f"{done} → {now}" if done else now
        if self._status is None:
            from rich.console import Console

            self._status = Console(stderr=True, highlight=False).status(text)
            self._status.start()
        else:
            self._status.update(text)

    def waiting(self, folder: str) -> None:
        self.close()
        say_error(f"kgen: waiting for another build in {folder}")

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def progress() -> Progress:
    """The one that suits where standard error goes."""
    # It is None where the command was started without one: 2>&-
    return TerminalProgress() if sys.stderr and sys.stderr.isatty() else Progress()


@dataclass
class _Answers:
    """Whether standard output has its one object of ``--json``."""

    given: bool = False


_answers = _Answers()


def answer(text: str) -> None:
    """Print the one object of ``--json``; a later one of the same command is not printed."""
    if not _answers.given:
        _answers.given = True
        say(text)


def await_answer() -> None:
    """A command begins: nothing has been answered."""
    _answers.given = False


def say(text: str) -> None:
    """Print to standard output."""
    with printing():
        print(text, flush=True)


@contextmanager
def printing() -> Iterator[None]:
    """Around whatever prints; a reader that went away (``| head``) is no error of ours."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # Python flushes standard output once more when it exits; give it somewhere to go.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            what = f"standard output cannot be written: {error.strerror}"
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            hint = (
                "free some space where it goes, or send it elsewhere"
                if full
                else "send it elsewhere"
            )
            raise KgenError(what, hint) from None


def say_error(text: str) -> None:
    """Print to standard error, in order with standard output; where it cannot be, to nowhere."""
    if sys.stderr is None:  # closed (2>&-); print() would take standard output instead
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        # Python flushes it once more when it exits, as it does standard output.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
