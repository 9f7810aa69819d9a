"""Where a boot's log goes: ``DIR/boot/<machine>.log``, and QEMU's complaints beside it.

The name tells the machine, so that a repeated boot replaces its own log. A boot
of the same machine that is still running keeps its log: the next one writes
``-2``. The lock that says so goes with the process, whatever becomes of it.
"""

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kgen_qemu.errors import remedy, usage
from kgen_qemu.machine import Machine, size_text


@dataclass(frozen=True)
class Logs:
    """``path`` is the serial log's; ``serial`` is that file, unbuffered; ``stderr`` QEMU's."""

    path: Path
    serial: BinaryIO
    stderr: BinaryIO

    @property
    def instructions(self) -> Path:
        """Where QEMU logs what runs, if it is to."""
        return self.path.with_suffix(".asm")

    @property
    def run(self) -> Path:
        """The folder in which QEMU runs, for as long as it does."""
        return self.path.with_suffix(".run")

    @property
    def configuration(self) -> Path:
        """DOSBox-X's configuration."""
        return self.path.with_suffix(".conf")

    def complaint(self) -> str:
        """What QEMU has written on its stderr."""
        self.stderr.seek(0)
        return self.stderr.read().decode("utf-8", "replace")


@contextmanager
def boot_logs(directory: Path, machine: Machine) -> Iterator[Logs]:
    """Both files, empty and locked for the length of the block.

    A stderr file in which nothing stands is removed. Raises BootError (usage)
    when the folder cannot be written.
    """
    folder = directory / "boot"
    try:
        folder.mkdir(exist_ok=True)
        path, serial = _claim(folder, _name(machine))
        stderr_path = path.with_suffix(".stderr")
        stderr = stderr_path.open("w+b")
    except OSError as error:
        raise usage(
            f"no log can be written in {folder}: {error.strerror}",
            remedy(error),
        ) from error
    logs = Logs(path, serial, stderr)
    with serial, stderr:
        try:
            yield logs
        finally:
            if not logs.complaint():
                stderr_path.unlink(missing_ok=True)


def _name(machine: Machine) -> str:
    cpu = re.sub(r"[^\w.-]", "_", machine.cpu)
    kvm = "-kvm" if machine.accel == "kvm" else ""
    via = "" if machine.via == "multiboot" else f"-{machine.via}"
    board = machine.machine if machine.engine == "qemu" else machine.engine
    board = re.sub(r"[^\w.-]", "_", board)
    return f"{board}{kvm}-{cpu}-{size_text(machine.memory)}{via}"


def _claim(folder: Path, name: str) -> tuple[Path, BinaryIO]:
    """The first of ``name``, ``name-2``, … that no running boot holds, emptied and locked."""
    number = 1
    while True:
        path = folder / (f"{name}.log" if number == 1 else f"{name}-{number}.log")
        log = path.open("ab", buffering=0)
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.close()
            number += 1
            continue
        log.truncate(0)
        return path, log
