"""``kgen build`` from end to end: described → rendered → built → verified, then installed.

The former kernel stays whole until its successor is verified: the linker writes
``unverified.elf``; only when every rule holds does it become ``kernel.elf``, and the manifest,
which vouches for it, is written last. If nothing changed, all of this is skipped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import kgen
from kgen.build import stamp, toolchain
from kgen.build.folder import Folder
from kgen.build.inputs import Inputs, read_by_tools, recorded
from kgen.build.run import run_ninja
from kgen.files import (
    digest,
    exists,
    in_bytes,
    named_faults,
    shown,
    write_if_changed,
    write_together,
)
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
            if _is_current(folder, key):
                return _built(folder, start, changed=False)
    progress.step(0)
    from kgen.load import load, prove

    loaded = loaded or load(None, request.sets)
    derived = prove(loaded)
    with folder.locked(lambda: progress.waiting(shown(folder.root))) as lock:
        job = _Job(request, folder, loaded, derived, progress, lock)
        warnings = job.run(key)
    return replace(_built(folder, start, changed=True), warnings=warnings)


def _is_current(folder: Folder, key: str) -> bool:
    """Whether the last build is the one that ``key`` asks for, and nothing that it read changed."""
    if exists(folder.unfinished) or not stamp.matches(folder, key):
        return False
    inputs = recorded(folder.root, folder.inputs)
    return folder.relative(folder.candidate) in inputs.objects and not inputs.stale()


def _load_if_needed(request: Request) -> Loaded | None:
    """The description, unless it is the default without files, which says the same each time.

    A description is a program: nothing but running it tells what it says today.
    """
    names_files = any(
        setting.strip().startswith(("sources", "programs")) for setting in request.sets
    )
    if request.description is None and not exists(Path("kernel.py")) and not names_files:
        return None
    from kgen.load import load

    return load(request.description, request.sets)


def _key(request: Request, loaded: Loaded | None) -> str:
    """All that a build depends on, but for what the record of inputs knows better."""
    described: object = list(request.sets)
    files: list[Path] = []
    if loaded is not None:
        described = [
            loaded.kernel.model_dump(),
            str(loaded.folder),
            bool(loaded.kernel.faults),
        ]
        files += [*loaded.sources, *loaded.programs]
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


def _digest(path: Path) -> str:
    try:
        return digest(path)
    except OSError:
        return ""


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
        self.folder.refuse_foreign()
        self.progress.step(1)
        self._mark()
        tree = self._render()
        graph = self._graph(tree)
        inputs = recorded(self.folder.root, self.folder.inputs)
        warnings = self._compile(graph, tree, inputs)
        self.progress.step(3)
        self._install(tree, graph, inputs)
        self._leave_stamp(key, tree, graph)
        with named_faults(self.folder.unfinished, "delete"):
            self.folder.unfinished.unlink()
        return warnings

    def _mark(self) -> int:
        """Say that a build is under way; the file system's time of that, in nanoseconds."""
        with named_faults(self.folder.unfinished):
            self.folder.unfinished.touch()
            os.utime(self.folder.unfinished)
            return self.folder.unfinished.stat().st_ctime_ns

    def _render(self) -> Tree:
        """The sources, rendered and written."""
        from kgen.render import render

        tree = render(self.derived, self.request.templates_folder)
        written = tree.write(self.folder.src, self.folder.record)
        for path, aside in written.kept:
            self.progress.remark(
                f"kgen: {shown(path)} was edited; kgen writes it anew, and the edit is kept in "
                f"{shown(aside)}\n    change the template, or name a file of yours in `sources`"
            )
        write_if_changed(self.folder.source_map, tree.source_map_json)
        return tree

    def _graph(self, tree: Tree) -> Graph:
        from kgen.build.flags import compile_flags, program_flags
        from kgen.build.graph import Graph, program_list, units

        flags = compile_flags(self.derived.kernel)
        tools = toolchain.discover(self.request.toolchain, flags, self.folder.toolchain)
        outputs = [file.output.path for file in tree.files]
        compiled = units(outputs, self.loaded.sources, self.loaded.programs)
        graph = Graph(
            self.folder,
            tools,
            flags,
            compiled,
            self.loaded.folder,
            self.loaded.kernel.cpu.minimum,
            program_flags(self.loaded.kernel),
            program_list([program.name for program in self.derived.programs], compiled),
        )
        write_if_changed(self.folder.ninja, in_bytes(graph.ninja()))
        write_if_changed(self.folder.compile_commands, graph.compile_commands().encode())
        return graph

    def _compile(self, graph: Graph, tree: Tree, inputs: Inputs) -> str:
        """Bring ``unverified.elf`` up to date; what the tools printed along the way.

        The record of inputs is away meanwhile: if all ends here, what was made is not trusted.
        """
        self.progress.step(2, f"with {graph.toolchain.name} {graph.toolchain.version}")
        inputs.discard([unit.object for unit in graph.units])
        inputs.discard([made for one in graph.programs for made in (one.elf, one.embedded)])
        inputs.discard([self.folder.relative(self.folder.candidate)])
        self.folder.inputs.unlink(missing_ok=True)
        since = self._mark()
        try:
            outcome = run_ninja(
                self.folder,
                lock=self.lock,
                on_step=lambda done, total, what: self.progress.step(2, f"{done}/{total} {what}"),
            )
        finally:
            self._record(graph, inputs, since)
        from kgen.build import diagnostics

        sources = self._sources(tree)
        if not outcome.ok:
            raise diagnostics.explain(outcome.output, sources)
        return diagnostics.warnings(outcome.output, sources)

    def _record(self, graph: Graph, inputs: Inputs, since: int) -> None:
        """Keep what went into each object, and into what was linked of them."""
        from kgen.build.graph import LINKER_SCRIPT, PROGRAM_SCRIPT

        root, tools = self.folder.root, graph.toolchain
        embedded = [program.embedded for program in graph.programs]
        for unit in graph.units:
            read = [*read_by_tools(root, unit.object), *tools.programs]
            inputs.add(unit.object, read, since, embedded)
        links = {self.folder.relative(self.folder.candidate): (graph.kernel_objects, LINKER_SCRIPT)}
        for program in graph.programs:
            for made in (program.elf, program.embedded):
                links[made] = (graph.program_objects(program), PROGRAM_SCRIPT)
        for made, (objects, script) in links.items():
            if inputs.objects.keys() >= set(objects):
                inputs.add(made, [*objects, script, tools.linker], since, objects)
        inputs.leave(self.folder.inputs)

    def _sources(self, tree: Tree) -> Sources:
        from kgen.build.diagnostics import Sources

        loaded = self.loaded
        return Sources(
            self.folder.root,
            tree.source_map,
            loaded.sources,
            loaded.folder,
            self.derived.kernel.cpu.minimum,
            loaded.programs,
        )

    def _install(self, tree: Tree, graph: Graph, inputs: Inputs) -> None:
        """Verify the candidate and put it in place, the manifest last."""
        from kgen.build.ident import identified
        from kgen.manifest import manifest
        from kgen.verify import verify

        self._verify_programs(graph)
        candidate = self.folder.candidate
        facts = verify(candidate, self.derived)
        content, build_id = identified(candidate.read_bytes())
        text = manifest(
            self.derived,
            image=self.folder.relative(self.folder.image),
            content=content,
            build_id=build_id,
            inputs=self._made_from(tree, graph, inputs),
            unfinished=self.folder.relative(self.folder.unfinished),
            address_of=facts.address_of,
        )
        write_together(
            {
                self.folder.map: self.folder.candidate_map.read_bytes(),
                self.folder.image: content,
                self.folder.manifest: text,
            }
        )

    def _verify_programs(self, graph: Graph) -> None:
        from kgen.verify.program import verify_program

        for number, program in enumerate(graph.programs):
            files = self.loaded.kernel.programs[number:] or (f"program/{program.name}.c",)
            verify_program(self.folder.root / program.elf, files[0], self.derived)

    def _made_from(self, tree: Tree, graph: Graph, inputs: Inputs) -> dict[str, str]:
        """Description, templates, rendered and the user's own files, with their hashes.

        An empty one, which no file has, where a file changed while it was read.
        """
        files = [*self.loaded.files, *self.loaded.sources, *self.loaded.programs]
        for rendered in tree.files:
            files.append(self.request.templates_folder / rendered.output.template)
            files.append(self.folder.src / rendered.output.path)
        root, tools = self.folder.root, graph.toolchain
        for unit in graph.units:
            read = read_by_tools(root, unit.object) if unit.users else []
            files += [root / name for name in read]
        doubtful = {root / name for name in inputs.doubtful}
        return {
            self._named(path): "" if path in doubtful else _digest(path)
            for path in files
            if str(path) not in tools.programs and not path.is_relative_to(tools.headers)
        }

    def _named(self, path: Path) -> str:
        """A file in the output folder or beside it as seen from there: a project may move."""
        root = self.folder.root
        return os.path.relpath(path, root) if path.is_relative_to(root.parent) else str(path)

    def _leave_stamp(self, key: str, tree: Tree, graph: Graph) -> None:
        folder = self.folder
        made = [folder.src / file.output.path for file in tree.files]
        made += [folder.root / unit.object for unit in graph.units]
        made += [folder.root / made for one in graph.programs for made in (one.elf, one.embedded)]
        made += [folder.record, folder.source_map, folder.toolchain, folder.ninja, folder.inputs]
        made += [folder.compile_commands, folder.candidate, folder.candidate_map]
        made += [folder.image, folder.map, folder.manifest]
        stamp.leave(folder, key, made)
