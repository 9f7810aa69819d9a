"""Where a boot's log goes: ``DIR/boot/<machine>.log``, and what belongs to it beside it.

The name tells the machine. A repeated boot writes the same file, and what a former one
left is kept (``former``). A boot of the same machine that is still running keeps its
log: the next one writes ``-2``. The lock ends with the process, however it ends.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from kgen_qemu.files import is_plain, unwritable, write_whole
from kgen_qemu.former import drop_twin, keep
from kgen_qemu.machine import Machine, size_text

COMPLAINT = 32 << 10
"""Bytes of an emulator's complaint that are kept, from its beginning and from its end."""


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

    def record(self, data: dict[str, Any]) -> None:
        """Write what is known of this boot to the ``.json`` beside the log."""
        text = json.dumps(data, indent=2) + "\n"
        write_whole(self.path.with_suffix(".json"), text.encode(), "the result")

    def complaint(self) -> str:
        """What QEMU has written on its stderr; the middle of a long one is left out."""
        return _ends(self.stderr.fileno()).decode("utf-8", "replace")


@contextmanager
def boot_logs(directory: Path, machine: Machine) -> Iterator[Logs]:
    """Both files, empty and locked for the length of the block.

    A stderr file in which nothing stands is removed, and a long one is cut. Raises
    BootError (usage) when the folder cannot be written.
    """
    folder = directory / "boot"
    try:
        folder.mkdir(exist_ok=True)
        path, serial = _claim(folder, _name(machine))
        stderr_path = path.with_suffix(".stderr")
        stderr = stderr_path.open("w+b", buffering=0)
    except OSError as error:
        raise unwritable(f"a log in {folder}", error) from error
    with serial, stderr:
        try:
            yield Logs(path, serial, stderr)
        finally:
            _shorten(stderr)
            if os.fstat(stderr.fileno()).st_size == 0:
                stderr_path.unlink(missing_ok=True)
        drop_twin(path)


def _ends(fd: int) -> bytes:
    """The beginning and the end of a file, with a word on what is left out between them."""
    size = os.fstat(fd).st_size
    if size <= 2 * COMPLAINT:
        return os.pread(fd, size, 0)
    note = f"\n[kgen left out {size - 2 * COMPLAINT} bytes]\n".encode()
    return os.pread(fd, COMPLAINT, 0) + note + os.pread(fd, COMPLAINT, size - COMPLAINT)


def _shorten(file: BinaryIO) -> None:
    """Cut a file to its ends. Where even that cannot be written it stays as long as it is."""
    fd = file.fileno()
    if os.fstat(fd).st_size > 2 * COMPLAINT + 100:  # what is left of a cut one is no more
        kept = _ends(fd)
        with suppress(OSError):
            os.pwrite(fd, kept, 0)
            os.ftruncate(fd, len(kept))


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
        is_plain(path)
        log = path.open("ab", buffering=0)
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.close()
            number += 1
            continue
        try:
            keep(path)
            log.truncate(0)
        except BaseException:
            log.close()
            raise
        return path, log
