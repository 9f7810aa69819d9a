"""Results of former boots, kept in ``boot/former``, each once.

``boot/MACHINE.log`` and its kin are those of the last boot on that machine. The next
one, of another kernel or with other options, moves them here; their name then has a
digest of log and record. So a boot that only repeats a former one, which gives the same
log to the byte, adds nothing.
"""

import hashlib
import re
import shutil
from contextlib import suppress
from pathlib import Path

from kgen_qemu.files import is_plain, unwritable

FOLDER = "former"
SUFFIXES = (".log", ".json", ".stderr", ".asm", ".conf")
"""The files of one boot; the log is the one that is always there."""

_VOLATILE = re.compile(rb'"(?:seconds|started)": [^,\n]*|\bfd=\d+')
"""What differs between two boots that are the same: times, and the number of a descriptor."""


def keep(log: Path) -> None:
    """Move the files of the boot that wrote ``log`` away; the log itself is copied.

    The caller holds a lock on the log, which must remain the file that it is. BootError
    (usage) if something else stands in a file's place, or there is no room.
    """
    found = [suffix for suffix in SUFFIXES if is_plain(log.with_suffix(suffix))]
    if found == [".log"] and log.stat().st_size == 0:
        return
    folder = log.parent / FOLDER
    stem = folder / f"{log.stem}-{_digest(log)}"
    partial = folder / f".{stem.name}.log"
    try:
        folder.mkdir(exist_ok=True)
        shutil.copyfile(log, partial)
        shutil.copystat(log, partial)
        partial.replace(f"{stem}.log")
        for suffix in found:
            if suffix != ".log":
                log.with_suffix(suffix).replace(f"{stem}{suffix}")
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise unwritable(f"the log of the former boot {stem}.log", error) from error


def drop_twin(log: Path) -> None:
    """Remove from the former ones what is the same as the boot that wrote ``log``."""
    stem = log.parent / FOLDER / f"{log.stem}-{_digest(log)}"
    for suffix in SUFFIXES:
        with suppress(OSError):
            Path(f"{stem}{suffix}").unlink()
    with suppress(OSError):
        stem.parent.rmdir()  # if nothing else is there


def _digest(log: Path) -> str:
    """Of a boot: what its log says, and its record but for what differs each time."""
    with log.open("rb") as file:
        said = hashlib.file_digest(file, "sha256").digest()
    try:
        record = log.with_suffix(".json").read_bytes()
    except OSError:
        record = b""
    return hashlib.sha256(said + _VOLATILE.sub(b"", record)).hexdigest()[:12]
