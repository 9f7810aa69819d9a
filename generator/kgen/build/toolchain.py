"""Finding a compiler and a linker that can make an i386 kernel.

A cross compiler is preferred; the system's gcc does as well, since ``-m32 -ffreestanding`` needs
no 32-bit libraries. A candidate counts only if it compiles and links a probe with the very flags
of a kernel, in the very environment that a build has. The answer is kept in the output folder and
asked again when a program changes.

clang does as well as gcc, from 14 on; it is told to use binutils' assembler.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kgen.build.environment import decisive, environment
from kgen.build.flags import LINK
from kgen.errors import Exit, KgenError
from kgen.files import write_if_changed
from kgen.scratch import scratch

CANDIDATES = ("i686-elf-gcc", "i686-linux-gnu-gcc", "gcc", "clang")
"""Programs that are tried, in this order. ``gcc -m32`` is another name for gcc."""

OLDEST = {"gcc": 9, "clang": 14}
"""Major version from which a compiler is known to do; gcc 8 lacks flags that kernels have."""

_FLAGS = {"gcc": (), "clang": ("-fno-integrated-as", "-gdwarf-aranges")}
"""What a compiler needs besides the flags that all have: for clang binutils' assembler, as gcc has
it, and the table that leads from an address to a source, which gcc writes without being asked."""

_INSTALL = (
    "install one:  Debian, Ubuntu: apt-get install gcc binutils"
    "   Fedora: dnf install gcc binutils   macOS: brew install i686-elf-gcc"
)

_ANOTHER = "install that one, or leave --toolchain out: kgen then looks for a compiler itself"

_PROBE = """\
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
int probe(int64_t value) { return (int)(value >> 7) + (int)sizeof(va_list); }
"""


@dataclass(frozen=True)
class Toolchain:
    """Programs that make a kernel: ``compiler``, its ``linker``, its own ``headers`` folder.

    ``programs`` are all whose change may change an object: the compiler proper, the assembler.
    ``flags`` are those that only this compiler needs.
    """

    name: str
    version: str
    compiler: str
    linker: str
    headers: str
    programs: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Toolchain:
        """One that was kept as JSON."""
        lists = {key: tuple(kept.get(key, ())) for key in ("programs", "flags")}
        return cls(**{**kept, **lists})

    @property
    def release(self) -> str:
        """The compiler without its target: ``gcc 12.2.0``."""
        return f"{self.name.rpartition('-')[2]} {self.version}"


class _RefusedError(Exception):
    """Why a candidate cannot be used."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def identity(choice: str) -> list[list[object]]:
    """What could change the answer of :func:`discover`: programs and their times, variables."""
    found: list[list[object]] = [list(pair) for pair in decisive()]
    for name in (*_candidates(choice), "ld", "as"):
        path = shutil.which(name)
        if path:
            status = Path(path).stat()
            found.append([path, status.st_mtime_ns, status.st_size])
    return found


def discover(choice: str, flags: Sequence[str], cache: Path) -> Toolchain:
    """The first candidate that works, or the one chosen; KgenError (exit 3) if there is none.

    ``cache`` is written only if the answer changed, so that objects may depend on it.
    """
    asked: list[object] = [choice, identity(choice), list(flags)]
    known = _cached(cache, asked)
    if known:
        return known
    refusals: list[str] = []
    for name in _candidates(choice):
        path = shutil.which(name)
        if path is None:
            refusals.append(f"{name}: not found")
            continue
        try:
            toolchain = _probe(name, path, flags)
        except _RefusedError as refusal:
            refusals.append(f"{name}: {refusal.reason}")
            continue
        text = json.dumps({"asked": asked, "answer": asdict(toolchain)}, indent=1)
        write_if_changed(cache, text.encode())
        return toolchain
    lines = "\n".join(f"  {line}" for line in refusals)
    hint = _INSTALL if choice == "auto" else _ANOTHER
    raise KgenError(f"no compiler for an i386 kernel\n{lines}", hint, exit_code=Exit.BUILD)


def used(record: Path) -> Toolchain:
    """The toolchain that an output folder was built with, from what :func:`discover` left there."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return Toolchain.read(json.loads(record.read_text())["answer"])
    raise KgenError(f"{record} is missing or damaged", "run kgen build again")


def _candidates(choice: str) -> tuple[str, ...]:
    return CANDIDATES if choice == "auto" else (choice.removesuffix(" -m32"),)


def _cached(cache: Path, asked: list[object]) -> Toolchain | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(cache.read_text())
        if kept["asked"] == asked:
            return Toolchain.read(kept["answer"])
    return None


def _probe(name: str, path: str, flags: Sequence[str]) -> Toolchain:
    """The toolchain of the compiler ``path`` after it has compiled and linked a probe."""
    kind = _kind(path)
    version = _run([path, "-dumpfullversion", "-dumpversion"]).strip()
    major = version.split(".")[0]
    if not major.isdigit() or int(major) < OLDEST[kind]:
        oldest = f"{kind} {OLDEST[kind]} or later is needed"
        raise _RefusedError(f"{path} is {kind} {version}; {oldest}")
    flags = [*_FLAGS[kind], *flags]
    linker = _run([path, "-print-prog-name=ld"]).strip()
    headers = _run([path, "-print-file-name=include"]).strip()
    resolved = shutil.which(linker)
    if resolved is None:
        raise _RefusedError(f"its linker ({linker}) is missing: install binutils")
    with scratch("kgen-probe-") as folder:
        source, elf = folder / "probe.c", folder / "probe.elf"
        compiled = source.with_suffix(".o")
        source.write_text(_PROBE)
        includes = ["-nostdinc", "-isystem", headers]
        _run([path, *flags, *includes, "-c", str(source), "-o", str(compiled)])
        _run([resolved, *LINK, "-e", "probe", str(compiled), "-o", str(elf)])
    return Toolchain(
        name, version, path, resolved, headers, tuple(_programs(path)), flags=_FLAGS[kind]
    )


def _programs(path: str) -> Iterator[str]:
    """The compiler driver ``path``, and what it calls, where they can be found."""
    yield path
    for name in ("cc1", "as"):
        found = shutil.which(_run([path, f"-print-prog-name={name}"]).strip())
        if found:
            yield found


def _kind(path: str) -> str:
    """``gcc`` or ``clang``, by what it defines: each goes by many names."""
    defined = set(re.findall(r"^#define (\w+)", _run([path, "-dM", "-E", "-xc", os.devnull]), re.M))
    if "__clang__" in defined:
        return "clang"
    if "__GNUC__" not in defined or defined & {"__INTEL_COMPILER", "__TINYC__"}:
        raise _RefusedError(f"{path} is neither gcc nor clang")
    return "gcc"


def _run(command: list[str]) -> str:
    """Standard output of a command; _RefusedError with its first complaint if it fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment(),
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _RefusedError(f"{command[0]} cannot be run: {error}") from None
    if done.returncode:
        complaint = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()
        telling = [line for line in complaint if "error" in line] or complaint
        raise _RefusedError(telling[0])
    return done.stdout
