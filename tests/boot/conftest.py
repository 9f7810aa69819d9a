"""What the boot tests share: kernels that are built once per run, and a boot of one.

A kernel is built once for all xdist workers, in a folder that is named after what it is made from;
a lock on it lets one worker build while the others wait. Kernels differ in a few files, and what
they have in common is compiled once (``tests/compiled.py``).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.boot.loaders import Load, Loader
from tests.boot.mutants import build_broken
from tests.compiled import in_place_of
from tests.descriptions import WITHOUT_USER_SPACE
from tests.mutation import Edit
from tests.tools import i386

import kgen_qemu
from kgen.derive import STAGES
from kgen.pipeline import Request, build
from kgen.progress import Progress
from kgen_qemu.result import Result

SOURCES = Path(__file__).parents[1] / "kernels"
CHAIN = Path(__file__).parent / "chain" / "chain.S"

Boot = Callable[..., Result]
Emulator = Callable[..., Path]


@dataclass(frozen=True)
class Kernels:
    """Output folders below ``root``, shared by all workers of this run."""

    root: Path
    _built: dict[str, Path] = field(default_factory=dict)

    def default(self) -> Path:
        """The output folder of the default kernel."""
        return self._once("default", lambda out: _build(Request(out=out)))

    def user(
        self, *sources: str, sets: Sequence[str] = (), description: Path | None = None
    ) -> Path:
        """The folder of a kernel with sources from tests/kernels and ``--set`` options.

        It has no user space, unless ``sets`` say so: most tests look at something else.
        """
        settings = [WITHOUT_USER_SPACE, *sets]
        if sources:
            settings.append("sources=" + ",".join(str(SOURCES / name) for name in sources))
        told = [*settings, description.read_text()] if description else settings
        name = "-".join([*(Path(name).stem for name in sources), _digest(told)])
        return self._once(
            name,
            lambda out: _build(Request(description, sets=(*settings,), out=out)),
        )

    def plain(self) -> Path:
        """The folder of the default kernel, but without user space."""
        return self.user()

    def faults(self, sets: Sequence[str] = ()) -> Path:
        """The folder of the kernel that makes mistakes on demand."""
        names = ("faults", "cpu_faults", "kmalloc_faults", "buddy_faults")
        return self.user(*(f"{name}.c" for name in names), sets=sets)

    def broken(self, sound: Path, faults: Sequence[Edit]) -> Path:
        """The folder of a sound kernel with faults put into its sources."""

        def make(out: Path) -> None:
            if not out.exists():
                partial = out.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                build_broken(sound, partial, faults)
                partial.rename(out)

        texts = [text for fault in faults for text in (fault.file, fault.old, fault.new)]
        return self._once(f"{sound.name}-{_digest(texts)}", make)

    def _once(self, name: str, make: Callable[[Path], None]) -> Path:
        if name not in self._built:
            folder = self.root / name
            with _locked(self.root / f"{name}.lock"):
                make(folder)
            self._built[name] = folder
        return self._built[name]


def _build(request: Request) -> None:
    built = build(request, Progress())
    assert not built.warnings


def _digest(settings: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(settings).encode()).hexdigest()[:8]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module", autouse=True)
def _compiled_once(shared: Path) -> Iterator[None]:
    """Whoever builds a kernel here, in whatever folder: no object is compiled twice."""
    tools = i386()
    with pytest.MonkeyPatch.context() as patch:
        if shutil.which("sha256sum"):
            in_place_of(tools.compiler, tools.name, shared / "compiler")
            patch.setenv("PATH", str(shared / "compiler"), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def kernels(shared: Path) -> Kernels:
    """Builds kernels; each once per run, however many workers ask for it."""
    root = shared / "kernels"
    root.mkdir(exist_ok=True)
    return Kernels(root)


@pytest.fixture(scope="session")
def default(kernels: Kernels) -> Path:
    """The output folder of the default kernel."""
    return kernels.default()


@pytest.fixture(scope="session")
def plain(kernels: Kernels) -> Path:
    """The output folder of the default kernel without user space: less to build and to boot."""
    return kernels.plain()


@pytest.fixture(scope="session")
def user_kernel(kernels: Kernels) -> Callable[..., Path]:
    """The folder of a kernel with sources of the user's: ``user_kernel("hello.c", sets=[…])``."""
    return kernels.user


@pytest.fixture
def own(tmp_path: Path) -> Callable[[Path], Path]:
    """An output folder like the one given, but with logs of its own: others boot that, too."""

    def link(folder: Path) -> Path:
        mine = tmp_path / "own" / folder.name
        if not mine.exists():
            mine.mkdir(parents=True)
            for name in ("build", "manifest.json"):
                (mine / name).symlink_to(folder / name)
        return mine

    return link


@pytest.fixture
def boot(own: Callable[[Path], Path]) -> Boot:
    """``kgen boot`` without its command line: ``boot(folder, memory="16M")``."""

    def run(folder: Path, **options: Any) -> Result:
        return kgen_qemu.boot(kgen_qemu.boot_request(own(folder), **options))

    return run


# --- scripts in QEMU's place ------------------------------------------------------

NOTE = 'note() { echo $$ >> "$PIDS"; }; note'
"""A line of shell that notes its process: not one of those may be left at the end of a test."""


@pytest.fixture
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where scripts note their processes; at the end of a test not one of them may be left."""
    noted = tmp_path / "pids"
    monkeypatch.setenv("PIDS", str(noted))
    yield noted
    left = [pid for pid in noted.read_text().split() if alive(int(pid))] if noted.exists() else []
    for pid in left:
        os.kill(int(pid), signal.SIGKILL)
    assert left == []


def alive(pid: int) -> bool:
    """Whether a process runs; one that was killed may take a moment to be gone."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def emulator(tmp_path: Path, pids: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Put a script in QEMU's place; gives an output folder with a kernel that none will run."""

    def install(script: str, interpreter: str = "/bin/sh") -> Path:
        binary = tmp_path / "bin" / "qemu-system-i386"
        binary.parent.mkdir(exist_ok=True)
        if interpreter == "/bin/sh":
            binary.write_text(f"#!/bin/sh\n{NOTE}\n{script}\n")
        else:  # a path with a blank would be cut at it in a line that begins with #!
            told = binary.with_name("script")
            told.write_text(script)
            binary.write_text(f'#!/bin/sh\nexec {shlex.join([interpreter, str(told)])} "$@"\n')
        binary.chmod(0o755)
        monkeypatch.setenv("PATH", str(binary.parent), prepend=os.pathsep)
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        (out / "kernel.elf").write_bytes(b"no kernel")
        manifest: dict[str, Any] = {
            "schema": 1,
            "name": "none",
            "image": "kernel.elf",
            "image_sha256": hashlib.sha256(b"no kernel").hexdigest(),
            "image_size": 9,
            "build": "0123456789ab",
            "stages": list(STAGES),
            "features": ["tests"],
            "ram": {"minimum": 2 << 20, "maximum": 4 << 30},
            "cpu": {"minimum": "386"},
        }
        (out / "manifest.json").write_text(json.dumps(manifest))
        return out

    return install


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loader of chain.S, linked to run at 32 MiB."""
    out = tmp_path_factory.mktemp("chain") / "chain.elf"
    command = [i386().compiler, "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"]
    subprocess.run([*command, "-Wl,-Ttext=0x2000000", str(CHAIN), "-o", str(out)], check=True)
    return out


@pytest.fixture
def load(chain: Path, default: Path, own: Callable[[Path], Path], tmp_path: Path) -> Load:
    """Boot a kernel (the default one) as a loader would that is described by a ``Loader``."""

    def run(loader: Loader, folder: Path = default, **options: Any) -> Result:
        path = tmp_path / "script"
        path.write_bytes(loader.script(folder / "build" / "kernel.elf"))
        asked = {"memory": "64M", **options}
        request = kgen_qemu.boot_request(own(folder), modules=[path], **asked)
        return kgen_qemu.boot(replace(request, machine=replace(request.machine, kernel=chain)))

    return run
