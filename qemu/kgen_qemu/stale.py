"""Whether a kernel is still what its sources would make.

A boot judges the kernel that was built. If a file was edited and not built, or the build
failed, the verdict is on the former kernel, and the report says so. The manifest lists
what the kernel was made from, with hashes.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kgen_qemu.manifest import Manifest

_SHOWN = 3


@dataclass(frozen=True)
class Stale:
    """Files that ``changed`` since a kernel was built; whether a build is ``unfinished``."""

    changed: tuple[str, ...] = ()
    unfinished: bool = False

    def __bool__(self) -> bool:
        return bool(self.changed) or self.unfinished

    def __str__(self) -> str:
        told = []
        if self.changed:
            names = ", ".join(self.changed[:_SHOWN])
            more = len(self.changed) - _SHOWN
            told.append(names + (f" and {more} more" if more > 0 else "") + " changed")
        if self.unfinished:
            told.append("a build failed or is under way")
        return f"{'; '.join(told)} since this kernel was built"


CURRENT = Stale()


def staleness(manifest: Manifest) -> Stale:
    """The changed files.

    A kernel may have been taken elsewhere without its sources: if all files beside it are
    gone, or all in its folder, or all others, these are not reported.
    """
    groups: dict[str, list[tuple[Path, str]]] = {"beside": [], "elsewhere": [], "inside": []}
    for name, digest in manifest.inputs.items():
        where = "beside" if name.startswith("../") else "inside"
        group = groups["elsewhere" if Path(name).is_absolute() else where]
        group.append((manifest.directory / name, digest))
    unfinished = manifest.unfinished
    return Stale(
        tuple(_shown(path) for group in groups.values() for path in _changed(group)),
        unfinished is not None and (manifest.directory / unfinished).exists(),
    )


def _changed(files: list[tuple[Path, str]]) -> Iterator[Path]:
    found = [(path, _digest(path), digest) for path, digest in files]
    if any(now is not None for _, now, _ in found):
        yield from (path for path, now, digest in found if now != digest)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def _shown(path: Path) -> str:
    """As a person would type it here."""
    name = os.path.relpath(path.resolve())
    return str(path.resolve()) if name.startswith("..") else name
