"""The files of a kernel: one output for each template that it needs.

The tree of templates is laid out like the kernel, so an output's path is its template's,
without ``.j2``. One table, :data:`CONDITIONS`, decides whether a template is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from kgen.describe import Kernel
from kgen.errors import Exit, KgenError

CODE_SUFFIXES = (".c", ".S", ".h")
"""Templates that are C or assembly themselves; everything else that is rendered ends in .j2."""

VALUE_SUFFIX = ".j2"

CONDITIONS: tuple[tuple[str, Callable[[Kernel], bool]], ...] = (
    ("test/*", lambda kernel: kernel.features.tests),
    ("bench/*", lambda kernel: kernel.features.bench),
    ("include/generated/bench.h", lambda kernel: kernel.features.bench),
    ("user/*", lambda kernel: kernel.features.user_space),
    ("kernel/init.c", lambda kernel: kernel.features.user_space),
    ("include/user/*", lambda kernel: kernel.features.user_space),
    ("program/*", lambda kernel: kernel.features.user_space),
    ("program/init.c", lambda kernel: not kernel.programs),
    ("test/user_*", lambda kernel: kernel.features.user_space),
    ("*arch/*usermode.[chS]", lambda kernel: kernel.features.user_space),
    ("*arch/*timer.[ch]", lambda kernel: kernel.features.user_space),
    ("*arch/*fpu.[ch]", lambda kernel: kernel.features.user_space and kernel.cpu.fpu == "x87"),
    ("loader/*", lambda _: False),  # a program of its own: see kgen.image
    ("arch/*text.c", lambda kernel: kernel.cpu.minimum == "386"),
    ("*arch/*vga.[ch]", lambda kernel: kernel.console.vga),
    ("mm/kdebug.c", lambda kernel: kernel.debug.watched),
    ("include/mm/tier_names.h", lambda kernel: kernel.debug.watched or kernel.debug.fail),
    ("mm/ktrace.c", lambda kernel: kernel.debug.trace),
    ("*mm/poison.h", lambda kernel: kernel.debug.watched or kernel.debug.poison),
    ("base/fail.c", lambda kernel: kernel.debug.fail),
    ("mm/kmalloc_fail.c", lambda kernel: kernel.debug.fail and not kernel.debug.watched),
    ("kernel/sweep.c", lambda kernel: kernel.debug.fail),
    ("mm/large_vmap.c", lambda kernel: kernel.kmalloc.mapping == "vmap"),
    ("mm/large_direct.c", lambda kernel: kernel.kmalloc.mapping == "direct"),
    ("test/quarantine.c", lambda kernel: kernel.debug.quarantine > 0),
    ("kernel/demo.c", lambda kernel: not kernel.sources),
)
"""Path pattern of outputs (``*`` crosses folders) and when a kernel has them; others always."""


@dataclass(frozen=True, order=True)
class Output:
    """One file to render: its ``path`` below ``src`` and the ``template`` it comes from."""

    path: str
    template: str

    @property
    def is_code(self) -> bool:
        """Whether the template is code with comment statements, not values in braces."""
        return not self.template.endswith(VALUE_SUFFIX)


def plan(kernel: Kernel, templates: Path) -> tuple[Output, ...]:
    """The outputs of ``kernel`` in the order of their paths; KgenError if two share a path."""
    outputs: dict[str, Output] = {}
    for template in _templates(templates):
        path = template.removesuffix(VALUE_SUFFIX)
        if not _needed(path, kernel):
            continue
        other = outputs.get(path)
        if other:
            raise KgenError(
                f"templates/{other.template} and templates/{template} both make {path}",
                "remove or rename one of them",
                exit_code=Exit.BUILD,
            )
        outputs[path] = Output(path, template)
    if not outputs:
        raise KgenError(f"no templates in {templates}", "reinstall kgen", exit_code=Exit.BUILD)
    return tuple(sorted(outputs.values()))


def _needed(path: str, kernel: Kernel) -> bool:
    return all(needed(kernel) for pattern, needed in CONDITIONS if fnmatchcase(path, pattern))


def _templates(folder: Path) -> Iterator[str]:
    """Paths of all templates below ``folder``, sorted; a file of no known kind is refused."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or path.name.startswith(".") or path.name == "README.md":
            continue
        if not name.endswith((*CODE_SUFFIXES, VALUE_SUFFIX)):
            raise KgenError(
                f"templates/{name}: neither code ({' '.join(CODE_SUFFIXES)}) nor values (.j2)",
                "rename it, or move it out of the templates",
                exit_code=Exit.BUILD,
            )
        yield name
