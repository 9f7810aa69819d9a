"""Programs that are not ours, as Debian's packages provide them: what they are run with here.

busybox comes as it is packaged for i386. A hello, a malloc stress and Lua are compiled with this
machine's gcc against musl, whose packages are unpacked and not installed. All of it is fetched
once, by apt-get with lists of its own, so that nothing of the system is changed; it stays in
``.venv``. Where that is not possible the tests are skipped, and say so.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.tools import native_gcc

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".venv" / "foreign"
SOURCES = ROOT / "tests" / "kernels" / "foreign"

PACKAGES = ("busybox-static:i386", "musl-dev:i386", "libgcc-12-dev:i386")
LUA = "lua5.4"
MUSL = "i386-linux-musl"

OWN = ("hello", "stress")
"""Programs in tests/kernels/foreign."""

FLAGS = ("-m32", "-march=i386", "-O1", "-static", "-fno-pie", "-no-pie", "-fcf-protection=none")


@dataclass(frozen=True)
class Foreign:
    """Where the programs are."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        return self.folder / name


def programs() -> Foreign:
    """The programs ``busybox``, ``hello``, ``stress`` and ``lua``."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = PLACE / "made"
        wanted = "\n".join((SOURCES / f"{name}.c").read_text() for name in OWN)
        if not stamp.exists() or stamp.read_text() != wanted:
            _make()
            stamp.write_text(wanted)
    return Foreign(PLACE)


def _make() -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        pytest.skip("no apt-get: busybox, musl and Lua are Debian's packages")
    try:
        _fetch(PLACE / "apt")
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"apt-get could not fetch busybox, musl and Lua: {error}")
    root = PLACE / "root"
    for package in (PLACE / "apt").glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(root)], PLACE)
    shutil.copy2(root / "bin" / "busybox", PLACE / "busybox")
    for name in OWN:
        _link([SOURCES / f"{name}.c"], PLACE / name)
    (archive,) = (PLACE / "apt").glob("lua*.orig.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(PLACE / "lua-source", filter="data")
    sources = sorted(PLACE.glob("lua-source/*/src/*.c"))
    _link([path for path in sources if path.name != "luac.c"], PLACE / "lua")


def _fetch(folder: Path) -> None:
    """The packages and Lua's source, by lists of their own: the system's stay as they are."""
    for name in ("lists/partial", "archives/partial", "sources"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in (*Path("/etc/apt").glob("sources.list.d/*"), Path("/etc/apt/sources.list")):
        if path.is_file():
            text = path.read_text()
            both = text.replace("\ndeb ", "\ndeb-src ").replace("Types: deb\n", "Types: deb-src\n")
            lines = f"{text}\n\n{both}"
            (folder / "sources" / path.name).write_text(lines)
    options = [
        *("-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}"),
        *("-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={folder}/sources"),
        *("-o", "APT::Architectures::=i386", "-o", "APT::Architectures::=amd64"),
        *("-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="),
    ]
    with suppress(subprocess.SubprocessError):  # some lists may be out of step, and others do
        _run(["apt-get", *options, "update", "-qq"], folder)
    _run(["apt-get", *options, "download", "-qq", *PACKAGES], folder)
    _run(["apt-get", *options, "source", "-qq", "--download-only", LUA], folder)


def _link(sources: Sequence[Path], program: Path) -> None:
    """Compile and link against the musl that was unpacked."""
    root = PLACE / "root" / "usr"
    libraries = root / "lib" / MUSL
    (libgcc,) = root.glob("lib/gcc/*/*/libgcc.a")
    command = [native_gcc(), *FLAGS, "-nostdinc", "-isystem", str(root / "include" / MUSL)]
    command += [
        "-nostdlib",
        "-o",
        str(program),
        *(str(libraries / f"{n}.o") for n in ("crt1", "crti")),
    ]
    command += [*map(str, sources), str(libraries / "libc.a"), str(libgcc)]
    _run([*command, str(libraries / "libc.a"), str(libraries / "crtn.o")], PLACE)


def _run(command: Sequence[str], folder: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise subprocess.SubprocessError(f"{command[0]}: {(done.stderr or done.stdout)[-500:]}")
