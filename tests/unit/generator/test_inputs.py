"""Files count by their content: all files that went into a kernel."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tools import binutil, i386

from kgen.build.ident import identified
from kgen.build.inputs import Inputs, prerequisites
from kgen.errors import DescriptionError, Exit, KgenError
from kgen.files import signature
from kgen.pipeline import Built
from kgen_qemu import load_manifest, staleness
from kgen_qemu.errors import BootError

from .conftest import DESCRIPTION, HELLO, write

Build = Callable[..., Built]

ASM = (
    'asm(".section .rodata\\n"'
    ' ".incbin \\"{here}/blob\\"\\n" ".include \\"{here}/more.inc\\"\\n"'
    ' ".text");\n'
)


def older(path: Path, data: bytes) -> None:
    """Another content for ``path``, as ``mv header.bak header.h`` brings it: older, of one size."""
    assert len(data) == path.stat().st_size
    before = path.stat()
    aside = path.with_name("aside")
    aside.write_bytes(data)
    os.utime(aside, ns=(before.st_atime_ns, before.st_mtime_ns - 3_600_000_000_000))
    aside.rename(path)


def overwritten(path: Path, data: bytes) -> None:
    """Another content in place, with the former's size and time, as ``cp -p`` may leave it."""
    before = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def project(here: Path) -> Path:
    """C that includes headers, and brings in files through the assembler."""
    write(here / "own.h", "#define SEVEN 7\n")
    write(here / "blob", "blob 1\n")
    write(here / "more.inc", ".byte 1\n")
    text = '#include "own.h"\nconst char *const where = __FILE__;\n' + HELLO.replace(
        "= 7", "= SEVEN"
    )
    write(here / "hello.c", text + ASM.format(here=here))
    write(here / "util.S", f'\t.section .rodata\n\t.incbin "{here}/own.h"\n')
    write(here / "kernel.py", DESCRIPTION.replace('"hello.c"', '"hello.c", "util.S"'))
    return here


@pytest.mark.parametrize("replace", [older, overwritten])
def test_another_content_is_another_kernel_and_the_same_is_the_same(
    built: Build, project: Path, replace: Callable[[Path, bytes], None]
) -> None:
    image = built().image.read_bytes()
    build_id = load_manifest(project / "kernel_out").build
    others = {"own.h": b"#define SEVEN 8\n", "blob": b"blob 2\n", "more.inc": b".byte 2\n"}
    for name, data in others.items():
        former = (project / name).read_bytes()
        replace(project / name, data)
        assert built().changed
        assert (project / "kernel_out/build/kernel.elf").read_bytes() != image, name
        assert load_manifest(project / "kernel_out").build != build_id
        assert not built().changed
        replace(project / name, former)
        assert built().image.read_bytes() == image
        assert load_manifest(project / "kernel_out").build == build_id


def test_an_object_that_somebody_else_wrote_is_made_anew(built: Build, project: Path) -> None:
    image = built().image.read_bytes()
    for name in ("build/obj/own/hello.c.o", "build/obj/mm/value.c.o", "build/unverified.elf"):
        path = project / "kernel_out" / name
        overwritten(path, (project / "kernel_out/build/obj/own/util.S.o").read_bytes())
        assert built().changed
        assert built().image.read_bytes() == image


def test_another_compiler_behind_the_same_name_makes_all_anew(
    built: Build, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a distribution's update does: the driver stays, what it calls is another."""
    programs = here.parent / "bin"
    cc1 = write(programs / "cc1", f'#!/bin/sh\nexec {shlex.quote(binutil("cc1"))} "$@"\n')
    cc1.chmod(0o755)
    calls = shlex.join([i386().compiler, f"-B{programs}/"])
    driver = write(programs / "i686-elf-gcc", f'#!/bin/sh\nexec {calls} "$@"\n')
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    built()
    assert not built().changed
    objects = here / "kernel_out/build/obj"
    before = {path: signature(path) for path in objects.rglob("*.o")}
    assert before
    overwritten(cc1, cc1.read_bytes() + b"# another\n")
    assert built().changed
    assert all(signature(path) != state for path, state in before.items())


def test_what_is_touched_and_no_other_is_not_compiled(built: Build, project: Path) -> None:
    built()
    objects = project / "kernel_out/build/obj"
    before = {path: signature(path) for path in objects.rglob("*.o")}
    os.utime(project / "own.h")
    assert not built().changed
    (project / "own.h").write_bytes((project / "own.h").read_bytes())
    built()
    assert {path: signature(path) for path in objects.rglob("*.o")} == before


def test_an_input_that_changes_while_the_compiler_runs_is_read_again(
    built: Build, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler has read the old header; the new one is there when it ends."""
    programs = project.parent / "bin"
    header = shlex.quote(str(project / "own.h"))
    edit = f"case \"$*\" in *hello.c*) echo '#define SEVEN 8' >{header} ;; esac\n"
    driver = write(
        programs / "i686-elf-gcc",
        f'#!/bin/sh\n{i386().compiler} "$@"\ncode=$?\n{edit}exit $code\n',
    )
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    image = built().image.read_bytes()
    assert [Path(name).name for name in staleness(load_manifest(Path("kernel_out"))).changed] == [
        "own.h"
    ]
    assert built().changed
    assert (project / "kernel_out/build/kernel.elf").read_bytes() != image


def test_an_object_that_was_left_out_meanwhile_is_made_anew(built: Build, project: Path) -> None:
    both, one = ("sources=hello.c,util.S",), ("sources=hello.c",)
    first = built(sets=both).image.read_bytes()
    built(sets=one)
    older(project / "own.h", b"#define SEVEN 8\n")
    built(sets=one)
    second = built(sets=both).image.read_bytes()
    assert second.count(b"#define SEVEN 8\n") == first.count(b"#define SEVEN 7\n") > 0


def test_a_copy_of_an_output_folder_counts_as_the_original(built: Build, project: Path) -> None:
    """Times and inodes differ; nothing but that."""
    built()
    out = project / "kernel_out"
    aside = out.rename(project / "original")
    shutil.copytree(aside, out)
    before = {path: signature(path) for path in (out / "build/obj").rglob("*.o")}
    built()
    assert {path: signature(path) for path in (out / "build/obj").rglob("*.o")} == before


def test_a_build_that_was_killed_trusts_nothing(built: Build, project: Path) -> None:
    image = built().image.read_bytes()
    (project / "kernel_out/build/inputs.json").unlink()
    overwritten(project / "kernel_out/build/obj/mm/value.c.o", b"\0" * 8)
    assert built().changed
    assert built().image.read_bytes() == image


# --- the build id ---------------------------------------------------------------------


def test_two_sources_of_one_basename_both_count(built: Build, here: Path) -> None:
    for folder in "ab":
        write(here / f"{folder}/m.c", f"int in_{folder} = 1;\n" + (HELLO if folder == "a" else ""))
    names = [str(here / folder / "m.c") for folder in "ab"]
    write(here / "kernel.py", f"from kgen import Kernel\nkernel = Kernel(sources={names})\n")
    found = set()
    for text in ("1", "2", "3"):
        for folder in "ab":
            path = here / folder / "m.c"
            path.write_text(path.read_text().replace(f"in_{folder} = 1", f"in_{folder} = {text}"))
            built()
            found.add(load_manifest(here / "kernel_out").build)
            path.write_text(path.read_text().replace(f"in_{folder} = {text}", f"in_{folder} = 1"))
    assert len(found) == 5  # the kernel with two ones was built twice


def test_flags_count(built: Build) -> None:
    first, second = (
        load_manifest(built(sets=(f"compiler.optimize={level}",)).image.parents[1]).build
        for level in "s2"
    )
    assert first != second


def test_the_id_is_a_hash_that_anybody_can_take(built: Build) -> None:
    image = built().image
    build_id = load_manifest(image.parents[1]).build
    elf = image.read_bytes()
    assert elf.count(build_id.encode()) == 1
    zeros = elf.replace(build_id.encode(), b"0" * 12)
    assert identified(zeros) == (elf, build_id)
    with pytest.raises(KgenError, match="no 12 zeros at kernel_build_id"):
        identified(elf)


# --- what make's rules say --------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("o: a.c b.h\n", ["a.c", "b.h"]),
        ("o: a.c \\\n  b.h \\\n c.h\n", ["a.c", "b.h", "c.h"]),
        (r"o: da\ ta$$\#.bin a\:b x|y", ["da ta$#.bin", "a:b", "x|y"]),
        ("other: a.c\n", []),
        ("o: a.c\n\nb.h:\n", ["a.c"]),
    ],
)
def test_rules_for_make_are_read(rule: str, names: list[str]) -> None:
    assert prerequisites(rule, "o") == names


def test_an_input_in_doubt_leaves_its_object_unrecorded(tmp_path: Path) -> None:
    write(tmp_path / "a.h", "1")
    write(tmp_path / "a.o", "1")
    inputs = Inputs(tmp_path)
    changed = (tmp_path / "a.h").stat().st_ctime_ns
    inputs.add("a.o", ["a.h"], since=changed - 1)
    assert inputs.objects == {}
    inputs.add("a.o", ["gone.h"], since=changed)
    assert inputs.objects == {}
    inputs.add("a.o", ["a.h"], since=changed)
    assert inputs.objects.keys() == {"a.o"}
    assert inputs.stale() == set()
    overwritten(tmp_path / "a.h", b"2")
    assert inputs.stale() == {"a.o"}


# --- names that are hard to say ---------------------------------------------------------


@pytest.mark.parametrize("name", ["a|b c", "d$e:f", "g#h'i", "j\\kä%l"])
def test_files_and_folders_may_have_odd_names(built: Build, here: Path, name: str) -> None:
    folder = here / name
    write(folder / f"{name}.h", "#define SEVEN 7\n")
    write(folder / f"{name}.c", f'#include "{name}.h"\n' + HELLO.replace("= 7", "= SEVEN"))
    write(folder / "k.py", f"from kgen import Kernel\nkernel = Kernel(sources=[{name + '.c'!r}])\n")
    out = folder / "out"
    image = built(description=folder / "k.py", out=out).image.read_bytes()
    assert not built(description=folder / "k.py", out=out).changed
    older(folder / f"{name}.h", b"#define SEVEN 8\n")
    assert built(description=folder / "k.py", out=out).image.read_bytes() != image


def test_a_line_break_in_a_folders_name_is_said(built: Build, here: Path) -> None:
    with pytest.raises(KgenError, match="line break in a path"):
        built(out=here / "a\nb")
    write(here / "kernel.py", "from kgen import Kernel\nkernel = Kernel(sources=['a\\nb.c'])\n")
    with pytest.raises(DescriptionError, match="it holds a control character"):
        built()


def test_one_file_under_two_names_is_said(built: Build, here: Path) -> None:
    write(here / "m.c", HELLO)
    (here / "again").symlink_to(here)
    for name in ("./m.c", f"{here}/m.c", "again/m.c"):
        with pytest.raises(DescriptionError, match=r"it is the same file as 'm\.c'"):
            built(sets=(f"sources=m.c,{name}",))


# --- whose files they are --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.json", '{"manifest_version": 3}\n'),
        ("compile_commands.json", '[{"output": "build/obj/a.o", "arguments": ["gcc"]}]\n'),
        ("build/build.ninja", "rule cc\n"),
        ("build/obj/mine.o", "mine"),
    ],
)
def test_what_kgen_did_not_write_stays(built: Build, here: Path, name: str, text: str) -> None:
    write(here / name, text)
    before = sorted(here.rglob("*"))
    with pytest.raises(KgenError, match="is in the way: kgen did not write it") as caught:
        built(out=Path())
    assert caught.value.exit_code == Exit.USAGE
    assert "-o DIR" in caught.value.hint
    assert (here / name).read_text() == text
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("lacks", ["stages", "image_sha256", "build", "schema"])
def test_a_manifest_of_another_version_gives_way(built: Build, here: Path, lacks: str) -> None:
    """As ``kgen boot`` says where a key is missing: run kgen build."""
    built()
    path = Path("kernel_out/manifest.json")
    manifest = json.loads(path.read_text())
    del manifest[lacks]
    path.write_text(json.dumps(manifest))
    with pytest.raises(BootError) as caught:
        load_manifest(path.parent)
    assert caught.value.hint == "run: kgen build"
    built(sets=("name=other",))
    assert load_manifest(path.parent).name == "other"


def test_a_file_that_came_later_stays_too(built: Build, here: Path) -> None:
    built(out=Path())
    write(here / "manifest.json", '{"name": "an app of mine"}')
    with pytest.raises(KgenError, match=r"manifest\.json is in the way"):
        built(out=Path())
    (here / "manifest.json").unlink()
    assert built(out=Path()).changed


def test_a_folder_without_its_records_is_still_known(built: Build, here: Path) -> None:
    image = built().image.read_bytes()
    shutil.rmtree(here / "kernel_out/build")
    assert built().image.read_bytes() == image


def test_an_edit_of_what_was_rendered_is_told_and_kept(
    built: Build, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    built()
    path = here / "kernel_out/src/mm/value.c"
    edit = path.read_text() + "int mine;\n"
    path.write_text(edit)
    assert [Path(name).name for name in staleness(load_manifest(Path("kernel_out"))).changed] == [
        "value.c"
    ]
    capfd.readouterr()
    built()
    said = capfd.readouterr().err
    assert "kgen: kernel_out/src/mm/value.c was edited; kgen writes it anew" in said
    assert "kept in kernel_out/src/mm/value.c.orig" in said
    assert path.with_name("value.c.orig").read_text() == edit


# --- what a boot says of it ------------------------------------------------------------


def test_a_kernel_is_stale_when_a_source_changed(built: Build, project: Path, small: Path) -> None:
    write(project / "numbers.py", "SIZE = 1\n")
    with (project / "kernel.py").open("a") as file:
        file.write("import numbers_of\n")
    (project / "numbers.py").rename(project / "numbers_of.py")
    built()
    assert not staleness(load_manifest(Path("kernel_out")))
    for path in (
        *(project / name for name in ("hello.c", "own.h", "blob", "more.inc", "util.S")),
        *(project / name for name in ("kernel.py", "numbers_of.py")),
        small / "mm/value.c",
    ):
        former = path.read_bytes()
        path.write_bytes(former + b"\n")
        stale = staleness(load_manifest(Path("kernel_out")))
        assert [Path(name).name for name in stale.changed] == [path.name]
        assert f"{path.name} changed since this kernel was built" in str(stale)
        path.unlink()
        assert staleness(load_manifest(Path("kernel_out"))).changed == stale.changed
        path.write_bytes(former)
        assert not staleness(load_manifest(Path("kernel_out")))


def test_a_kernel_is_stale_after_a_build_that_failed(built: Build, project: Path) -> None:
    built()
    source = (project / "hello.c").read_text()
    (project / "hello.c").write_text("int broken\n")
    with pytest.raises(KgenError):
        built()
    assert staleness(load_manifest(Path("kernel_out"))).unfinished
    (project / "hello.c").write_text(source)
    stale = staleness(load_manifest(Path("kernel_out")))
    assert str(stale) == "a build failed or is under way since this kernel was built"
    built()
    assert not staleness(load_manifest(Path("kernel_out")))


def test_a_project_may_move_and_a_kernel_may_be_taken_elsewhere(
    built: Build, project: Path, tmp_path: Path
) -> None:
    built()
    project.rename(tmp_path / "moved")
    os.chdir(tmp_path / "moved")
    assert staleness(load_manifest(Path("kernel_out"))).changed == ()
    for name in ("manifest.json", "build/kernel.elf"):
        write(tmp_path / "far/away" / name, "")
        shutil.copy(Path("kernel_out", name), tmp_path / "far/away" / name)
    assert not staleness(load_manifest(tmp_path / "far/away"))


def test_a_noop_runs_no_program(built: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    built()
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    monkeypatch.setattr(subprocess, "run", None)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert not built().changed
