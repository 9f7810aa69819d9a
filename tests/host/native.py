"""Builds the kernel's own sources for the machine that the tests run on.

The cores (``mm/memmap.c``, ``memblock.c``, ``buddy.c``, ``arena.c``) are pure C and become hosted
programs under AddressSanitizer and UndefinedBehaviorSanitizer. Code for i386 only (inline
assembly, ``%d`` read as long, kmalloc at its own addresses) becomes a *bare* program: 32 bits,
static, without any C library (``bare.c`` makes the system calls), so no multilib packages are
needed.

The compiled files are those that kgen renders, by the very functions that ``kgen build`` calls.
Programs are named by a hash of all that goes into them, so each is built once a session and
worker.
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

from tests.mutation import Edit
from tests.tools import i386, native_gcc

from kgen import Kernel
from kgen.derive import derive
from kgen.paths import templates_dir
from kgen.render import render

HERE = Path(__file__).parent

_COMMON = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Kind:
    """A way to build: flags, and sources (of the tests, of the kernel) that all programs need."""

    compile: tuple[str, ...]
    link: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()


_SANITIZE = "-fsanitize=address,undefined"

SANITIZED = Kind(("-O1", "-g", _SANITIZE, "-fno-sanitize-recover=all"), (_SANITIZE,))
"""For finding faults. A missing runtime is a failure: without it the tests would see less."""

FAST = Kind(("-O2", "-g"))
"""For long searches, once a short one has passed under the sanitizers."""

QUICK = Kind(("-O1", "-Wno-error"))
"""For mutants: the models notice without sanitizers; a mutant may leave something unused."""

BARE = Kind(
    (
        *("-m32", "-march=i386", "-O1", "-g", "-ffreestanding", "-fno-pic", "-fcf-protection=none"),
        *("-fno-stack-protector", "-fno-asynchronous-unwind-tables"),
        *("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"),  # needs no runtime
    ),
    ("-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"),
    own=("bare.c",),
    kernel=("base/string.c", "base/vsnprintf.c", "base/div64.c"),
)
"""For what only an i386 can run: as in the kernel, with traps where behaviour is undefined."""


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
        """The rendered sources of ``Kernel(**fields)``; the kernel must be sound.

        It has no user space unless ``features`` say so.
        """
        described = {"features": {"user_space": False}, **fields}
        tree = render(derive(Kernel.model_validate(described)), templates_dir())
        src = self.folder / f"src-{tree.digest}"
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
        files += [src / core for core in (*cores, *kind.kernel)]
        headers = src / "include"
        if edit and edit.file.startswith("include/"):
            headers = self._edited_headers(headers, edit)
        elif edit:
            files = [self._edited(f, edit) if f == src / edit.file else f for f in files]
        objects = [self._object(file, headers, kind.compile) for file in files]
        target = self.folder / f"{Path(driver).stem}-{_digest(*map(str, (*objects, *kind.link)))}"
        return Program(self._made(target, [*map(str, objects), *kind.link]))

    def _edited(self, file: Path, edit: Edit) -> Path:
        text = edit.apply(file.read_text())
        target = self.folder / f"{_digest(text)}-{file.name}"
        if not target.exists():
            fresh = _fresh(target)
            fresh.write_text(text)
            fresh.replace(target)
        return target

    def _edited_headers(self, headers: Path, edit: Edit) -> Path:
        """A copy of all of them, with the fault."""
        changed = headers.parent / edit.file
        text = edit.apply(changed.read_text())
        target = self.folder / f"include-{_digest(str(headers), edit.file, text)}"
        if not target.exists():
            fresh = Path(tempfile.mkdtemp(dir=self.folder)) / "include"
            shutil.copytree(headers, fresh)
            (fresh / changed.relative_to(headers)).write_text(text)
            _move(fresh, target)
            shutil.rmtree(fresh.parent)
        return target

    def _object(self, file: Path, headers: Path, flags: Sequence[str]) -> Path:
        """``file`` compiled against ``headers``, whose path tells their content."""
        own = b"".join(header.read_bytes() for header in sorted(HERE.glob("*.h")))
        digest = _digest(str(file), file.read_bytes(), str(headers), own, *flags)
        includes = ("-I", str(headers), "-I", str(HERE))
        target = self.folder / f"{file.stem}-{digest}.o"
        return self._made(target, [*_COMMON, *flags, *includes, "-c", str(file)])

    def _made(self, target: Path, arguments: list[str]) -> Path:
        """``target`` as gcc makes it, unless it is there: kgen's for i386, or the machine's own."""
        if target.exists():
            return target
        fresh = _fresh(target)
        gcc = i386().compiler if "-m32" in arguments else native_gcc()
        command = [gcc, *arguments, "-o", str(fresh)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        hint = ""
        if "cannot find -lasan" in done.stdout or "cannot find -lubsan" in done.stdout:
            hint = (
                "gcc's sanitizer runtime is missing: install libgcc-12-dev (apt) or libasan (dnf)"
            )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{hint}"
        fresh.replace(target)
        return target


def _fresh(target: Path) -> Path:
    """Where to make ``target`` while no other worker may see it."""
    return target.with_name(f"{target.name}.{os.getpid()}")


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
