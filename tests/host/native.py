"""Builds the kernel's own sources for the machine that the tests run on.

The cores (``mm/memmap.c``, ``memblock.c``, ``buddy.c``, ``arena.c``) are pure C and become hosted
programs under AddressSanitizer and UndefinedBehaviorSanitizer. What is i386 only (inline assembly,
``%d`` read as long, kmalloc at its own addresses) becomes a *bare* program: 32 bits, static,
without any C library (``bare.c`` makes the system calls), so no multilib packages are needed.

What is compiled is what kgen renders, by the very functions that ``kgen build`` calls. Programs
are named by a hash of all that goes into them, so each is built once a session and worker.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kgen import Kernel
from kgen.derive import derive
from kgen.paths import templates_dir
from kgen.render import render

HERE = Path(__file__).parent

_COMMON = ("-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Kind:
    """A way to compile: flags, and sources (of the tests, of the kernel) that all programs need."""

    flags: tuple[str, ...]
    own: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()


SANITIZED = Kind(("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"))
"""For finding faults. A missing runtime is a failure: without it the tests would see less."""

FAST = Kind(("-O2",))
"""For long searches, once a short one has passed under the sanitizers."""

BARE = Kind(
    (
        *("-m32", "-march=i386", "-O1", "-ffreestanding", "-fno-pic", "-fcf-protection=none"),
        *("-fno-stack-protector", "-fno-asynchronous-unwind-tables"),
        *("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"),  # needs no runtime
        *("-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"),
    ),
    own=("bare.c",),
    kernel=("lib/string.c", "lib/vsnprintf.c", "lib/div64.c"),
)
"""For what only an i386 can run: as in the kernel, with traps where behaviour is undefined."""


@dataclass(frozen=True)
class Edit:
    """A deliberate fault: in ``file`` of the kernel, ``old`` (found just once) becomes ``new``."""

    file: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        """``text`` with the fault in it."""
        count = text.count(self.old)
        assert count == 1, f"{self.file} has {count} times {self.old!r}: adapt this mutant"
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Program:
    """An executable."""

    path: Path

    def run(
        self, *args: object, stdin: str = "", seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run to its end or for ``seconds``; status and output, whatever they are."""
        return subprocess.run(
            [self.path, *map(str, args)],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(),
            timeout=seconds,
            check=False,
        )

    def check(self, *args: object, stdin: str = "", seconds: float = 60) -> str:
        """What it prints; an AssertionError with that unless it exits with 0."""
        done = self.run(*args, stdin=stdin, seconds=seconds)
        shown = " ".join(map(str, args))
        assert done.returncode == 0, f"{self.path.name} {shown}: {done.returncode}\n{done.stdout}"
        return done.stdout

    @contextmanager
    def open(self) -> Iterator[Pipe]:
        """Start it once, to be asked often."""
        process = subprocess.Popen(
            [self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            text=True,
        )
        try:
            yield Pipe(process)
        finally:
            process.kill()
            process.communicate()


@dataclass(frozen=True)
class Pipe:
    """A running program that answers each line with one line, and an empty one with a flush."""

    process: subprocess.Popen[str]

    def ask(self, lines: Sequence[str]) -> list[str]:
        """The answers; fewer than ``lines``, the last perhaps a complaint, if it died of one.

        The lines must fit into the pipe (64 KiB): nobody reads while they are written.
        """
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n".join(lines) + "\n\n")
        self.process.stdin.flush()
        answers: list[str] = []
        while len(answers) < len(lines) and (answer := self.process.stdout.readline()):
            answers.append(answer.removesuffix("\n"))
        return answers


def _environment() -> dict[str, str]:
    """Drivers end without freeing: that is no leak worth a report."""
    return {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


@dataclass(frozen=True)
class Workshop:
    """Renders and compiles into ``folder``, which several workers may share."""

    folder: Path

    def sources(self, **fields: object) -> Path:
        """The rendered sources of ``Kernel(**fields)``; the kernel must be sound."""
        tree = render(derive(Kernel.model_validate(fields)), templates_dir(), sources={})
        src = self.folder / f"src-{tree.build_id}"
        if not src.exists():
            fresh = Path(tempfile.mkdtemp(dir=self.folder))
            tree.write(fresh / "src", fresh / "record")
            _move(fresh / "src", src)
            shutil.rmtree(fresh)
        return src

    def program(
        self,
        src: Path,
        driver: str,
        cores: Sequence[str],
        kind: Kind = SANITIZED,
        edit: Edit | None = None,
    ) -> Program:
        """The ``driver`` of this folder with ``cores`` of the kernel (``mm/buddy.c``)."""
        files = [HERE / name for name in (driver, *kind.own)]
        for core in (*cores, *kind.kernel):
            file = src / core
            if edit and edit.file == core:
                file = self._edited(file, edit)
            files.append(file)
        flags = (*_COMMON, *kind.flags, "-I", f"{src}/include", "-I", str(HERE))
        names = [str(path) for path in (*files, *flags)]
        contents = [path.read_bytes() for path in (*files, *sorted(HERE.glob("*.h")))]
        target = self.folder / f"{Path(driver).stem}-{_digest(*names, *contents)}"
        if not target.exists():
            self._compile(["gcc", *flags, *map(str, files)], target)
        return Program(target)

    def _edited(self, file: Path, edit: Edit) -> Path:
        text = edit.apply(file.read_text())
        target = self.folder / f"{_digest(text)}-{file.name}"
        if not target.exists():
            fresh = self.folder / f"{target.name}.{os.getpid()}"
            fresh.write_text(text)
            fresh.replace(target)
        return target

    def _compile(self, command: list[str], target: Path) -> None:
        fresh = target.with_name(f"{target.name}.{os.getpid()}")
        done = subprocess.run(
            [*command, "-o", str(fresh)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        hint = ""
        if "cannot find -lasan" in done.stdout or "cannot find -lubsan" in done.stdout:
            hint = "gcc's sanitizer runtime is missing: install libgcc-12-dev (apt) or libasan (dnf)"
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{hint}"
        fresh.replace(target)


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()[:12]


def _move(fresh: Path, target: Path) -> None:
    """Give a folder its name, unless another worker was first."""
    try:
        fresh.replace(target)
    except OSError:
        assert target.is_dir(), f"cannot move {fresh} to {target}"
