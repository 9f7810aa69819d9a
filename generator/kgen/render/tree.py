"""The rendered sources on disk.

A file is written only where its content differs, so ninja rebuilds what changed and no more. Files
of a former run that this one does not write are deleted; a record of the written files says which
may be. A file that kgen did not write is never overwritten nor deleted; one that it wrote and
somebody edited since is kept beside the new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kgen.derive import Derived
from kgen.errors import Exit, KgenError
from kgen.files import named_faults, shown, write_if_changed
from kgen.render.plan import plan
from kgen.render.template import OURS, Rendered, Renderer

Record = dict[str, list[str]]
"""Paths of what kgen wrote, with the hashes of what may be there: one, but for a write that broke
off."""


@dataclass(frozen=True)
class Written:
    """What became of a folder: whether anything ``changed``, and the edits that were ``kept``.

    Those are pairs: a file that somebody had edited, and where that is now.
    """

    changed: bool
    kept: tuple[tuple[Path, Path], ...] = ()


@dataclass(frozen=True)
class Tree:
    """All rendered files in the order of their paths."""

    files: tuple[Rendered, ...]

    @property
    def source_map(self) -> dict[str, dict[str, object]]:
        """For each output its template and, line by line, the template's line (0: none)."""
        return {
            file.output.path: {"template": file.output.template, "lines": list(file.lines)}
            for file in self.files
        }

    @property
    def source_map_json(self) -> bytes:
        """:attr:`source_map` as it is kept beside the objects."""
        return json.dumps(self.source_map, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        """12 hex digits over names and contents; lengths keep neighbours apart."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.output.path}\0{len(file.data)}\0".encode() + file.data)
        return digest.hexdigest()[:12]

    def write(self, folder: Path, record: Path) -> Written:
        """Make ``folder`` hold these files; ``record`` lists what kgen wrote there."""
        before = _recorded(record)
        wanted = {file.output.path: file for file in self.files}
        hashes = {path: _hash(file.data) for path, file in wanted.items()}
        for path in wanted:
            _refuse_foreign(folder / path, path in before)
        # Until all is done the record covers old and new, so that no fault orphans a file.
        both = {path: [*before.get(path, []), hashed] for path, hashed in hashes.items()}
        _write_record(record, before | both)
        kept = []
        changed = False
        for path, file in wanted.items():
            edit = _keep_edit(folder / path, before.get(path, []), hashes[path])
            kept += [(folder / path, edit)] if edit else []
            changed |= write_if_changed(folder / path, file.data)
        stale = sorted(before.keys() - wanted.keys())
        for path in stale:
            if _is_ours(folder / path):
                edit = _keep_edit(folder / path, before[path])
                kept += [(folder / path, edit)] if edit else []
                _delete(folder, path)
        _write_record(record, {path: [hashed] for path, hashed in hashes.items()})
        return Written(changed or bool(stale), tuple(kept))


def render(derived: Derived, templates: Path) -> Tree:
    """Render everything in memory."""
    renderer = Renderer(templates, _names(derived))
    files = [renderer.render(output) for output in plan(derived.kernel, templates)]
    return Tree(tuple(sorted(files, key=lambda file: file.output.path)))


def _names(derived: Derived) -> dict[str, object]:
    """Names for templates: the description's fields, and the derived values."""
    kernel = derived.kernel
    names: dict[str, object] = {name: getattr(kernel, name) for name in type(kernel).model_fields}
    names["kernel_name"] = names.pop("name")
    return {**names, "derived": derived}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _recorded(record: Path) -> Record:
    """The record. A former kgen's has no hashes: then nothing tells an edit."""
    with suppress(OSError, ValueError, TypeError):
        found = json.loads(record.read_text())
        if isinstance(found, dict):
            return {str(path): list(hashes) for path, hashes in found.items()}
        return {str(path): [] for path in found}
    return {}


def _write_record(record: Path, paths: Mapping[str, Sequence[str]]) -> None:
    write_if_changed(record, json.dumps(dict(sorted(paths.items())), indent=0).encode())


def _keep_edit(path: Path, ours: Sequence[str], wanted: str = "") -> Path | None:
    """Move what stands at ``path`` aside if it is an edit of what kgen wrote; where it is now."""
    if not ours:
        return None
    try:
        found = _hash(path.read_bytes())
    except OSError:
        return None
    if found == wanted or found in ours:
        return None
    number = 1
    while True:
        suffix = ".orig" if number == 1 else f".orig-{number}"
        aside = path.with_name(path.name + suffix)
        if not aside.exists() and not aside.is_symlink():
            with named_faults(path, "keep"):
                path.rename(aside)
            return aside
        number += 1


def _is_ours(path: Path) -> bool:
    with suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8") as file:
        return OURS in file.readline()
    return False


def _refuse_foreign(path: Path, recorded: bool) -> None:
    if path.exists() and not recorded and not _is_ours(path):
        raise KgenError(
            f"{shown(path)} is in the way: kgen did not write it",
            "move it elsewhere; your own sources are named by the description's `sources`",
            exit_code=Exit.BUILD,
        )


def _delete(folder: Path, path: str) -> None:
    """Remove a stale output, and folders that are empty without it."""
    file = folder / path
    with named_faults(file, "delete"):
        file.unlink(missing_ok=True)
    for parent in file.relative_to(folder).parents:
        with suppress(OSError):
            if parent.parts:
                (folder / parent).rmdir()
