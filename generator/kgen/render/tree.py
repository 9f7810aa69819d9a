"""The rendered sources on disk.

A file is written only where its content differs, so ninja rebuilds what changed and no more. What
a former run wrote and this one does not is deleted; a record of what was written (not a guess)
says what may be. A file that kgen did not write is never overwritten nor deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kgen.derive import Derived
from kgen.errors import Exit, KgenError
from kgen.files import in_bytes, named_faults, shown, write_if_changed
from kgen.render.plan import BUILD_ID, plan
from kgen.render.template import OURS, Rendered, Renderer


@dataclass(frozen=True)
class Tree:
    """All rendered files in the order of their paths, and the id of the build that they are."""

    files: tuple[Rendered, ...]
    build_id: str

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

    def write(self, folder: Path, record: Path) -> bool:
        """Make ``folder`` hold these files; ``record`` lists what kgen wrote there. If changed."""
        before = _recorded(record)
        wanted = {file.output.path: file for file in self.files}
        for path in wanted:
            _refuse_foreign(folder / path, path in before)
        # Until all is done the record covers old and new, so that no fault orphans a file.
        _write_record(record, before | wanted.keys())
        changed = [write_if_changed(folder / path, file.data) for path, file in wanted.items()]
        stale = sorted(before - wanted.keys())
        for path in stale:
            _delete(folder, path)
        _write_record(record, wanted.keys())
        return any(changed) or bool(stale)


def render(
    derived: Derived, templates: Path, *, sources: Mapping[str, bytes], flags: Sequence[str] = ()
) -> Tree:
    """Render everything in memory.

    ``sources`` are the user's files by name; with them and ``flags`` the build id covers all that
    makes the kernel what it is.
    """
    renderer = Renderer(templates, _names(derived))
    outputs = plan(derived.kernel, templates)
    files = [renderer.render(output) for output in outputs if output.path != BUILD_ID]
    build_id = _build_id(files, sources, flags)
    files += [
        renderer.render(output, build_id=build_id) for output in outputs if output.path == BUILD_ID
    ]
    return Tree(tuple(sorted(files, key=lambda file: file.output.path)), build_id)


def _names(derived: Derived) -> dict[str, object]:
    """What templates may name: the description's fields, and what follows from them."""
    kernel = derived.kernel
    names: dict[str, object] = {name: getattr(kernel, name) for name in type(kernel).model_fields}
    names["kernel_name"] = names.pop("name")
    return {**names, "derived": derived}


def _build_id(files: Sequence[Rendered], sources: Mapping[str, bytes], flags: Sequence[str]) -> str:
    """12 hex digits over names and contents; lengths keep neighbours apart."""
    digest = hashlib.sha256()
    pieces = [(file.output.path, file.data) for file in files]
    pieces += [(f"user/{name}", data) for name, data in sorted(sources.items())]
    pieces += [("flags", " ".join(flags).encode())]
    for name, data in pieces:
        digest.update(in_bytes(f"{name}\0{len(data)}\0") + data)
    return digest.hexdigest()[:12]


def _recorded(record: Path) -> set[str]:
    with suppress(OSError, ValueError, TypeError):
        return {str(path) for path in json.loads(record.read_text())}
    return set()


def _write_record(record: Path, paths: Iterable[str]) -> None:
    write_if_changed(record, json.dumps(sorted(paths), indent=0).encode())


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
    if not _is_ours(file):
        return
    with named_faults(file, "delete"):
        file.unlink()
    for parent in file.relative_to(folder).parents:
        with suppress(OSError):
            if parent.parts:
                (folder / parent).rmdir()
