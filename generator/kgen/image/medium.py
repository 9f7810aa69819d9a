"""Files of either kind of medium: to keep, or for the length of one boot."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kgen.build.folder import Folder
from kgen.errors import KgenError
from kgen.files import is_folder, named_faults, write_whole
from kgen.image.cargo import Cargo

FORMATS = ("iso", "floppy")
_SUFFIX = {"iso": ".iso", "floppy": ".img"}


def make(cargo: Cargo, form: str, folder: Folder) -> bytes:
    """The medium as bytes. ``folder`` is the one that the kernel was built in."""
    if form == "floppy":
        from kgen.image.floppy import make_floppy

        return make_floppy(cargo, folder)
    from kgen.image.iso import make_iso

    return make_iso(cargo)


def write(cargo: Cargo, form: str, folder: Folder, to: Path | None) -> Path:
    """Make the medium and write it whole, to ``to`` or to ``DIR/image/NAME.iso`` or ``.img``."""
    path = to or folder.root / "image" / f"{cargo.name}{_SUFFIX[form]}"
    if is_folder(path):
        raise KgenError(f"{path} is a folder", "name a file with --to")
    write_whole(path, make(cargo, form, folder))
    return path


@contextmanager
def lent(cargo: Cargo, form: str, folder: Folder) -> Iterator[Path]:
    """The medium as a file in ``DIR/boot`` that nobody else writes while the block runs.

    The first of ``floppy.img``, ``floppy-2.img``, … that no running boot holds; the lock goes with
    the process, so nothing piles up, whatever becomes of a boot.
    """
    data = make(cargo, form, folder)
    number = 1
    while True:
        name = form if number == 1 else f"{form}-{number}"
        path = folder.root / "boot" / f"{name}{_SUFFIX[form]}"
        with named_faults(path):
            path.parent.mkdir(exist_ok=True)
            if path.exists() and not path.is_file():  # opening a pipe would not end
                raise KgenError(f"{path} cannot be written: it is not a file", "move it away")
            file = path.open("ab")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number += 1
                continue
            with named_faults(path):
                file.truncate(0)
                file.write(data)
                file.flush()
            yield path
            return
