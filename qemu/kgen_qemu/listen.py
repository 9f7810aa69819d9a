"""The serial line, read and answered with pexpect until QEMU ends or has to be ended.

One deadline covers everything; pexpect's own clock starts anew with each
``expect``, so the deadline is kept here and each call gets what is left of it.

Two things end together with a sound QEMU, the process and its end of the line. One that
is a script, or broken, may end and leave a process that holds the line, or close
the line and live on: the first of the two ends the wait.
"""

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import pexpect
from pexpect.fdpexpect import fdspawn

from kgen_qemu.files import unwritable
from kgen_qemu.process import Qemu
from kgen_qemu.request import Request
from kgen_qemu.transcript import Line, Transcript, TranscriptParser
from kgen_qemu.verdict import Assertion, Watch

GRACE = 1.0  # seconds from the end marker to the exit
LINGER = 5.0  # seconds from the end of the line to the exit
LOCATE = 1.0  # seconds at most for QEMU to say where a kernel stands still
LOOK = 0.2  # seconds of silence after which we look whether QEMU has ended

# pexpect searches no more than its window, so a read must fit into it.
_READ = 4096
_WINDOW = 4 * _READ
_PIPE = 1 << 20  # bytes that a pipe holds at most
_ANYTHING = re.compile(rb"(?s).+")
_END = re.compile(rb"# kgen:end [^\n]*\n")
_EOF, _TIMEOUT, _FOUND = range(3)

_LONGEST_WAIT = 3600.0
"""Seconds of one wait: poll() counts milliseconds in an int, which is full after 24 days."""


@dataclass(frozen=True)
class Heard:
    """The result of listening.

    ``status`` is QEMU's exit status, None if we ended it; ``timed_out`` if that
    was for the deadline, ``deaf`` if QEMU had closed the line and lived on.
    """

    said: Transcript
    assertions: tuple[Assertion, ...]
    status: int | None
    timed_out: bool
    deaf: bool = False


class Listener:
    """Where the serial bytes go: the log first, then the parser, the assertions, the user.

    It is a file to pexpect, which writes to it whatever it reads.
    """

    def __init__(self, log: BinaryIO, watch: Watch, on_line: Callable[[str], None] | None) -> None:
        self.parser = TranscriptParser()
        self._log = log
        self._watch = watch
        self._on_line = on_line

    def write(self, data: bytes) -> None:
        """Take what was just read."""
        rest = data
        try:
            while rest:  # unbuffered: a disk that is filling up may take a part
                rest = rest[self._log.write(rest) :]
        except OSError as error:
            raise unwritable(f"the log {self._log.name}", error) from error
        self._pass_on(self.parser.feed(data))

    def flush(self) -> None:
        """The log is unbuffered."""

    def finish(self) -> Transcript:
        """The line is dead. Returns all that it received."""
        transcript, rest = self.parser.finish()
        self._pass_on(rest)
        return transcript

    def _pass_on(self, lines: list[Line]) -> None:
        for line in lines:
            self._watch.line(line.text)
            if self._on_line is not None and not line.machine:
                self._on_line(line.text)


def listen(
    qemu: Qemu,
    log: BinaryIO,
    request: Request,
    deadline: float,
    on_line: Callable[[str], None] | None,
) -> Heard:
    """Read and answer until QEMU ends or must be ended; ``deadline`` is a time.monotonic()."""
    watch = Watch(request.expect, request.forbid)
    listener = Listener(log, watch, on_line)
    end = _converse(qemu, listener, request, deadline)
    qemu.end()  # what it has started may still be there, and hold its monitor
    return Heard(listener.finish(), watch.result(), end.status, end.timed_out, end.deaf)


@dataclass(frozen=True)
class _End:
    """How a conversation ended, as ``Heard`` has it."""

    status: int | None = None
    timed_out: bool = False
    deaf: bool = False


def _converse(qemu: Qemu, listener: Listener, request: Request, deadline: float) -> _End:
    console = fdspawn(qemu.serial_out, maxread=_READ, searchwindowsize=_WINDOW, use_poll=True)
    console.logfile_read = listener
    script = [(re.compile(regex.encode()), text) for regex, text in request.answers]
    in_grace = False
    while True:
        if listener.parser.ended and not in_grace:
            in_grace = True
            deadline = min(deadline, time.monotonic() + GRACE)
        patterns = [script[0][0], _END] if script else [_ANYTHING]
        left = deadline - time.monotonic()
        if listener.parser.restarted and not in_grace:
            qemu.end()  # what boots again may do so for ever
            _drain(console)
            return _End()
        event = _await(console, patterns, min(left, LOOK))
        if event == _EOF:
            return _exit_status(qemu, deadline, in_grace)
        if left <= 0:
            if not in_grace:
                qemu.monitor.locate(LOCATE)
            qemu.end()
            _drain(console)
            return _End(timed_out=not in_grace)
        if qemu.process.poll() is not None:
            qemu.end()
            _drain(console)
            return _End(qemu.process.returncode)
        if script and event == _FOUND:
            qemu.type(script.pop(0)[1])


def _exit_status(qemu: Qemu, deadline: float, in_grace: bool) -> _End:
    """The line is closed: QEMU's status is there a moment later, or it is no use to wait."""
    last = time.monotonic() + LINGER
    try:
        status = qemu.process.wait(max(min(deadline, last) - time.monotonic(), 0.01))
    except subprocess.TimeoutExpired:
        timed_out = deadline < last and not in_grace
        return _End(timed_out=timed_out, deaf=not timed_out)
    return _End(status)


def _drain(console: fdspawn) -> None:
    """Read the rest of the pipe. A process that still writes has escaped us, and is not read."""
    for _ in range(_PIPE // _READ):
        if _await(console, [_ANYTHING], LOOK) != _FOUND:
            break


def _await(console: fdspawn, patterns: list[re.Pattern[bytes]], seconds: float) -> int:
    """Which comes first: _EOF, _TIMEOUT, or a pattern (_FOUND and up).

    pexpect looks at its clock only when there is nothing to read, and a guest
    may never stop talking: so no time left is decided here.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        wait = min(left, _LONGEST_WAIT)
        found: int = console.expect_list([pexpect.EOF, pexpect.TIMEOUT, *patterns], timeout=wait)
        if found != _TIMEOUT:
            return found
    return _TIMEOUT
