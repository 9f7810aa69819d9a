"""The boot session: QEMU runs, pexpect listens and answers, a verdict comes out.

One deadline covers everything. What the serial line says goes to the log before
anything else looks at it, so the log is whole up to the very byte at which a
machine, or we, may die. The order of ``boot()`` is the order of events: open
the log, start QEMU, listen until it ends or has to be ended, judge.

pexpect is imported while QEMU is already starting, which hides what it costs.
"""

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kgen_qemu.errors import BootError, Exit, usage
from kgen_qemu.machine import Machine, size_text
from kgen_qemu.process import Qemu, Terminated, running, termination_raises
from kgen_qemu.request import INSTALL, Request
from kgen_qemu.result import Result
from kgen_qemu.symbols import Frame, symbolise
from kgen_qemu.transcript import Line, Transcript, TranscriptParser
from kgen_qemu.verdict import Ending, Expected, Verdict, Watch, judge

GRACE = 1.0  # seconds from the end marker to the exit
OLDEST_QEMU = (5, 2)

# pexpect searches no more than its window, so a read must fit into it.
_READ = 4096
_WINDOW = 4 * _READ
_ANYTHING = re.compile(rb"(?s).+")
_END = re.compile(rb"# kgen:end [^\n]*\n")


def boot(request: Request, *, on_line: Callable[[str], None] | None = None) -> Result:
    """Boot once and judge it.

    ``on_line`` gets every human line as it comes, safe to print. Raises
    BootError when there is nothing to judge: QEMU does not start, the log
    cannot be written, or we were interrupted (Ctrl-C, SIGTERM).
    """
    with _logs(request) as (log_path, log, stderr):
        try:
            with termination_raises():
                session = _run(request, log, stderr, on_line)
        except KeyboardInterrupt as stop:
            how = str(stop) if isinstance(stop, Terminated) else "Ctrl-C"
            raise BootError(
                Exit.INTERRUPTED, f"interrupted ({how})", f"log so far: {log_path}"
            ) from None
        stderr.seek(0)
        complaint = stderr.read().decode("utf-8", "replace")
    return _judged(request, session, complaint, log_path)


@dataclass(frozen=True)
class _Session:
    """A boot that is over, not yet judged."""

    said: Transcript
    watch: Watch
    status: int | None
    timed_out: bool
    shutdown: str | None
    registers: dict[str, int]
    seconds: float


class _Listener:
    """Where the serial bytes go: the log first, then the parser, the assertions, the user.

    It is a file to pexpect, which writes to it whatever it reads.
    """

    def __init__(
        self, log: BinaryIO, watch: Watch, on_line: Callable[[str], None] | None
    ) -> None:
        self.parser = TranscriptParser()
        self._log = log
        self._watch = watch
        self._on_line = on_line

    def write(self, data: bytes) -> None:
        """Take what was just read."""
        try:
            self._log.write(data)
        except OSError as error:
            raise usage(f"the log cannot be written: {error.strerror}") from error
        self._pass_on(self.parser.feed(data))

    def flush(self) -> None:
        """The log is unbuffered."""

    def finish(self) -> Transcript:
        """The line is dead: what was said on it."""
        transcript, rest = self.parser.finish()
        self._pass_on(rest)
        return transcript

    def _pass_on(self, lines: list[Line]) -> None:
        for line in lines:
            self._watch.line(line.text)
            if self._on_line is not None and not line.machine:
                self._on_line(line.text)


def _run(
    request: Request, log: BinaryIO, stderr: BinaryIO, on_line: Callable[[str], None] | None
) -> _Session:
    start = time.monotonic()
    watch = Watch(request.expect, request.forbid)
    listener = _Listener(log, watch, on_line)
    machine = request.machine
    with running(
        lambda qmp: machine.argv(request.binary, qmp), request.manifest.directory, stderr
    ) as qemu:
        status, timed_out = _listen(qemu, listener, request, start + request.timeout)
        seconds = time.monotonic() - start
        qemu.monitor.join()
    return _Session(
        said=listener.finish(),
        watch=watch,
        status=status,
        timed_out=timed_out,
        shutdown=qemu.monitor.shutdown,
        registers=qemu.monitor.registers,
        seconds=seconds,
    )


def _listen(
    qemu: Qemu, listener: _Listener, request: Request, deadline: float
) -> tuple[int | None, bool]:
    """Read and answer until QEMU ends or must be ended.

    Gives its exit status (None if we ended it) and whether that was for the deadline.
    """
    import pexpect
    from pexpect.fdpexpect import fdspawn

    console = fdspawn(qemu.serial_out, maxread=_READ, searchwindowsize=_WINDOW)
    console.logfile_read = listener
    script = [(re.compile(regex.encode()), text) for regex, text in request.answers]
    in_grace = False
    while True:
        if listener.parser.ended and not in_grace:
            in_grace = True
            deadline = min(deadline, time.monotonic() + GRACE)
        patterns = [script[0][0], _END] if script else [_ANYTHING]
        left = max(deadline - time.monotonic(), 0)
        found = console.expect_list([pexpect.EOF, pexpect.TIMEOUT, *patterns], timeout=left)
        if found == 0:
            break
        if found == 1:
            qemu.kill()
            console.expect_exact([pexpect.EOF, pexpect.TIMEOUT], timeout=GRACE)
            return None, not in_grace
        if script and found == 2:
            qemu.type(script.pop(0)[1])
    # The line closes when QEMU ends; its status is there a moment later.
    status = qemu.process.wait()
    return status, False


def _judged(request: Request, session: _Session, complaint: str, log: Path) -> Result:
    machine = request.machine
    said = session.said
    image = request.manifest.image_path
    ending = Ending(
        status=session.status,
        shutdown=session.shutdown,
        timed_out=session.timed_out,
        timeout=request.timeout,
        stderr=complaint,
        place=_place(image, session),
    )
    expected = Expected(
        stages=request.manifest.stages,
        build=request.manifest.build,
        tests="tests" in request.manifest.features,
        exit_device=machine.exit_device,
    )
    assertions = session.watch.result()
    verdict = judge(said, ending, expected, assertions)
    return Result(
        verdict=verdict.name,
        exit_code=verdict.exit_code,
        reasons=verdict.reasons + _age(request.binary, verdict, session.status),
        cpu=machine.cpu,
        memory=machine.memory,
        machine=machine.machine,
        accel=machine.accel,
        transcript=said,
        assertions=assertions,
        frames=_frames(image, said),
        seconds=session.seconds,
        log=log,
        command=request.command,
    )


def _frames(image: Path, said: Transcript) -> tuple[Frame, ...]:
    """A panic's addresses with names: where it struck, then who called."""
    panic = said.panic
    if panic is None:
        return ()
    addresses = list(panic.backtrace)
    if panic.eip and addresses[:1] != [panic.eip]:
        addresses.insert(0, panic.eip)
    return symbolise(image, addresses)


def _place(image: Path, session: _Session) -> str:
    """Where a machine was when it reset itself, for the verdict's reason."""
    if session.shutdown != "guest-reset" or "EIP" not in session.registers:
        return ""
    (frame,) = symbolise(image, [session.registers["EIP"]])
    return f"{frame}, CR2 {session.registers.get('CR2', 0):#010x}"


def _age(binary: str, verdict: Verdict, status: int | None) -> tuple[str, ...]:
    """When QEMU failed by itself, see whether it is simply too old. Asked only then: 35 ms."""
    if verdict.name != "emulator" or (status or 0) < 0:
        return ()
    import subprocess

    try:
        text = subprocess.run([binary, "--version"], capture_output=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.search(rb"version (\d+)\.(\d+)", text)
    if match is None or (int(match[1]), int(match[2])) >= OLDEST_QEMU:
        return ()
    oldest = ".".join(map(str, OLDEST_QEMU))
    return (f"this QEMU is {match[1].decode()}.{match[2].decode()}; {oldest} or later is needed",
            INSTALL)


@contextmanager
def _logs(request: Request) -> Iterator[tuple[Path, BinaryIO, BinaryIO]]:
    """The serial log, and QEMU's stderr beside it, locked for the length of the boot.

    The name tells the machine, so that a repeated boot replaces its own log. A
    boot of the same machine that is still running keeps its log: the next one
    writes ``-2``. The lock goes with the process, whatever becomes of it.
    """
    folder = request.manifest.directory / "boot"
    try:
        folder.mkdir(exist_ok=True)
        path, log = _claim(folder, _log_name(request.machine))
        stderr_path = path.with_suffix(".stderr")
        stderr = stderr_path.open("w+b")
    except OSError as error:
        raise usage(f"no log can be written in {folder}: {error.strerror}") from error
    with log, stderr:
        yield path, log, stderr
        if os.fstat(stderr.fileno()).st_size == 0:
            stderr_path.unlink(missing_ok=True)


def _log_name(machine: Machine) -> str:
    cpu = re.sub(r"[^\w.-]", "_", machine.cpu)
    kvm = "-kvm" if machine.accel == "kvm" else ""
    return f"{machine.machine}{kvm}-{cpu}-{size_text(machine.memory)}"


def _claim(folder: Path, name: str) -> tuple[Path, BinaryIO]:
    """The first of ``name``, ``name-2``, … that no running boot holds, emptied and locked."""
    number = 1
    while True:
        path = folder / (f"{name}.log" if number == 1 else f"{name}-{number}.log")
        log = open(path, "ab", buffering=0)
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.close()
            number += 1
            continue
        log.truncate(0)
        return path, log
