"""What went into each object, by content: every file that compiler and assembler have read.

ninja compares times, and a header may be replaced by an older one (``mv``, ``tar``, ``cp -p``).
So kgen keeps a record, for each object, of its inputs with their hashes, and removes an object
whose inputs differ; ninja then makes it anew. A file is hashed only where its signature changed.

The record says what is in an object, or nothing: an input that changed while compilers ran may
have been read before or after, so what was compiled from it is not recorded, and compiled again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kgen.files import digest, named_faults, signature, write_whole

_WORD = re.compile(r"(?:\\.|\$\$|[^\s\\])+", re.DOTALL)
_ESCAPED = re.compile(r"\\([\s\\#:])|\$(\$)")

Signature = list[int]


@dataclass
class Inputs:
    """The record of the output folder ``root``; names are relative to that, or absolute.

    ``files`` have a signature and a hash, and ``objects`` the names of what they were made from;
    ``doubtful`` are the files that changed while they were read.
    """

    root: Path
    files: dict[str, tuple[Signature, str]] = field(default_factory=dict)
    objects: dict[str, list[str]] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)

    def stale(self) -> set[str]:
        """The recorded objects that are not what their inputs would make today."""
        changed = {name for name, known in self.files.items() if self._changed(name, known)}
        return {
            name
            for name, inputs in self.objects.items()
            if name in changed or changed.intersection(inputs)
        }

    def _changed(self, name: str, known: tuple[Signature, str]) -> bool:
        now = signature(self.root / name)
        if now == known[0]:
            return False
        try:
            same = now is not None and digest(self.root / name) == known[1]
        except OSError:
            return True
        if same and now is not None:
            self.files[name] = (now, known[1])
        return not same

    def discard(self, objects: Iterable[str]) -> None:
        """Forget all that is stale, and remove each of ``objects`` of which nothing is known."""
        for name in self.stale():
            del self.objects[name]
        for name in objects:
            if name not in self.objects:
                path = self.root / name
                with named_faults(path, "delete"):
                    path.unlink(missing_ok=True)

    def add(
        self, name: str, inputs: Sequence[str], since: int, settled: Iterable[str] = ()
    ) -> None:
        """Record the object ``name`` unless it is the recorded one, or an input is in doubt.

        That is one that changed after ``since``, in nanoseconds of the file system's clock, but
        for ``settled`` ones, which nobody else writes.
        """
        made = signature(self.root / name)
        if name in self.objects and self.files[name][0] == made:
            return
        self.objects.pop(name, None)
        states = {one: signature(self.root / one) for one in inputs}
        doubtful = {
            one
            for one, now in states.items()
            if now is None or (now[-1] > since and one not in settled)
        }
        self.doubtful |= doubtful
        if made is None or doubtful:
            return
        with suppress(OSError):
            for one, now in (*states.items(), (name, made)):
                if now and self.files.get(one, (None,))[0] != now:
                    self.files[one] = (now, digest(self.root / one))
            self.objects[name] = list(inputs)

    def leave(self, path: Path) -> None:
        """Keep the record in the file ``path``, without what no object needs."""
        needed = {name for inputs in self.objects.values() for name in inputs} | self.objects.keys()
        kept = {
            "files": {name: known for name, known in self.files.items() if name in needed},
            "objects": self.objects,
        }
        write_whole(path, json.dumps(kept, separators=(",", ":")).encode())


def recorded(root: Path, path: Path) -> Inputs:
    """The record in ``path``; an empty one if there is none, or it cannot be read."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        kept = json.loads(path.read_text())
        files = {name: (state, digest) for name, (state, digest) in kept["files"].items()}
        objects = {name: list(inputs) for name, inputs in kept["objects"].items()}
        if all(name in files for name in objects):
            return Inputs(root, files, objects)
    return Inputs(root)


def read_by_tools(root: Path, target: str) -> list[str]:
    """What compiler and assembler read for the object ``target``, as their rules for make say."""
    names: dict[str, None] = {}
    for suffix in DEPENDENCIES:
        with suppress(OSError):
            text = (root / f"{target}{suffix}").read_text(errors="surrogateescape")
            names |= dict.fromkeys(prerequisites(text, target))
    # The assembler's own input, when it was fed by the compiler, is a temporary file.
    return [name for name in names if (root / name).exists()]


DEPENDENCIES = (".d", ".as.d")
"""Suffixes of the rules that compiler and assembler leave beside an object."""


def prerequisites(text: str, target: str) -> list[str]:
    """The files that follow ``target:`` in a rule for make, without make's escapes."""
    _, _, names = text.replace("\\\n", " ").partition(f"{target}:")
    return [
        _ESCAPED.sub(lambda match: match[1] or match[2], word[0])
        for word in _WORD.finditer(names.partition("\n")[0])
    ]
