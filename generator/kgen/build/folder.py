"""The output folder: what is where, and one writer at a time.

======================== ======================================================================
``src/``                 the rendered kernel, laid out like the templates
``build/kernel.elf``     the verified kernel; ``kernel.map`` beside it is the linker's map
``build/unverified.elf`` what the linker made last; it becomes kernel.elf once it is verified
``build/obj/``           objects and dependency files
``build/build.ninja``    the build graph
``build/sourcemap.json`` for each rendered line, the template's
``build/*.json``         the record of written files, the toolchain, the stamp of the last build
``manifest.json``        all that ``kgen boot`` knows of the kernel; written last
``compile_commands.json`` for editors
``boot/``                logs of ``kgen boot``
======================== ======================================================================
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kgen.files import named_faults


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
    def manifest(self) -> Path:
        """What ``kgen boot`` knows of the kernel."""
        return self.root / "manifest.json"

    @property
    def compile_commands(self) -> Path:
        """Commands for editors and other tools."""
        return self.root / "compile_commands.json"

    @contextmanager
    def locked(self, on_wait: Callable[[], None]) -> Iterator[int]:
        """Hold the folder's lock, waiting for another build; yields the lock's descriptor.

        A child that inherits the descriptor keeps the lock, so even a build whose kgen was
        killed is not joined by another before its last compiler ends.
        """
        path = self.build / "lock"
        with named_faults(path):
            self.build.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)
