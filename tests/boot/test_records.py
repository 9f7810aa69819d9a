"""What a boot leaves in ``DIR/boot``: nothing of a former one is lost, and each says what it was.

And what stands in the way of it: folders, pipes, devices and full disks give an error with a name.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.boot.conftest import Emulator

import kgen
import kgen_qemu
from kgen.cli import run
from kgen_qemu.errors import BootError, Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

PASS = Path(__file__).parents[1] / "data" / "pass.log"
PLAY = f"cat {shlex.quote(str(PASS))}; exit 33"
NAME = "pc-qemu32-64M"

Capture = pytest.CaptureFixture[str]


def boot(folder: Path, **options: object) -> Result:
    return kgen_qemu.boot(kgen_qemu.boot_request(folder, **options))


def records(folder: Path) -> list[dict[str, object]]:
    """The records of all boots that are kept, the last one's at the end."""
    former = sorted(
        (folder / "boot" / "former").glob("*.json"), key=lambda one: one.stat().st_mtime
    )
    return [json.loads(path.read_text()) for path in (*former, folder / "boot" / f"{NAME}.json")]


def told(record: dict[str, object]) -> dict[str, object]:
    """The part of a record that says which boot it was."""
    part = record["run"]
    assert isinstance(part, dict)
    return part


# --- nothing is lost ----------------------------------------------------------------


def test_another_command_line_keeps_the_former_log(emulator: Emulator) -> None:
    folder = emulator('echo "$@"; ' + PLAY)
    for append in ("one", "two", "three"):
        log = boot(folder, append=append).log
        assert log == folder / "boot" / f"{NAME}.log"
        assert f"-append {append}" in log.read_text()
    assert [told(record)["append"] for record in records(folder)] == ["one", "two", "three"]
    for path in (folder / "boot" / "former").glob("*.json"):
        append = json.loads(path.read_text())["run"]["append"]
        assert f"-append {append}" in path.with_suffix(".log").read_text()


def test_another_kernel_keeps_the_former_log(emulator: Emulator) -> None:
    folder = emulator(PLAY)
    boot(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"build": "ba9876543210"}))
    boot(folder)
    kernels = [told(record)["kernel"] for record in records(folder)]
    assert [kernel["build"] for kernel in kernels if isinstance(kernel, dict)] == [
        "0123456789ab",
        "ba9876543210",
    ]


def test_a_boot_that_repeats_the_former_one_adds_nothing(emulator: Emulator) -> None:
    folder = emulator(PLAY)
    for _ in range(3):
        boot(folder)
        files = {path.name for path in (folder / "boot").rglob("*")}
        assert files == {f"{NAME}.log", f"{NAME}.json"}
    for append in ("a", "b", "a", "b", "a"):
        boot(folder, append=append)
    assert len(records(folder)) == 3  # without, a and b


def test_a_boot_that_says_something_else_is_kept(emulator: Emulator) -> None:
    """The same kernel and machine, and once it failed: that log is the one to have."""
    once = '[ -e "$PIDS.once" ] || { touch "$PIDS.once"; echo odd; exit 35; }'
    folder = emulator(f"{once}; {PLAY}")
    assert boot(folder).verdict != "pass"
    assert boot(folder).verdict == "pass"
    assert [record["exit_code"] for record in records(folder)] != [0, 0]
    (log,) = (folder / "boot" / "former").glob("*.log")
    assert log.read_text() == "odd\n"


def test_complaints_and_traces_are_kept_with_their_log(emulator: Emulator) -> None:
    folder = emulator(f"echo complaint >&2; {PLAY}")
    boot(folder)
    (folder / "boot" / f"{NAME}.asm").write_text("what ran")
    boot(folder, append="x")
    former = {path.suffix: path.read_text() for path in (folder / "boot" / "former").iterdir()}
    assert former[".asm"] == "what ran"
    assert former[".stderr"] == "complaint\n"
    assert former[".log"] == PASS.read_text()


def test_a_log_without_a_record_is_kept(emulator: Emulator) -> None:
    """As earlier versions left them."""
    folder = emulator(PLAY)
    (folder / "boot").mkdir()
    (folder / "boot" / f"{NAME}.log").write_text("of old\n")
    boot(folder)
    (log,) = (folder / "boot" / "former").iterdir()
    assert log.read_text() == "of old\n"


# --- each result says what it was -----------------------------------------------------


def test_what_a_result_says_of_its_boot(
    default: Path, own: Callable[[Path], Path], capsys: Capture
) -> None:
    """On the real QEMU, through the command: what is printed is what stands beside the log."""
    folder = own(default)
    (folder / "m").write_text("module")
    options = ["--append", "quiet a=b", "--module", f"{folder}/m arguments"]
    assert run(["boot", "-o", str(folder), "--json", *options]) == 0
    result = json.loads(capsys.readouterr().out)
    record = Path(result["log"]).with_suffix(".json")
    assert json.loads(record.read_text()) == result
    manifest = json.loads((folder / "manifest.json").read_text())
    boot_of = result["run"]
    assert boot_of["kernel"] == {
        "name": "default",
        "build": manifest["build"],
        "image_sha256": manifest["image_sha256"],
    }
    assert boot_of["kgen"] == kgen.__version__
    assert (boot_of["append"], boot_of["modules"]) == ("quiet a=b", ["m arguments"])
    version = subprocess.run(
        ["qemu-system-i386", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert boot_of["emulator"]["name"] == "QEMU"
    assert f"version {boot_of['emulator']['version']}\n" in version
    argv = boot_of["emulator"]["argv"]
    assert argv[argv.index("-append") + 1] == "quiet a=b"
    assert b"qemu" not in Path(result["log"]).read_bytes().lower()


# --- what stands in the way -----------------------------------------------------------

WAYS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a named pipe": os.mkfifo,
    "a symbolic link": lambda path: path.symlink_to("/dev/full"),
}


@pytest.mark.parametrize("suffix", [".log", ".json", ".stderr", ".asm", ".conf"])
@pytest.mark.parametrize("kind", WAYS)
def test_something_else_stands_there(emulator: Emulator, suffix: str, kind: str) -> None:
    folder = emulator(PLAY)
    (folder / "boot").mkdir()
    WAYS[kind](folder / "boot" / f"{NAME}{suffix}")
    with pytest.raises(BootError) as caught:
        boot(folder)
    assert caught.value.exit_code == Exit.USAGE
    assert f"boot/{NAME}{suffix} cannot be written: it is {kind}, not a file" in caught.value.what
    assert caught.value.hint == "move it away"


@pytest.mark.parametrize("name", ["boot", "boot/former"])
def test_a_file_in_a_folders_place(emulator: Emulator, name: str) -> None:
    folder = emulator(PLAY)
    if name != "boot":
        boot(folder)
    (folder / name).write_text("in the way")
    with pytest.raises(BootError) as caught:
        boot(folder, append="x")
    assert caught.value.exit_code == Exit.USAGE
    assert "cannot be written" in caught.value.what
    assert "a file is where a folder should be" in caught.value.hint


@pytest.mark.parametrize("name", ["manifest.json", "kernel.elf"])
def test_a_pipe_to_read_from(emulator: Emulator, name: str) -> None:
    folder = emulator(PLAY)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BootError, match="it is not a file") as caught:
        boot(folder)
    assert caught.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("kind", WAYS)
def test_a_medium_that_cannot_be_written(
    default: Path,
    own: Callable[[Path], Path],
    capsys: Capture,
    kind: str,
) -> None:
    folder = own(default)
    (folder / "boot").mkdir()
    WAYS[kind](folder / "boot" / "floppy.img")
    assert run(["boot", "-o", str(folder), "--via", "floppy", "--memory", "4M"]) == Exit.USAGE
    assert "floppy.img cannot be written: it is not a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limit", "times", "what"),
    [
        (0, 1, "the log of the former boot"),
        (1 << 10, 1, "the log of the former boot"),
        (4 << 10, 9, "the log"),
        (2 << 10, 1, "the result"),
    ],
    ids=["nothing", "former log", "log", "result"],
)
def test_a_disk_that_fills_up(emulator: Emulator, limit: int, times: int, what: str) -> None:
    """At whatever moment there is no room for more: an error with a name, and the former log."""
    boot(emulator(PLAY))
    folder = emulator(f"cat {shlex.join([str(PASS)] * times)}; exit 33")
    code = (
        "import resource, sys; from kgen.cli import run;"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        "sys.exit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "boot", "-o", str(folder), "--append", "x"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == Exit.USAGE, done.stderr
    assert re.match(rf"kgen: error: {what} \S+ cannot be written: File too large\n", done.stderr)
    assert "ulimit -f" in done.stderr
    kept = [path.read_bytes() for path in (folder / "boot").rglob(f"{NAME}*.log")]
    assert PASS.read_bytes() in kept
    assert not list((folder / "boot").rglob(".*"))
