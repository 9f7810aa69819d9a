"""The stamp of the last build: its inputs and outputs.

If both are as they were, and every object is what its inputs make (:mod:`kgen.build.inputs`), there
is nothing to do. Signatures of files stand for their contents. The key is taken *before* anything
is read, so an edit during a build is not missed later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kgen.build.folder import Folder
from kgen.files import signature, write_whole


def key(parts: Iterable[object], files: Iterable[Path]) -> str:
    """A hash over ``parts`` (anything that JSON can hold) and the state of ``files``."""
    state = [list(parts), [_state(path) for path in files]]
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def matches(folder: Folder, wanted: str) -> bool:
    """Whether the last build had this key and all that it made is untouched."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        stamp = json.loads(folder.stamp.read_text())
        made = [_state(Path(path)) for path, *_ in stamp["made"]]
        return bool(stamp["key"] == wanted and stamp["made"] == made)
    return False


def leave(folder: Folder, made_from: str, made: Iterable[Path]) -> None:
    """Remember a finished build."""
    stamp = {"key": made_from, "made": [_state(path) for path in made]}
    write_whole(folder.stamp, json.dumps(stamp).encode())


def _state(path: Path) -> list[object]:
    """A file's path and signature; None for that if it is not there."""
    return [str(path), signature(path)]
