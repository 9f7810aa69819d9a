"""Writing files so that a fault leaves either the old file or the new one, never half of one.

Content goes to a temporary file beside its target, which then takes the target's place in one
step. What the operating system refuses becomes a :class:`KgenError` that names the file.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from kgen.errors import Exit, KgenError

_HINTS = {
    errno.ENOSPC: "the disk is full: free some space; what was built before is still whole",
    errno.EDQUOT: "your disk quota is used up; what was built before is still whole",
    errno.EFBIG: "the file would exceed the limit on file sizes (ulimit -f)",
    errno.EACCES: "choose a folder that you may write to with -o DIR",
    errno.EPERM: "choose a folder that you may write to with -o DIR",
    errno.EROFS: "the file system is read-only; choose another folder with -o DIR",
    errno.ENOTDIR: "a file is where a folder should be; choose another folder with -o DIR",
    errno.EEXIST: "a file is where a folder should be; choose another folder with -o DIR",
    errno.EISDIR: "a folder is where a file should be; remove it",
}


@contextmanager
def named_faults(path: Path, doing: str = "write") -> Iterator[None]:
    """Turn an OSError in the block into a KgenError that says which file could not be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = _HINTS.get(error.errno or 0, "")
        raise KgenError(f"cannot {doing} {path}: {reason}", hint, exit_code=Exit.BUILD) from error


def write_whole(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step, creating its folder if need be."""
    write_together({path: data})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Replace several files, in order, once all their contents are on disk.

    All temporary files are written first, so a full disk changes none of them.
    """
    temporaries = {path: path.with_name(f".{path.name}.tmp") for path in contents}
    try:
        for path, data in contents.items():
            with named_faults(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                temporaries[path].write_bytes(data)
        for path, temporary in temporaries.items():
            with named_faults(path):
                temporary.replace(path)
    except BaseException:
        for temporary in temporaries.values():
            with suppress(OSError):
                temporary.unlink()
        raise


def exists(path: Path) -> bool:
    """Whether something is there and may be looked at; what uses it names the fault if not."""
    with suppress(OSError):
        return path.exists()
    return False


def is_folder(path: Path) -> bool:
    """Whether ``path`` is a folder, as far as may be looked."""
    with suppress(OSError):
        return path.is_dir()
    return False


def check_writable(path: Path) -> None:
    """KgenError now for what :func:`write_whole` would only find out when the work is done."""
    with named_faults(path):
        if is_folder(path):
            raise _refused(errno.EISDIR)
        folder = path.parent
        while not exists(folder) and folder != folder.parent:
            folder = folder.parent
        if not is_folder(folder):
            raise _refused(errno.ENOTDIR)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _refused(errno.EACCES)


def _refused(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def write_if_changed(path: Path, data: bytes) -> bool:
    """Write ``data`` unless ``path`` holds just that; whether it wrote. Keeps mtimes for ninja."""
    try:
        if path.is_file() and path.read_bytes() == data:  # reading from a pipe would not end
            return False
    except OSError:
        pass  # Missing or unreadable: writing either mends it or names the fault.
    write_whole(path, data)
    return True


def in_bytes(text: str) -> bytes:
    """``text`` that may hold names of files: they are bytes, and need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def signature(path: Path) -> list[int] | None:
    """What changes when the file at ``path`` is written or replaced; None if there is none.

    Time and size are not enough: ``mv`` and ``cp -p`` bring a file's old time along. The inode
    and the time of its last change are the system's own, which nobody sets.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return [status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns]


def digest(path: Path) -> str:
    """SHA-256 over the content of ``path``, in hex; OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown(path: Path) -> str:
    """``path`` as a person would type it here: relative if it is below the current folder."""
    absolute = path if path.is_absolute() else Path.cwd() / path
    try:
        return str(absolute.relative_to(Path.cwd()))
    except ValueError:
        return str(absolute)
