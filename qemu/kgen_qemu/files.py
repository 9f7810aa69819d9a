"""Files that a boot writes: whole or not at all, and only where a plain file may stand.

In the place of a file there may be a folder, a device, or a pipe on which one would wait
for ever. These, a full disk and a folder of another user are reported by name.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from kgen_qemu.errors import BootError, usage

_HINTS = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your disk quota is used up: free some space",
    errno.EFBIG: "the file would exceed the limit on file sizes (ulimit -f)",
    errno.EACCES: "make the folder writable, or build and boot in another one with -o DIR",
    errno.EPERM: "make the folder writable, or build and boot in another one with -o DIR",
    errno.EROFS: "the file system is read-only: build and boot in another folder with -o DIR",
    errno.EEXIST: "a file is where a folder should be: move it away",
    errno.ENOTDIR: "a file is where a folder should be: move it away",
    errno.EISDIR: "a folder is where a file should be: move it away",
}

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISSOCK, "a socket"),
)


def unwritable(what: str, error: OSError) -> BootError:
    """The error (usage) for a file that cannot be written: ``what``, reason, and remedy."""
    reason = error.strerror or str(error)
    return usage(f"{what} cannot be written: {reason}", _HINTS.get(error.errno or 0, ""))


def is_plain(path: Path) -> bool:
    """Whether a plain file stands there; BootError (usage) for anything else but nothing."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unwritable(str(path), error) from error
    if stat.S_ISREG(mode):
        return True
    kind = next((name for test, name in _KINDS if test(mode)), "a device")
    raise usage(f"{path} cannot be written: it is {kind}, not a file", "move it away")


def write_whole(path: Path, data: bytes, what: str) -> None:
    """Replace ``path`` by ``data`` in one step; ``what`` names it in the error."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise unwritable(f"{what} {path}", error) from error
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
