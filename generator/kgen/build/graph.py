"""The build graph: which object comes from which source, as build.ninja and for editors.

Every command runs in the output folder and names files relative to it, and the compiler is told
to leave absolute folders out of its debug information. So the same description makes the same
kernel.elf, bit for bit, wherever it is built.

:mod:`kgen.build.inputs` decides by content which objects are out of date. The graph tells ninja of
sources and headers as well, for people who run it by hand, but only of names that it can read.
"""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ninja.ninja_syntax import Writer

from kgen.build.flags import (
    LINK,
    OWN_WARNINGS,
    PROGRAM_LINK,
    PROGRAM_STRIP,
    USER_WARNINGS,
    bounds_flags,
    cpu_flag,
)
from kgen.build.folder import Folder
from kgen.build.inputs import DEPENDENCIES
from kgen.build.toolchain import Toolchain
from kgen.errors import KgenError

LINKER_SCRIPT = "src/linker/kernel.ld"
PROGRAM_SCRIPT = "src/program/program.ld"
PROGRAM_TABLE = "src/user/programs.S"
"""The source that embeds programs: its object depends on all of them."""

_RUNTIME = "program/"
"""Rendered sources below this are of programs, not of the kernel."""

_SHARED = ("base/div64.c", "base/string.c", "base/vsnprintf.c")
"""Sources of the kernel that programs have, too, compiled for them anew."""

_FOR_NINJA = re.compile(r"[\w./+@~=,-]+", re.ASCII)
"""Names that ninja takes as they are, in its own file and in depfiles."""

_UNPLAIN = re.compile(r"[^\w.+-]", re.ASCII)


@dataclass(frozen=True)
class Unit:
    """One object: from ``source`` (relative to the output folder, or the user's absolute path).

    ``program``: it runs in ring 3, as a user program or as a part of the runtime of all of them.
    """

    source: str
    object: str
    users: bool
    program: bool = False

    @property
    def label(self) -> str:
        """The source as progress shows it."""
        name = Path(self.source).name if self.users else self.source.removeprefix("src/")
        return f"{name} (for programs)" if self.program and not self.users else name

    @property
    def include(self) -> str:
        """Where its headers are."""
        runs = self.program and (self.users or self.source.startswith(f"src/{_RUNTIME}"))
        return f"src/{_RUNTIME}include" if runs else "src/include"


@dataclass(frozen=True)
class Program:
    """A user program: its ``own`` object, to which the runtime's are linked."""

    name: str
    own: str

    @property
    def elf(self) -> str:
        """With debug information, for people."""
        return f"build/programs/{self.name}"

    @property
    def embedded(self) -> str:
        """Without, for the kernel's image."""
        return f"build/obj/programs/{self.name}.elf"


@dataclass(frozen=True)
class Graph:
    """Everything that ninja has to know.

    ``user_folder`` is the description's, absolute; ``cpu`` the oldest CPU's name. Programs have
    flags of their own.
    """

    folder: Folder
    toolchain: Toolchain
    flags: tuple[str, ...]
    units: tuple[Unit, ...]
    user_folder: Path
    cpu: str = "386"
    program_flags: tuple[str, ...] = ()
    programs: tuple[Program, ...] = ()

    @property
    def kernel_objects(self) -> list[str]:
        """What the kernel is linked of."""
        return [unit.object for unit in self.units if not unit.program]

    def program_objects(self, program: Program) -> list[str]:
        """What a program is linked of: its own object first."""
        owns = {one.own for one in self.programs}
        runtime = [unit.object for unit in self.units if unit.program and unit.object not in owns]
        return [program.own, *runtime]

    def command(self, unit: Unit) -> list[str]:
        """The compiler's arguments for ``unit``, the dependency file's among them."""
        warnings = USER_WARNINGS if unit.users else OWN_WARNINGS
        users = ["-I", str(self.user_folder)] if unit.users else []
        compiler, assembler = (f"{unit.object}{suffix}" for suffix in DEPENDENCIES)
        depfile = ["-MD", "-MF", compiler, f"-Wa,--MD,{assembler}"]
        return [
            self.toolchain.compiler,
            *self.toolchain.flags,
            *(self.program_flags if unit.program else self.flags),
            cpu_flag(self.cpu, unit.source),
            *bounds_flags(unit.source),
            *warnings,
            *self._prefix_maps(unit),
            "-nostdinc",
            "-isystem",
            self.toolchain.headers,
            "-I",
            unit.include,
            *users,
            *depfile,
            "-c",
            unit.source,
            "-o",
            unit.object,
        ]

    def link_command(self) -> list[str]:
        """The linker's arguments."""
        elf, listing = (
            self._relative(self.folder.candidate),
            self._relative(self.folder.candidate_map),
        )
        return [
            self.toolchain.linker,
            *LINK,
            f"-Map={listing}",
            "-T",
            LINKER_SCRIPT,
            "-o",
            elf,
            *self.kernel_objects,
        ]

    def program_command(self, program: Program, *, embedded: bool) -> list[str]:
        """The linker's arguments for a program."""
        return [
            self.toolchain.linker,
            *PROGRAM_LINK,
            *(PROGRAM_STRIP if embedded else ()),
            "-T",
            PROGRAM_SCRIPT,
            "-o",
            program.embedded if embedded else program.elf,
            *self.program_objects(program),
        ]

    def ninja(self) -> str:
        """The text of build.ninja."""
        text = io.StringIO()
        writer = Writer(text, width=100)  # type: ignore[arg-type]  # its stub says str
        writer.comment("Written by kgen build; run it with: ninja -C DIR -f build/build.ninja")
        writer.variable("ninja_required_version", "1.8")
        writer.variable("builddir", "build")
        for rule, description, depfile in (
            ("compile", "compile $label", "$out.d"),
            ("compile_blind", "compile $label", None),
            ("link", "link $out", None),
        ):
            writer.newline()
            writer.rule(rule, "$command", description, depfile=depfile)
        toolchain = [self._relative(self.folder.toolchain)]
        for unit in self.units:
            writer.newline()
            read = self._is_read_by_ninja(unit)
            variables = {"command": _shell(self.command(unit)), "label": _plain(unit.label)}
            embedded = [one.embedded for one in self.programs if unit.source == PROGRAM_TABLE]
            writer.build(
                [unit.object],
                "compile" if read else "compile_blind",
                [unit.source] if read else [],
                [*toolchain, *embedded],
                variables=variables,
            )
        self._link_programs(writer, [PROGRAM_SCRIPT, *toolchain])
        writer.newline()
        writer.build(
            [self._relative(self.folder.candidate)],
            "link",
            self.kernel_objects,
            [LINKER_SCRIPT, *toolchain],
            variables={"command": _shell(self.link_command())},
            implicit_outputs=[self._relative(self.folder.candidate_map)],
        )
        writer.default(self._relative(self.folder.candidate))
        return text.getvalue()

    def _link_programs(self, writer: Writer, needs: Sequence[str]) -> None:
        """Each program twice; the second only after the first, so that an error is told once."""
        for program in self.programs:
            for made, others, embedded in (
                (program.elf, needs, False),
                (program.embedded, [*needs, program.elf], True),
            ):
                command = _shell(self.program_command(program, embedded=embedded))
                writer.newline()
                writer.build(
                    [made],
                    "link",
                    self.program_objects(program),
                    list(others),
                    variables={"command": command},
                )

    def compile_commands(self) -> str:
        """The text of compile_commands.json (clang's JSON compilation database)."""
        entries = [
            {
                "directory": str(self.folder.root),
                "file": unit.source,
                "output": unit.object,
                "arguments": self.command(unit),
            }
            for unit in self.units
        ]
        return json.dumps(entries, indent=1) + "\n"

    def _is_read_by_ninja(self, unit: Unit) -> bool:
        """Whether ninja can read every name that compiling ``unit`` may bring into its depfile."""
        names = [unit.source, self.toolchain.headers]
        if unit.users:
            names.append(str(self.user_folder))
        return all(_FOR_NINJA.fullmatch(name) for name in names)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder.root).as_posix()

    def _prefix_maps(self, unit: Unit) -> Iterator[str]:
        """Absolute folders and what stands for them in debug information; the innermost last."""
        pairs = {self.toolchain.headers: "toolchain"}
        if unit.users:
            source = Path(unit.source)
            if not source.is_relative_to(self.user_folder):
                pairs[str(source.parent)] = "user"
            pairs[str(self.user_folder)] = "user"
        pairs[str(self.folder.root)] = "."
        for path in sorted(pairs, key=len):
            yield f"-ffile-prefix-map={path}={pairs[path]}"


def units(
    outputs: Sequence[str], sources: Sequence[Path], programs: Sequence[Path] = ()
) -> tuple[Unit, ...]:
    """Objects for rendered ``outputs`` (paths below src) and the user's files (absolute)."""
    own = [
        Unit(f"src/{path}", f"build/obj/{path}.o", users=False, program=path.startswith(_RUNTIME))
        for path in sorted(outputs)
        if path.endswith((".c", ".S"))
    ]
    if any(unit.program for unit in own):
        own += [
            Unit(f"src/{path}", f"build/obj/{_RUNTIME}{path}.o", users=False, program=True)
            for path in _SHARED
            if path in outputs
        ]
    theirs = [
        Unit(str(source), f"build/obj/own/{name}.o", users=True) for source, name in _named(sources)
    ]
    run = [
        Unit(str(source), f"build/obj/programs/{name}.o", users=True, program=True)
        for source, name in _named(programs)
    ]
    return (*own, *theirs, *run)


def program_list(names: Sequence[str], units: Sequence[Unit]) -> tuple[Program, ...]:
    """The programs ``names`` of a description, whose sources are among ``units`` in that order.

    Without any of the user's it is one, whose source is rendered, if the templates have it.
    """
    users = [unit.object for unit in units if unit.users and unit.program]
    rendered = [f"build/obj/{_RUNTIME}{name}.c.o" for name in names]
    own = users or [name for name in rendered if name in {unit.object for unit in units}]
    return tuple(Program(name, made) for name, made in zip(names, own, strict=False))


def _named(sources: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Each source with a plain name for its object, which no other has."""
    names: list[str] = []
    for source in sources:
        stem, suffix = (_UNPLAIN.sub("_", part) for part in (source.stem, source.suffix))
        name, number = f"{stem}{suffix}", 2
        while name in names:
            name, number = f"{stem}-{number}{suffix}", number + 1
        names.append(name)
        yield source, name


def _shell(command: Sequence[str]) -> str:
    """A command for the shell, inside a ninja variable."""
    for word in command:
        if "\n" in word:
            raise KgenError(
                f"{word!r}: a line break in a path, which no build can name",
                "rename that file or folder",
            )
    return _plain(shlex.join(command))


def _plain(text: str) -> str:
    return text.replace("$", "$$")
