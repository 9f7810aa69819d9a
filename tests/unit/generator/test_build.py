"""The whole way on a small kernel: what is made, what is redone, what a fault leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tools import i386

from kgen.build.folder import Folder
from kgen.errors import DescriptionError, Exit, KgenError
from kgen.pipeline import Built
from kgen.progress import Progress
from kgen_qemu import load_manifest

from .conftest import BUILD, BUILD_SMALL, DESCRIPTION, HELLO, unverified, write

Build = Callable[..., Built]


def state(folder: Path) -> dict[str, bytes]:
    """What counts of a former build: the kernel, its map, its manifest."""
    names = ("build/kernel.elf", "build/kernel.map", "manifest.json")
    return {name: (folder / name).read_bytes() for name in names}


def refused(built: Build, **options: object) -> KgenError:
    with pytest.raises(KgenError) as caught:
        built(**options)
    assert caught.value.exit_code == Exit.BUILD
    return caught.value


# --- what is made -----------------------------------------------------------------


def test_a_build_makes_what_a_boot_needs(built: Build, here: Path) -> None:
    result = built()
    assert result.changed
    image = here / "kernel_out/build/kernel.elf"
    assert (result.image, result.size) == (image, image.stat().st_size)
    manifest = load_manifest(Path("kernel_out"))
    assert manifest.image_sha256 == hashlib.sha256(image.read_bytes()).hexdigest()
    assert manifest.stages[0] == "boot-paging"
    assert manifest.features == ("tests",)
    assert manifest.ram_minimum == 2 << 20
    assert manifest.build.encode() in image.read_bytes()


def test_the_folder_holds_the_described_files_alone(built: Build, here: Path) -> None:
    built()
    out = here / "kernel_out"
    assert sorted(item.name for item in out.iterdir()) == [
        "build",
        "compile_commands.json",
        "manifest.json",
        "src",
    ]
    assert sorted(item.name for item in here.iterdir()) == ["kernel_out"]
    assert "//%" not in (out / "src/kernel/main.c").read_text()


def test_compile_commands_are_those_that_ran(built: Build, here: Path) -> None:
    write(here / "hello.c", HELLO)
    write(here / "kernel.py", DESCRIPTION)
    built()
    entries = json.loads((here / "kernel_out/compile_commands.json").read_text())
    files = [entry["file"] for entry in entries]
    assert files == [
        "src/boot/start.S",
        "src/kernel/build.c",
        "src/kernel/main.c",
        "src/mm/value.c",
        "src/test/test.c",
        str(here / "hello.c"),
    ]
    for entry in entries:
        again = here / "again.o"
        command = [*entry["arguments"][:-1], str(again)]
        subprocess.run(command, cwd=entry["directory"], check=True)
        assert again.read_bytes() == (here / "kernel_out" / entry["output"]).read_bytes()
    assert ["-Werror" in entry["arguments"] for entry in entries] == [True] * 5 + [False]


def test_two_folders_give_the_same_kernel(built: Build, tmp_path: Path) -> None:
    """Also with the user's sources, with spaces in names, and where one folder holds the other."""
    images = []
    for place, out in ((tmp_path / "one", "desc/kernel_out"), (tmp_path / "two $x", "deep er/out")):
        write(place / "desc/lib/hello.c", '#include "own.h"\n' + HELLO)
        write(place / "desc/own.h", "#define OWN 1\n")
        write(place / "far/util.S", "\t.text\nutil:\tret\n")
        text = "from kgen import Kernel\n"
        text += f"kernel = Kernel(sources=['lib/hello.c', {str(place / 'far/util.S')!r}])\n"
        path = write(place / "desc/k.py", text)
        images.append(built(description=path, out=place / out).image)
    assert images[0].read_bytes() == images[1].read_bytes()
    assert str(tmp_path).encode() not in images[0].read_bytes()
    assert b"user/lib/hello.c" in images[0].read_bytes()


def test_hosts_headers_are_out_of_reach(built: Build, here: Path) -> None:
    write(here / "hello.c", "#include <stdio.h>\n" + HELLO)
    write(here / "kernel.py", DESCRIPTION)
    what = refused(built).what
    assert "hello.c:1:10: fatal error: stdio.h: No such file" in what


# --- what is redone ---------------------------------------------------------------


class Steps(Progress):
    """Remembers the steps."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []

    def step(self, index: int, detail: str = "") -> None:
        self.seen.append((index, detail))


def test_nothing_is_redone_when_nothing_changed(built: Build, here: Path) -> None:
    built()
    before = {path: path.stat().st_mtime_ns for path in (here / "kernel_out").rglob("*")}
    assert not built().changed
    assert {path: path.stat().st_mtime_ns for path in (here / "kernel_out").rglob("*")} == before


def test_a_noop_imports_neither_models_nor_templates(here: Path, small: Path) -> None:
    noop = "import sys; from pathlib import Path; import kgen.pipeline\n"
    noop += "kgen.pipeline.templates_dir = lambda: Path(sys.argv[1])\n"
    script = (
        "from kgen.progress import Progress\n"
        "built = kgen.pipeline.build(kgen.pipeline.Request(), Progress())\n"
        "heavy = {'pydantic', 'jinja2', 'elftools', 'rich', 'iced_x86', 'ninja'}\n"
        "print(built.changed, sorted(heavy & sys.modules.keys()))\n"
    )
    for before, expected in ((BUILD_SMALL, "True"), (noop, "False []")):
        done = subprocess.run(
            [sys.executable, "-c", before + script, str(small)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith(expected)


@pytest.mark.parametrize(
    "change",
    ["template", "source", "header", "output", "image", "manifest", "description", "stamp", "set"],
)
def test_whatever_changes_is_noticed(built: Build, here: Path, small: Path, change: str) -> None:
    write(here / "hello.h", "#define SEVEN 7\n")
    write(here / "hello.c", '#include "hello.h"\n' + HELLO)
    write(here / "kernel.py", DESCRIPTION)
    built()
    assert not built().changed
    former = state(here / "kernel_out")
    options: dict[str, object] = {}
    if change == "template":
        write(small / "mm/value.c", "#include <kernel.h>\n\nint answer = 3;\n")
    elif change == "source":
        write(here / "hello.c", HELLO.replace("7", "8"))
    elif change == "header":
        write(here / "hello.h", "#define SEVEN 7\nint more;\n")
    elif change == "output":
        write(here / "kernel_out/src/mm/value.c", "int broken\n")
    elif change in ("image", "manifest"):
        name = {"image": "build/kernel.elf", "manifest": "manifest.json"}[change]
        (here / "kernel_out" / name).unlink()
    elif change == "description":
        write(here / "kernel.py", DESCRIPTION.replace("mine", "yours"))
    elif change == "stamp":
        write(here / "kernel_out/build/stamp.json", "{")
    else:
        options = {"sets": ("ram.minimum=4M",)}
    assert built(**options).changed
    assert (state(here / "kernel_out") == former) == (change in ("output", "image", "stamp")) or (
        change == "manifest"
    )
    assert not built(**options).changed


def test_a_source_that_comes_back_with_its_old_time_is_compiled(built: Build, here: Path) -> None:
    write(here / "kernel.py", DESCRIPTION)
    source = write(here / "hello.c", HELLO)
    former = built().image.read_bytes()
    kept = source.rename(here / "hello.c.orig")
    write(source, HELLO.replace("7", "8"))
    other = built().image.read_bytes()
    kept.rename(source)
    assert built().image.read_bytes() == former != other


def test_only_what_changed_is_compiled(built: Build, small: Path) -> None:
    built()
    write(small / "mm/value.c", "#include <kernel.h>\n\n\n\nint answer;\n")
    from kgen.pipeline import Request, build

    steps = Steps()
    build(Request(), steps)
    compiled = [detail.split("compile ")[1] for _, detail in steps.seen if "compile" in detail]
    assert compiled == ["mm/value.c"]
    assert [index for index, _ in steps.seen] == sorted(index for index, _ in steps.seen)
    assert {index for index, _ in steps.seen} == {0, 1, 2, 3}


def test_features_come_and_go(built: Build, here: Path) -> None:
    built()
    first = state(here / "kernel_out")
    built(sets=("features.tests=false",))
    assert not (here / "kernel_out/src/test").exists()
    assert json.loads((here / "kernel_out/manifest.json").read_text())["features"] == []
    built()
    assert state(here / "kernel_out") == first


# --- what a fault leaves behind ---------------------------------------------------


def test_a_bad_description_writes_nothing(built: Build, here: Path) -> None:
    with pytest.raises(DescriptionError):
        built(sets=("buddy.max_order=40",))
    assert not (here / "kernel_out").exists()
    built()
    former = {p: p.stat().st_mtime_ns for p in (here / "kernel_out").rglob("*")}
    with pytest.raises(DescriptionError):
        built(sets=("buddy.max_order=40",))
    assert {p: p.stat().st_mtime_ns for p in (here / "kernel_out").rglob("*")} == former


def test_a_fault_is_not_mistaken_for_the_default_that_stands_in(built: Build, here: Path) -> None:
    text = "from kgen import Buddy, Kernel\nkernel = Kernel(buddy=Buddy(max_order={}))\n"
    write(here / "kernel.py", text.format(10))
    built()
    write(here / "kernel.py", text.format(40))
    with pytest.raises(DescriptionError):
        built()


def test_a_missing_ninja_is_named(
    built: Build, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(here / "python"))
    monkeypatch.setattr("kgen.build.run.which", lambda name: None)
    error = refused(built)
    assert (error.what, error.hint) == ("ninja is missing", "install it: pip install ninja")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("void kernel_main(void) { x; }\n", "hello.c:1:26: error: 'x' undeclared"),
        ("void kernel_mian(void) { }\n", "hello.c does not define void kernel_main(void)"),
        ("void g(void);\nvoid kernel_main(void) { g(); }\n", "g  used at hello.c:2"),
        ("int answer = 1;\nvoid kernel_main(void) { }\n", "defined twice: answer"),
    ],
)
def test_a_users_file_that_fails_leaves_the_former_kernel(
    built: Build, here: Path, source: str, what: str
) -> None:
    write(here / "kernel.py", DESCRIPTION)
    write(here / "hello.c", HELLO)
    built()
    former = state(here / "kernel_out")
    write(here / "hello.c", source)
    for _ in range(2):
        assert what in refused(built).what
        assert state(here / "kernel_out") == former
        load_manifest(here / "kernel_out")
    write(here / "hello.c", HELLO)
    built()
    assert state(here / "kernel_out") == former


def test_a_template_that_does_not_compile_is_placed(built: Build, here: Path, small: Path) -> None:
    path = small / "kernel/main.c"
    path.write_text(path.read_text().replace("answer = table", "answr = table"))
    line = 1 + path.read_text().split("\n").index("\tanswr = table[1][1];")
    what = refused(built).what
    assert f"(templates/kernel/main.c:{line}): error: 'answr' undeclared" in what
    rendered = re.search(r"kernel_out/src/kernel/main\.c:(\d+):", what)
    assert rendered
    text = (here / "kernel_out/src/kernel/main.c").read_text().split("\n")
    assert text[int(rendered[1]) - 1] == "\tanswr = table[1][1];"


def test_warnings_about_a_users_file_are_shown_and_no_error(built: Build, here: Path) -> None:
    write(here / "kernel.py", DESCRIPTION)
    write(here / "hello.c", "static int idle;\n" + HELLO)
    assert "hello.c:1:12: warning: 'idle' defined but not used" in built().warnings


def test_an_image_too_large_names_the_setting(built: Build, here: Path) -> None:
    write(here / "kernel.py", DESCRIPTION)
    write(here / "hello.c", "char big[4 << 20];\n" + HELLO)
    error = refused(built)
    assert error.what.startswith("the image does not fit the smallest machine: raise ram.minimum")


def test_a_kernel_that_is_not_verified_is_not_installed(
    built: Build, here: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built()
    former = state(here / "kernel_out")
    seen: list[Path] = []

    def refuse(elf: Path, derived: object) -> None:
        seen.append(elf)
        raise KgenError("a rule fails", exit_code=Exit.BUILD)

    monkeypatch.setattr("kgen.verify.verify", refuse)
    write(small / "mm/value.c", "#include <kernel.h>\n\nint answer = 9;\n")
    for _ in range(2):
        assert refused(built).what == "a rule fails"
        assert state(here / "kernel_out") == former
    assert seen == [here / "kernel_out/build/unverified.elf"] * 2
    monkeypatch.setattr("kgen.verify.verify", unverified)
    assert built().changed
    assert state(here / "kernel_out") != former


@pytest.mark.parametrize("name", ["build/kernel.elf", "manifest.json", "src/mm/value.c"])
def test_a_full_disk_leaves_the_former_kernel(
    built: Build, here: Path, small: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    built()
    out = here / "kernel_out"
    former = state(out)
    write(small / "mm/value.c", "#include <kernel.h>\n\nint answer = 5;\n")
    real = Path.write_bytes

    def failing(self: Path, data: bytes) -> int:
        if self.name == f".{Path(name).name}.tmp":
            real(self, data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", failing)
    error = refused(built)
    assert error.what == f"cannot write {out / name}: No space left on device"
    assert "disk is full" in error.hint
    monkeypatch.undo()
    assert state(out) == former
    load_manifest(out)
    assert not list(out.rglob("*.tmp"))


def test_a_folder_that_cannot_be_made_is_named(built: Build, here: Path) -> None:
    write(here / "file", "")
    error = refused(built, out=Path("file/out"))
    assert "cannot write" in error.what
    assert "-o DIR" in error.hint


# --- two at once, and interruptions -------------------------------------------------


def start(small: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(small)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_builds_in_one_folder_take_turns(here: Path, small: Path) -> None:
    both = [start(small), start(small)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    load_manifest(here / "kernel_out")


def test_a_build_waits_for_the_lock(here: Path, small: Path) -> None:
    folder = Folder(here / "kernel_out")
    with folder.locked(lambda: None):
        waiting = start(small)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.6)
        assert not folder.src.exists()
    assert waiting.wait(30) == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_no_halves_and_no_orphans(
    here: Path, small: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    """A compiler that never ends is stopped with its kgen; the next build then succeeds."""
    programs = here.parent / "bin"
    programs.mkdir()
    pid = here / "pid"
    noted = shlex.quote(str(pid))
    notes = f"echo $$ >{noted}.new; mv {noted}.new {noted}"
    text = f'case "$*" in *src/mm*) {notes}; exec sleep 60;; esac\n'
    path = write(programs / "i686-elf-gcc", f'#!/bin/sh\n{text}exec {i386().compiler} "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    process = start(small)
    deadline = time.monotonic() + 30
    while not pid.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(sent)
    _, err = process.communicate(timeout=20)
    assert process.returncode == Exit.INTERRUPTED
    assert err.strip() == "kgen: interrupted"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    out = here / "kernel_out"
    assert not (out / "build/kernel.elf").exists()
    assert not (out / "manifest.json").exists()
    path.unlink()
    after = start(small)
    assert after.wait(60) == 0
    load_manifest(out)
