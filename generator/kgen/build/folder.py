"""The output folder: what is where, and one writer at a time.

======================== ======================================================================
``src/``                 the rendered kernel, laid out like the templates
``build/kernel.elf``     the verified kernel; ``kernel.map`` beside it is the linker's map
``build/unverified.elf`` what the linker made last; it becomes kernel.elf once it is verified
``build/obj/``           objects and dependency files
``build/programs/``      user programs, with symbols and debug information
``build/build.ninja``    the build graph
``build/sourcemap.json`` for each rendered line, the template's
``build/*.json``         the record of written files, the toolchain, the stamp of the last build,
                         what went into each object
``build/unfinished``     there while a build is under way, and after one that failed
``manifest.json``        all that ``kgen boot`` knows of the kernel; written last
``compile_commands.json`` for editors
``boot/``                logs of ``kgen boot``
======================== ======================================================================
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kgen.errors import KgenError
from kgen.files import exists, is_folder, named_faults, shown


@dataclass(frozen=True)
class Folder:
    """Paths in the output folder ``root`` (absolute)."""

    root: Path

    @property
    def src(self) -> Path:
        """Rendered sources."""
        return self.root / "src"

    @property
    def build(self) -> Path:
        """What the build makes."""
        return self.root / "build"

    @property
    def image(self) -> Path:
        """The verified kernel."""
        return self.build / "kernel.elf"

    @property
    def map(self) -> Path:
        """The linker's map of :attr:`image`."""
        return self.build / "kernel.map"

    @property
    def candidate(self) -> Path:
        """The linked, not yet verified kernel."""
        return self.build / "unverified.elf"

    @property
    def candidate_map(self) -> Path:
        """The linker's map of :attr:`candidate`."""
        return self.build / "unverified.map"

    @property
    def ninja(self) -> Path:
        """The build graph."""
        return self.build / "build.ninja"

    @property
    def toolchain(self) -> Path:
        """The toolchain in use; everything compiled depends on this file."""
        return self.build / "toolchain.json"

    @property
    def record(self) -> Path:
        """The list of files in :attr:`src` that kgen wrote."""
        return self.build / "rendered.json"

    @property
    def source_map(self) -> Path:
        """For each rendered line the template's."""
        return self.build / "sourcemap.json"

    @property
    def stamp(self) -> Path:
        """What the last build was made from."""
        return self.build / "stamp.json"

    @property
    def lock(self) -> Path:
        """Held by who writes here."""
        return self.build / "lock"

    @property
    def inputs(self) -> Path:
        """What went into each object."""
        return self.build / "inputs.json"

    @property
    def unfinished(self) -> Path:
        """There while a build is under way, and after one that failed."""
        return self.build / "unfinished"

    @property
    def manifest(self) -> Path:
        """What ``kgen boot`` knows of the kernel."""
        return self.root / "manifest.json"

    @property
    def compile_commands(self) -> Path:
        """Commands for editors and other tools."""
        return self.root / "compile_commands.json"

    def relative(self, path: Path) -> str:
        """The name of ``path`` as seen from :attr:`root`, where all commands run."""
        return path.relative_to(self.root).as_posix()

    def refuse_foreign(self) -> None:
        """KgenError (exit 2) if a build would overwrite what kgen did not write; ``src`` apart."""
        if not exists(self.record) and is_folder(self.build):
            for item in sorted(self.build.iterdir()):
                if item not in (self.lock, self.unfinished):
                    raise _in_the_way(item)
        for path, is_ours in ((self.manifest, _is_manifest), (self.compile_commands, _is_commands)):
            with suppress(OSError, ValueError):  # missing, or none that anybody could read
                if not is_ours(json.loads(path.read_text())):
                    raise _in_the_way(path)

    @contextmanager
    def locked(self, on_wait: Callable[[], None]) -> Iterator[int]:
        """Hold the folder's lock, waiting for another build; yields the lock's descriptor.

        A child that inherits the descriptor keeps the lock, so even a build whose kgen was
        killed is not joined by another before its last compiler ends.
        """
        if not exists(self.lock):
            self.refuse_foreign()
        with named_faults(self.lock):
            self.build.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def _in_the_way(path: Path) -> KgenError:
    return KgenError(
        f"{shown(path)} is in the way: kgen did not write it",
        "choose a folder of its own for what kgen writes with -o DIR, or move that file",
    )


_TOLD = {"image", "image_sha256", "image_size", "build", "stages", "features", "ram", "cpu"}


def _is_manifest(found: object) -> bool:
    """Whether it speaks of a kernel's image; another version's may lack what this one writes."""
    return isinstance(found, dict) and len(_TOLD & found.keys()) > len(_TOLD) // 2


def _is_commands(found: object) -> bool:
    """Whether it is a list of compilations into ``build/obj`` with a flag that is kgen's own."""
    with suppress(TypeError, KeyError):
        return isinstance(found, list) and all(
            entry["output"].startswith("build/obj/")
            and not {"-mregparm=3", "-ffunction-sections"}.isdisjoint(entry["arguments"])
            for entry in found
        )
    return False
