"""The command line: exit codes, help that teaches, errors that help, silence where it is due."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from tests.tools import terminal

import kgen as package
from kgen import footprint
from kgen.cli import app
from kgen.describe import Kernel
from kgen.errors import Exit
from kgen.load import paths
from kgen.progress import Progress, progress

from .conftest import BUILD, DESCRIPTION, HELLO, Ran, write

Kgen = Callable[..., Ran]


def test_the_version(kgen: Kgen) -> None:
    assert kgen("--version") == Ran(0, f"kgen {package.__version__} (kgen-i386)\n", "")


def test_no_verb_shows_the_help_and_is_a_usage_error(kgen: Kgen) -> None:
    ran = kgen()
    assert ran.code == Exit.USAGE
    assert ran.out == kgen("--help").out
    assert kgen("--help").code == 0


@pytest.mark.parametrize("verb", app.commands)
def test_each_verb_teaches_by_examples(kgen: Kgen, verb: str) -> None:
    assert re.search(rf"^  {verb} +\w.*\.$", kgen("-h").out, re.MULTILINE)
    text = kgen(verb, "-h").out
    assert len(re.findall(rf"^      kgen {verb}\b", text, re.MULTILINE)) >= 2
    for parameter in app.commands[verb].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert ("Repeatable" in parameter.help) == parameter.multiple, parameter.name


def test_the_contracts_options_are_all_there(kgen: Kgen) -> None:
    text = kgen("boot", "--help").out
    for option in (
        "-o, --output DIR",
        "--cpu NAME",
        "--memory SIZE",
        "--machine NAME",
        "--accel NAME",
        "--via NAME",
        "--append TEXT",
        "--module FILE",
        "--expect REGEX",
        "--forbid REGEX",
        "--timeout SECONDS",
        "--json",
    ):
        assert f"  {option} " in text
    text = kgen("build", "--help").out
    assert "[DESCRIPTION]" in text
    assert "--set KEY=VALUE" in text


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["buidl"], "Did you mean 'build'?"),
        (["build", "--tolchain", "gcc"], "Did you mean '--toolchain'?"),
        (["build", "a.py", "b.py"], "unexpected extra argument"),
        (["boot", "--timeout", "soon"], "'soon' is not a valid float"),
        (["build", "--set"], "--set"),
        (["build", "nowhere.py"], "nowhere.py: there is no such description"),
        (["build", "--set", "buddy.max_ordr=3"], "there is no field buddy.max_ordr"),
    ],
)
def test_usage_errors_are_two_lines_and_exit_2(
    kgen: Kgen, here: Path, arguments: list[str], what: str
) -> None:
    ran = kgen(*arguments)
    assert ran.code == Exit.USAGE
    assert ran.out == ""
    first, hint = ran.err.splitlines()
    assert first.startswith("kgen: error: ")
    assert what in first
    assert hint.startswith("    ")


def test_a_build_says_one_line(kgen: Kgen, here: Path, small: Path) -> None:
    ran = kgen("build")
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(
        r"kgen: built kernel_out/build/kernel\.elf, \d+ KiB, in \d+\.\d s\n", ran.out
    )
    again = kgen("build")
    assert again.code == 0
    assert again.out.startswith("kgen: nothing to redo: kernel_out/build/kernel.elf, ")


def test_a_description_and_an_output_folder(kgen: Kgen, here: Path, small: Path) -> None:
    write(here / "mine.py", DESCRIPTION)
    write(here / "hello.c", "static int idle;\n" + HELLO)
    ran = kgen("build", "mine.py", "-o", "out", "--set", "ram.minimum=4M")
    assert ran.code == 0
    assert "hello.c:1:12: warning" in ran.err
    manifest = json.loads((here / "out/manifest.json").read_text())
    assert (manifest["name"], manifest["ram"]["minimum"]) == ("mine", 4 << 20)


def test_problems_of_a_description_are_all_shown(kgen: Kgen, here: Path) -> None:
    ran = kgen("build", "--set", "buddy.max_order=40", "--set", "kmalloc.alignment=9")
    assert ran.code == Exit.USAGE
    assert "2 problems" in ran.err
    assert "buddy.max_order" in ran.err
    assert "kmalloc.alignment" in ran.err
    assert list(here.iterdir()) == []


def test_a_failed_build_is_exit_3(kgen: Kgen, here: Path, small: Path) -> None:
    write(here / "kernel.py", DESCRIPTION)
    write(here / "hello.c", "void kernel_main(void) { x; }\n")
    ran = kgen("build")
    assert ran.code == Exit.BUILD
    assert ran.err.startswith("kgen: error: the compiler refused 1 file\n")


def test_check_proves_and_draws(kgen: Kgen, here: Path) -> None:
    ran = kgen("check")
    assert ran.code == 0
    assert "the built-in default: sound" in ran.out
    assert "0xc0000000-0xf7ffffff  direct map" in ran.out
    most, least = (
        footprint.image_limit(Kernel()) // 1024,
        -(-footprint.image_floor(Kernel()) // 1024),
    )
    assert f"The image may take {most} KiB. It takes {least} KiB or more" in ran.out
    assert kgen("check", "--set", "layout.kernel_base=1").code == Exit.USAGE
    assert list(here.iterdir()) == []


def test_describe_lists_every_field(kgen: Kgen, here: Path) -> None:
    text = kgen("describe").out
    for path in paths(Kernel()):
        assert re.search(rf"^  {re.escape(path)} = .*  \w.*$", text, re.MULTILINE), path
    assert "layout.stack_size = 16 KiB" in text
    assert "buddy.zones[0]: name=dma, limit=16 MiB" in text
    changed = kgen("describe", "--set", "layout.stack_size=32K").out
    marked = [line for line in changed.splitlines() if line.startswith("*")]
    assert len(marked) == 1
    assert marked[0].startswith("* layout.stack_size = 32 KiB ")


# --- boot ---------------------------------------------------------------------------


def test_boot_before_build_says_what_to_run(kgen: Kgen, here: Path) -> None:
    ran = kgen("boot")
    assert ran.code == Exit.USAGE
    assert ran.err == "kgen: error: nothing is built in kernel_out\n    run: kgen build\n"


@dataclass(frozen=True)
class Checked:
    """A request as far as the command line looks at it."""

    machine: SimpleNamespace
    manifest: None = None
    kgen: str = ""


@pytest.mark.parametrize("as_json", [False, True])
def test_boot_passes_its_options_on_and_ends_with_the_verdict(
    kgen: Kgen, here: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    asked: dict[str, object] = {}
    result = SimpleNamespace(exit_code=5, to_json=lambda: {"verdict": "timeout"})
    checked = Checked(machine=SimpleNamespace(via="multiboot"))

    def request(out: Path, **options: object) -> object:
        asked.update(options, out=out)
        return checked

    def boot(request: object, on_line: Callable[[str], None] | None) -> object:
        assert request == replace(checked, kgen=package.__version__)
        assert (on_line is None) == as_json
        if on_line:
            on_line("a line")
        return result

    monkeypatch.setattr("kgen_qemu.boot_request", request, raising=False)
    monkeypatch.setattr("kgen_qemu.boot", boot, raising=False)
    monkeypatch.setattr(
        "kgen_qemu.print_report", lambda _, file=None: print("report", file=file), raising=False
    )
    options = "-o d --cpu 486 --memory 4M --machine q35 --accel kvm --via grub --append cpu=386"
    options += " --module a --module b --expect x --forbid y --timeout 2.5"
    options += " --audit exact --engine dosbox-x --firmware seabios --map m.json --icount"
    asked_init = "./hello world"
    words = [*options.split(), "--init", asked_init]
    ran = kgen("boot", *words, *(["--json"] if as_json else []))
    assert ran.code == Exit.TIMEOUT
    assert ran.out == ('{"verdict": "timeout"}\n' if as_json else "a line\nreport\n")
    assert asked == {
        "out": Path("d"),
        "cpu": "486",
        "memory": "4M",
        "machine": "q35",
        "accel": "kvm",
        "via": "grub",
        "append": "cpu=386",
        "init": asked_init,
        "icount": True,
        "modules": ("a", "b"),
        "expect": ("x",),
        "forbid": ("y",),
        "timeout": 2.5,
        "audit": "exact",
        "engine": "dosbox-x",
        "firmware": "seabios",
        "map": Path("m.json"),
    }


# --- faults of our own, pipes, terminals ----------------------------------------------


def test_a_bug_of_ours_is_called_so(kgen: Kgen, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("kgen.load.load", broken)
    ran = kgen("check")
    assert ran.code == Exit.BUILD
    assert "Traceback" in ran.err
    assert "this is a bug in kgen, not in your description: ZeroDivisionError: oops" in ran.err


def test_an_interrupt_is_exit_130(kgen: Kgen, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kgen.load.load", interrupted)
    ran = kgen("check")
    assert (ran.code, ran.err.strip()) == (Exit.INTERRUPTED, "kgen: interrupted")


def test_a_standard_output_that_is_full() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-c", "import kgen.cli; kgen.cli.main()", "describe"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (
        Exit.USAGE,
        "kgen: error: standard output cannot be written: No space left on device\n"
        "    free some space where it goes, or send it elsewhere\n",
    )


def test_a_reader_that_left_is_no_error(here: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", "import kgen.cli; kgen.cli.main()", "describe"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def on_terminal(small: Path, **environment: str) -> str:
    """What a build shows on a terminal (both streams)."""
    ours, theirs = terminal()
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(small)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment},
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:
        pass  # Linux says so when the last writer is gone.
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode()


def test_a_terminal_shows_the_step_under_way(here: Path, small: Path) -> None:
    shown = on_terminal(small)
    assert re.search(r"described.* → .*rendered.* → .*built", shown)
    assert "\x1b[32m" in shown
    assert shown.rstrip().endswith(" s")
    again = on_terminal(small)
    assert again.startswith("kgen: nothing to redo")
    assert "\x1b" not in again


def test_a_pipe_gets_no_progress_at_all(capfd: pytest.CaptureFixture[str]) -> None:
    assert type(progress()) is Progress


def test_no_color_is_honoured(here: Path, small: Path) -> None:
    shown = on_terminal(small, NO_COLOR="1")
    assert "described" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown)


def test_a_dumb_terminal_sees_no_animation(here: Path, small: Path) -> None:
    shown = on_terminal(small, TERM="dumb")
    assert "described" not in shown
    assert "kgen: built" in shown
