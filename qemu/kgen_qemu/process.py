"""One QEMU process: started so that it cannot outlive us, and always ended.

Whoever starts a virtual machine owes the host its end. Three nets hold it: the
context manager kills QEMU however its block is left; SIGTERM and SIGHUP become
an exception, so that the block *is* left; and on Linux the kernel itself kills
QEMU when we die without a word (``prctl(PR_SET_PDEATHSIG)``; elsewhere only
SIGKILL to us leaves it behind). QEMU has a process group of its own, so that a
Ctrl-C at the terminal reaches us alone and we choose what becomes of it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from kgen_qemu.errors import BootError, Exit
from kgen_qemu.monitor import Monitor

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, raised where Ctrl-C would be."""


@dataclass(frozen=True)
class Qemu:
    """A running QEMU: its serial line both ways, and its monitor."""

    process: subprocess.Popen[bytes]
    serial_in: int
    serial_out: int
    monitor: Monitor

    def type(self, text: str) -> None:
        """Send text on the serial line. A machine that has just ended hears nothing."""
        with suppress(BrokenPipeError):
            os.write(self.serial_in, text.encode("utf-8", "replace"))

    def kill(self) -> None:
        """End it at once; harmless when it has ended."""
        self.process.kill()


@contextmanager
def running(
    command: Callable[[int], Sequence[str]], folder: Path, stderr: BinaryIO
) -> Iterator[Qemu]:
    """QEMU, for as long as the block lasts.

    ``command`` gives the arguments for the file descriptor of its QMP socket;
    ``folder`` is where it runs, ``stderr`` where its complaints go. Raises
    BootError (emulator) if it cannot be started.
    """
    ours, theirs = socket.socketpair()
    wrapper, preexec = _tied_to_us()
    with ours, theirs:
        argv = [*wrapper, *command(theirs.fileno())]
        try:
            process = subprocess.Popen(
                argv,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=[theirs.fileno()],
                process_group=0,
                preexec_fn=preexec,
            )
        except OSError as error:
            raise BootError(Exit.EMULATOR, f"{argv[0]} cannot be started: {error}") from None
        try:
            theirs.close()
            assert process.stdin is not None
            assert process.stdout is not None
            monitor = Monitor(ours)
            yield Qemu(process, process.stdin.fileno(), process.stdout.fileno(), monitor)
        finally:
            process.kill()
            process.wait()
            _close(process)


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _tied_to_us() -> tuple[list[str], Callable[[], None] | None]:
    """What makes QEMU die with us: a command to start it through, or a step before exec.

    setpriv costs 1 ms; a step before exec makes Python fork instead of vfork,
    which costs 3. Busybox has a setpriv that lacks the option.
    """
    if sys.platform != "linux":
        return [], None
    setpriv = shutil.which("setpriv")
    if setpriv is not None and Path(setpriv).resolve().name == "setpriv":
        return [setpriv, "--pdeathsig", "KILL"], None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return [], lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def termination_raises() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise Terminated. Only the main thread can do this."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Terminated(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
