"""One QEMU process: its serial line, its monitor, and its end.

Whoever starts a virtual machine owes the host its end. It is started on a ``leash``, which
ends it and all that it started however the block is left, and when we die without a
word. SIGTERM and SIGHUP become an exception (``interrupts``), so that the block *is*
left. QEMU is in a process group that is not ours, so that a Ctrl-C at the terminal
reaches us alone and we choose what becomes of it.
"""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kgen_qemu.errors import BootError, Exit
from kgen_qemu.leash import Leash, leash
from kgen_qemu.monitor import Monitor


@dataclass(frozen=True)
class Qemu:
    """A running QEMU: its serial line both ways, and its monitor."""

    process: subprocess.Popen[bytes]
    held: Leash
    serial_in: int
    serial_out: int
    monitor: Monitor

    def type(self, text: str) -> None:
        """Send text on the serial line. A machine that has just ended hears nothing."""
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self.serial_in, text.encode("utf-8", "replace"))

    def end(self) -> None:
        """End it at once, with all that it started; harmless when it has ended."""
        self.held.end()


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
    with ours, theirs, leash() as held:
        argv = command(theirs.fileno())
        try:
            process = held.start(
                argv,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=[theirs.fileno()],
            )
        except OSError as error:
            raise BootError(Exit.EMULATOR, f"{argv[0]} cannot be started: {error}") from None
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin as serial_in, process.stdout as serial_out:
            theirs.close()
            os.set_blocking(serial_in.fileno(), False)  # nobody may ever read it
            monitor = Monitor(ours)
            yield Qemu(process, held, serial_in.fileno(), serial_out.fileno(), monitor)
