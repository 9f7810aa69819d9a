"""Finding a compiler: order, choice, refusals, and asking only once."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from tests.tools import i386

from kgen.build.flags import compile_flags, cpu_flag
from kgen.build.toolchain import discover
from kgen.describe import Kernel
from kgen.errors import Exit, KgenError

FLAGS = compile_flags(Kernel())


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is on PATH, for programs of our own."""
    i386()  # found while it is on PATH, and remembered
    folder = tmp_path / "bin"
    folder.mkdir()
    i386()  # while the real ones are found
    monkeypatch.setenv("PATH", str(folder))
    return folder


def compiler(folder: Path, name: str, *, version: str = "12.2.0", broken: str = "") -> None:
    """A gcc that counts its calls, claims a version, and links with the real programs."""
    path, real = folder / name, i386()
    lines = [
        "#!/bin/sh",
        f'echo "$@" >> {shlex.quote(str(path))}.calls',
        f'case "$*" in *-dumpversion*) echo {version}; exit;; esac',
        f"case \"$*\" in *' -c '*) {broken or ':'};; esac",
        f'PATH=/usr/bin:/bin exec {real.compiler} "$@"',
    ]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    linker = folder / "ld"
    if not linker.exists():
        linker.symlink_to(real.linker)


def chosen(tmp_path: Path, choice: str = "auto") -> str:
    return discover(choice, FLAGS, tmp_path / "toolchain.json").name


def refused(tmp_path: Path, choice: str = "auto") -> KgenError:
    with pytest.raises(KgenError) as caught:
        discover(choice, FLAGS, tmp_path / "toolchain.json")
    assert caught.value.exit_code == Exit.BUILD
    assert not (tmp_path / "toolchain.json").exists()
    return caught.value


def test_the_systems_gcc_serves(tmp_path: Path, programs: Path) -> None:
    compiler(programs, "gcc")
    toolchain = discover("gcc", FLAGS, tmp_path / "cache")
    assert Path(toolchain.headers, "stdint.h").is_file()
    assert Path(toolchain.linker).is_absolute()
    assert discover("gcc -m32", FLAGS, tmp_path / "other").compiler == toolchain.compiler


def test_cross_compilers_come_first(tmp_path: Path, programs: Path) -> None:
    for name in ("gcc", "i686-linux-gnu-gcc", "i686-elf-gcc"):
        compiler(programs, name)
        assert chosen(tmp_path) == name
    assert chosen(tmp_path, "gcc") == "gcc"


def test_one_that_cannot_make_kernels_is_passed_over(tmp_path: Path, programs: Path) -> None:
    compiler(programs, "i686-elf-gcc", broken="echo 'error: no such flag' >&2; exit 1")
    compiler(programs, "i686-linux-gnu-gcc", version="4.9")
    compiler(programs, "gcc")
    assert chosen(tmp_path) == "gcc"


def test_without_any_the_error_says_why_and_what_to_install(tmp_path: Path, programs: Path) -> None:
    compiler(programs, "i686-elf-gcc", broken="echo 'x.c:1: error: no such flag' >&2; exit 1")
    compiler(programs, "i686-linux-gnu-gcc", version="4.9")
    error = refused(tmp_path)
    assert "i686-elf-gcc: x.c:1: error: no such flag" in error.what
    assert "i686-linux-gnu-gcc is gcc 4.9; gcc 9 or later is needed" in error.what
    assert "  gcc: not found" in error.what
    assert "apt-get install gcc binutils" in error.hint
    for name in ("no-such-gcc", "clang"):  # to install another would not help
        error = refused(tmp_path, name)
        assert f"{name}: not found" in error.what
        assert "leave --toolchain out" in error.hint
        assert "apt-get" not in error.hint


LIBRARY = 'case "$LD_LIBRARY_PATH" in */cross/lib) ;; *) echo "cc1: error while loading shared'
LIBRARY += ' libraries: libmpc.so.3" >&2; exit 1;; esac'


def test_one_that_lacks_its_libraries_is_passed_over(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe has the environment of a build, and an answer holds for that environment."""
    compiler(programs, "i686-elf-gcc", broken=LIBRARY)
    compiler(programs, "gcc")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cross/lib")
    assert chosen(tmp_path) == "i686-elf-gcc"
    monkeypatch.delenv("LD_LIBRARY_PATH")
    assert chosen(tmp_path) == "gcc"
    error = refused(tmp_path / "other", "i686-elf-gcc")
    assert "i686-elf-gcc: cc1: error while loading shared libraries: libmpc.so.3" in error.what


def pretender(folder: Path, name: str, *, version: str, defines: str) -> None:
    """A compiler that says of itself what it is told to."""
    compiler(folder, name, version=version)
    script = folder / name
    lines = script.read_text().splitlines()
    lines.insert(1, f"case \"$*\" in *' -E '*) printf '{defines}'; exit;; esac")
    script.write_text("\n".join(lines) + "\n")


CLANG = "#define __clang__ 1\\n#define __GNUC__ 4\\n"


def test_clang_comes_last_and_has_binutils_assembler(tmp_path: Path, programs: Path) -> None:
    pretender(programs, "clang", version="14.0.6", defines=CLANG)
    script = programs / "clang"
    known = 'for a; do shift; case $a in -fno-int*|-gdw*) ;; *) set -- "$@" "$a";; esac; done'
    script.write_text(script.read_text().replace("PATH=", f"{known}\nPATH=", 1))
    toolchain = discover("auto", FLAGS, tmp_path / "toolchain.json")
    assert (toolchain.name, toolchain.flags) == ("clang", ("-fno-integrated-as", "-gdwarf-aranges"))
    assert "-fno-integrated-as -gdwarf-aranges -m32" in (programs / "clang.calls").read_text()
    assert discover("auto", FLAGS, tmp_path / "toolchain.json") == toolchain
    compiler(programs, "gcc")
    assert chosen(tmp_path) == "gcc"


@pytest.mark.parametrize(
    ("version", "defines", "reason"),
    [
        ("13.0.1", CLANG, "is clang 13.0.1; clang 14 or later is needed"),
        ("0.9.27", "#define __TINYC__ 1\\n", "is neither gcc nor clang"),
        ("2021.10", "#define __GNUC__ 10\\n#define __INTEL_COMPILER 1\\n", "is neither gcc nor"),
    ],
)
def test_others_are_refused_by_name(
    tmp_path: Path, programs: Path, version: str, defines: str, reason: str
) -> None:
    """At once, whatever they are called."""
    pretender(programs, "gcc", version=version, defines=defines)
    assert reason in refused(tmp_path, "gcc").what


def test_a_missing_linker_is_named(tmp_path: Path, programs: Path) -> None:
    compiler(programs, "gcc")
    script = programs / "gcc"
    text = script.read_text().replace(
        "PATH=", 'case "$*" in *prog-name*) echo ld;exit;;esac\nPATH='
    )
    script.write_text(text)
    (programs / "ld").unlink()
    assert "its linker (ld) is missing: install binutils" in refused(tmp_path).what


def test_the_answer_is_kept_until_a_program_changes(tmp_path: Path, programs: Path) -> None:
    compiler(programs, "gcc")
    calls = programs / "gcc.calls"
    counts = []
    for _ in range(2):
        chosen(tmp_path)
        counts.append(len(calls.read_text().splitlines()))
    assert counts[0] == counts[1] > 0
    os.utime(programs / "gcc", ns=(1, 1))
    chosen(tmp_path)
    assert len(calls.read_text().splitlines()) == 2 * counts[0]
    compiler(programs, "i686-elf-gcc")
    assert chosen(tmp_path) == "i686-elf-gcc"


def test_a_damaged_answer_is_asked_again(tmp_path: Path, programs: Path) -> None:
    compiler(programs, "gcc")
    cache = tmp_path / "cache"
    toolchain = discover("gcc", FLAGS, cache)
    for text in ("{", "[]", json.dumps({"asked": None})):
        cache.write_text(text)
        assert discover("gcc", FLAGS, cache) == toolchain


@pytest.mark.parametrize(
    ("minimum", "flag"),
    [("386", "-march=i386"), ("486", "-march=i486"), ("pentiumpro", "-march=pentiumpro")],
)
def test_the_oldest_cpu_is_the_compilers_target(minimum: str, flag: str) -> None:
    assert cpu_flag(minimum, "src/mm/buddy.c") == flag
    assert cpu_flag(minimum, "../mine/hello.c") == flag


def test_what_runs_before_the_cpu_is_known_is_for_a_386() -> None:
    for source in (
        "src/kernel/main.c",
        "src/arch/i386/cpu.c",
        "src/boot/boot.S",
        "src/base/div64.c",
    ):
        assert cpu_flag("pentiumpro", source) == "-march=i386"
