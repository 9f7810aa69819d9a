"""``kgen build`` from end to end: described → rendered → built → verified, then installed.

What was built before stays whole until its successor is verified: the linker writes
``unverified.elf``; only when every rule holds does it become ``kernel.elf``, and the manifest,
which vouches for it, is written last. If nothing changed, all of this is skipped but one question
to ninja.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import kgen
from kgen.build import stamp, toolchain
from kgen.build.folder import Folder
from kgen.build.run import is_current, run_ninja
from kgen.files import exists, in_bytes, shown, write_if_changed, write_together
from kgen.paths import templates_dir
from kgen.progress import Progress

if TYPE_CHECKING:
    from kgen.build.diagnostics import Sources
    from kgen.build.graph import Graph
    from kgen.derive import Derived
    from kgen.load import Loaded
    from kgen.render import Tree


@dataclass(frozen=True)
class Request:
    """What to build, into which folder, with what."""

    description: Path | None = None
    sets: tuple[str, ...] = ()
    out: Path = Path("kernel_out")
    toolchain: str = "auto"
    templates: Path | None = None

    @property
    def folder(self) -> Folder:
        """The output folder."""
        return Folder(self.out.resolve())

    @property
    def templates_folder(self) -> Path:
        """kgen's own templates unless others were asked for."""
        return self.templates or templates_dir()


@dataclass(frozen=True)
class Built:
    """A kernel that is there: ``image``, its size in bytes, whether anything had to be done."""

    image: Path
    size: int
    changed: bool
    seconds: float
    warnings: str = ""


def build(request: Request, progress: Progress) -> Built:
    """Make the kernel that ``request`` asks for; KgenError with exit code 2 or 3 if it cannot be.

    Nothing is written unless the description is sound.
    """
    start = time.monotonic()
    folder = request.folder
    loaded = _load_if_needed(request)
    key = _key(request, loaded)
    if exists(folder.stamp):
        with folder.locked(lambda: progress.waiting(shown(folder.root))) as lock:
            if stamp.matches(folder, key) and is_current(folder, lock=lock):
                return _built(folder, start, changed=False)
    progress.step(0)
    from kgen.load import load, prove

    loaded = loaded or load(None, request.sets)
    derived = prove(loaded)
    with folder.locked(lambda: progress.waiting(shown(folder.root))) as lock:
        job = _Job(request, folder, loaded, derived, progress, lock)
        warnings = job.run(key)
    return replace(_built(folder, start, changed=True), warnings=warnings)


def _load_if_needed(request: Request) -> Loaded | None:
    """The description, unless it is the default without files, which says the same each time.

    A description is a program: nothing but running it tells what it says today.
    """
    names_files = any(setting.strip().startswith("sources") for setting in request.sets)
    if request.description is None and not exists(Path("kernel.py")) and not names_files:
        return None
    from kgen.load import load

    return load(request.description, request.sets)


def _key(request: Request, loaded: Loaded | None) -> str:
    """All that a build depends on, but for what ninja knows better."""
    described: object = list(request.sets)
    files: list[Path] = []
    if loaded is not None:
        described = [
            loaded.kernel.model_dump(),
            str(loaded.folder),
            bool(loaded.kernel.faults),
        ]
        files += loaded.sources
    parts = [
        kgen.__version__,
        described,
        str(request.folder.root),
        str(request.templates_folder),
        toolchain.identity(request.toolchain),
        request.toolchain,
    ]
    return stamp.key(parts, [*files, *_own_files(request.templates_folder)])


def _own_files(templates: Path) -> Iterator[Path]:
    """kgen itself and its templates: either may be under development."""
    for folder, pattern in ((Path(kgen.__file__).parent, "*.py"), (templates, "*")):
        yield from sorted(path for path in folder.rglob(pattern) if path.is_file())


def _built(folder: Folder, start: float, *, changed: bool) -> Built:
    seconds = time.monotonic() - start
    return Built(folder.image, folder.image.stat().st_size, changed, seconds)


@dataclass(frozen=True)
class _Job:
    """One build that has something to do, with the folder locked."""

    request: Request
    folder: Folder
    loaded: Loaded
    derived: Derived
    progress: Progress
    lock: int

    def run(self, key: str) -> str:
        """All steps; the compiler's warnings."""
        from kgen.build.flags import compile_flags

        self.progress.step(1)
        flags = compile_flags(self.derived.kernel)
        sources = {path: path.read_bytes() for path in self.loaded.sources}
        tree = self._render(sources, flags)
        graph = self._graph(tree, sources, flags)
        warnings = self._compile(graph, tree)
        self.progress.step(3)
        self._install(tree)
        self._leave_stamp(key, tree)
        return warnings

    def _render(self, sources: Mapping[Path, bytes], flags: Sequence[str]) -> Tree:
        """The sources, rendered and written; the build id covers the user's ``sources``."""
        from kgen.render import render

        named = dict(zip(self._source_names(), sources.values(), strict=True))
        templates = self.request.templates_folder
        cpu = self.derived.kernel.cpu.minimum
        tree = render(self.derived, templates, sources=named, flags=(*flags, cpu))
        tree.write(self.folder.src, self.folder.record)
        write_if_changed(self.folder.source_map, tree.source_map_json)
        return tree

    def _source_names(self) -> list[str]:
        """The user's files by names that do not tell where the description lies."""
        return [
            path.name if Path(name).is_absolute() else name
            for name, path in zip(self.loaded.kernel.sources, self.loaded.sources, strict=True)
        ]

    def _graph(self, tree: Tree, sources: Mapping[Path, bytes], flags: tuple[str, ...]) -> Graph:
        from kgen.build.graph import Graph, units

        tools = toolchain.discover(self.request.toolchain, flags, self.folder.toolchain)
        outputs = [file.output.path for file in tree.files]
        graph = Graph(
            self.folder,
            tools,
            flags,
            units(outputs, sources),
            self.loaded.folder,
            self.loaded.kernel.cpu.minimum,
        )
        write_if_changed(self.folder.ninja, in_bytes(graph.ninja()))
        write_if_changed(self.folder.compile_commands, graph.compile_commands().encode())
        return graph

    def _compile(self, graph: Graph, tree: Tree) -> str:
        """Bring ``unverified.elf`` up to date; what the tools printed along the way."""
        self.progress.step(2, f"with {graph.toolchain.name} {graph.toolchain.version}")
        outcome = run_ninja(
            self.folder,
            lock=self.lock,
            on_step=lambda done, total, what: self.progress.step(2, f"{done}/{total} {what}"),
        )
        from kgen.build import diagnostics

        sources = self._sources(tree)
        if not outcome.ok:
            raise diagnostics.explain(outcome.output, sources)
        return diagnostics.warnings(outcome.output, sources)

    def _sources(self, tree: Tree) -> Sources:
        from kgen.build.diagnostics import Sources

        return Sources(
            self.folder.root,
            tree.source_map,
            self.loaded.sources,
            self.loaded.folder,
            self.derived.kernel.cpu.minimum,
        )

    def _install(self, tree: Tree) -> None:
        """Verify the candidate and put it in place, the manifest last."""
        from kgen.manifest import manifest
        from kgen.verify import verify

        candidate = self.folder.candidate
        facts = verify(candidate, self.derived)
        content = candidate.read_bytes()
        image = self.folder.image.relative_to(self.folder.root).as_posix()
        text = manifest(
            self.derived,
            image=image,
            content=content,
            build_id=tree.build_id,
            address_of=facts.address_of,
        )
        write_together(
            {
                self.folder.map: self.folder.candidate_map.read_bytes(),
                self.folder.image: content,
                self.folder.manifest: text,
            }
        )

    def _leave_stamp(self, key: str, tree: Tree) -> None:
        folder = self.folder
        made = [folder.src / file.output.path for file in tree.files]
        made += [folder.record, folder.source_map, folder.toolchain, folder.ninja]
        made += [folder.compile_commands, folder.candidate, folder.candidate_map]
        made += [folder.image, folder.map, folder.manifest]
        stamp.leave(folder, key, made)
