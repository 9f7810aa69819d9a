"""Absurd values for every option of every verb: an exit of the contract, and never a traceback.

The options are those that click knows, so a new one is tried without a word here. Slow parts (a
compiler, QEMU, a measurement) are replaced; all code that looks at the values is not.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
import pytest
from tests.unit.bench_runs import RUN

from kgen.cli import app
from kgen.describe import Kernel
from kgen.errors import Exit
from kgen.load import paths
from kgen.pipeline import Built
from kgen_qemu.errors import BootError
from kgen_qemu.errors import Exit as BootExit

from .conftest import Ran

Kgen = Callable[..., Ran]

VALUES = (
    *("", " ", "-1", "0", "0.0", "nan", "inf", "-inf", "1e999", "1e308", "9" * 30, "9" * 5000),
    *(
        "0x",
        "0x_",
        "1__0",
        "٣",
        "-x",
        "--",
        "=",
        ",",
        ".",
        "..",
        "/",
        "~",
        "*",
        "'",
        '"',
        "\\",
        "%s",
    ),
    *("\n", "a\nb", "\0", "a\0b", "\x1b[2J", "\t", "Größe", "a\udcffb", "x" * 5000, "x/" * 300),
    *("[", "(" * 5000, "a{99999999999}", "[[a]", "(?P<a>", "true", "None", "{}"),
    *("gone/file", "file/below", "folder", "empty", "noise", "deep.json", "loop"),
)
"""Values that nobody means; the last are names in the folder where the verbs run."""

NEEDED = {"image": ["--format", "floppy"]}
"""Options without which a verb does nothing."""


def every_option() -> Iterator[tuple[str, str, click.Parameter]]:
    """Verb, option, and what click knows of it, where it takes a value.

    An argument is named by its metavar.
    """
    for verb, command in app.commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Argument):
                yield verb, str(parameter.metavar), parameter
            elif isinstance(parameter, click.Option) and not parameter.is_flag:
                yield verb, max(parameter.opts, key=len), parameter


OPTIONS = [(verb, option) for verb, option, _ in every_option()]
SINGLE = [
    (verb, option)
    for verb, option, parameter in every_option()
    if isinstance(parameter, click.Option) and not parameter.multiple
]


def command_line(verb: str, option: str, value: str) -> list[str]:
    """What is typed to give ``option`` that value."""
    line = [verb]
    needed = NEEDED.get(verb, [])
    line += [] if option in needed else needed
    if option.startswith("--"):
        line += [option, value]
        trace = ["trace"] if verb == "tune" else []
        return line + trace
    trace = ["trace"] if verb == "tune" and option != "TRACE" else []
    return [*line, "--", *trace, value]


@pytest.fixture
def place(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with something of everything, a "kernel" that is built, and nothing that is slow."""
    (here / "file").write_text("a file\n")
    (here / "empty").touch()
    (here / "folder").mkdir()
    (here / "noise").write_bytes(bytes(range(256)))
    (here / "deep.json").write_text("[" * 100_000)
    (here / "loop").symlink_to("loop")
    (here / "trace").write_text("64 10\n")
    built(here / "kernel_out")

    def not_started(*_: object, **__: object) -> NoReturn:
        raise BootError(BootExit.EMULATOR, "not started")

    def not_built(request: Any, _: object) -> Built:
        from kgen.load import load, prove

        prove(load(request.description, request.sets))
        return Built(here / "file", 7, True, 0.0)

    monkeypatch.setattr("kgen_qemu.boot", not_started, raising=False)
    monkeypatch.setattr("kgen.pipeline.build", not_built)
    monkeypatch.setattr("kgen.image.medium.make", lambda *_: b"a medium")
    monkeypatch.setattr("kgen.bench.command.measure", lambda *_: RUN)
    return here


def built(folder: Path) -> None:
    """An output folder as a build leaves it, with an image that nobody will start."""
    image = b"an image"
    (folder / "build").mkdir(parents=True)
    (folder / "build/kernel.elf").write_bytes(image)
    memory = {
        "kernel_base": 0xC0000000,
        "image_start": 0x100000,
        "image_end": 0x140000,
        "boot_mapped_end": 0xC0C00000,
        "direct_map_limit": 896 << 20,
        "arena_pages": 1,
        "arena_per_ram": 0,
        "map_entries": 64,
        "regions": 128,
        "modules": 16,
        "max_order": 10,
        "index": "lists",
        "node_size": 8,
        "zones": [{"name": "all", "first_page": 0, "end_page": 1 << 20}],
    }
    manifest = {
        "schema": 1,
        "name": "default",
        "image": "build/kernel.elf",
        "image_sha256": hashlib.sha256(image).hexdigest(),
        "image_size": len(image),
        "build": "0123456789ab",
        "stages": ["one"],
        "features": ["tests"],
        "ram": {"minimum": 2 << 20, "maximum": 4 << 30},
        "cpu": {"minimum": "386"},
        "memory": memory,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def wrong(ran: Ran) -> str:
    """What is wrong with the way in which a command ended; nothing if it is by the contract."""
    if ran.code not in set(Exit):
        return f"exit {ran.code} is not of the contract"
    for words in ("Traceback", "bug in kgen", "pydantic", "Errno", "codec", "site-packages"):
        if words in ran.err:
            return f"it says {words!r}"
    if ran.code and not (ran.err.startswith(("kgen: error: ", "kgen: regression: "))):
        return "no error is reported"
    if not ran.code and not ran.out:
        return "a success without a word"
    unseen = [char for char in ran.err if not char.isprintable() and char not in "\n\t"]
    return f"it prints {unseen[0]!r}" if unseen else ""


@pytest.mark.parametrize(("verb", "option"), OPTIONS)
def test_absurd_values(kgen: Kgen, place: Path, verb: str, option: str) -> None:
    found = {}
    for value in VALUES:
        ran = kgen(*command_line(verb, option, value))
        complaint = wrong(ran)
        if complaint:
            found[value[:40]] = f"{complaint}\n{ran.err[-600:]}"
    assert found == {}


def test_absurd_values_of_fields(kgen: Kgen, here: Path) -> None:
    found = {}
    for path in paths(Kernel()):
        for value in VALUES:
            ran = kgen("describe", "--set", f"{path}={value}")
            if complaint := wrong(ran):
                found[f"{path}={value[:40]}"] = f"{complaint}\n{ran.err[-600:]}"
    assert found == {}


@pytest.mark.parametrize(("verb", "option"), SINGLE)
def test_a_value_given_twice(kgen: Kgen, place: Path, verb: str, option: str) -> None:
    """The last must not win in silence: an option adds up, or is refused."""
    ran = kgen(verb, option, "1", option, "2")
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert f"{option} is given twice" in ran.err


def test_repeated_appends_add_up(kgen: Kgen, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def request(_: Path, **options: object) -> NoReturn:
        asked.append(options["append"])
        raise BootError(BootExit.USAGE, "seen")

    monkeypatch.setattr("kgen_qemu.boot_request", request, raising=False)
    kgen("boot", "--append", "one two", "--append", "three")
    kgen("boot")
    assert asked == ["one two three", ""]


FILES = [
    (verb, option)
    for verb, option, parameter in every_option()
    if isinstance(parameter.type, click.Path)
]


@pytest.mark.parametrize(("verb", "option"), FILES)
def test_an_empty_name_is_refused(kgen: Kgen, place: Path, verb: str, option: str) -> None:
    """``-o "$UNSET"`` would write into the current folder."""
    ran = kgen(*command_line(verb, option, ""))
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert "the name is empty" in ran.err


@pytest.mark.parametrize("name", ["loop", "x" * 300])
def test_an_output_folder_that_cannot_be(kgen: Kgen, here: Path, name: str) -> None:
    (here / "loop").symlink_to("loop")
    ran = kgen("build", "-o", name)
    assert (ran.code, wrong(ran)) == (Exit.USAGE, "")
    assert "Too many levels" in ran.err or "name too long" in ran.err


@pytest.mark.parametrize("mode", [0o000, 0o500], ids=["nothing", "read only"])
def test_denied_folders(kgen: Kgen, place: Path, mode: int) -> None:
    found = {}
    denied = place / "denied"
    denied.mkdir()
    (denied / "file").touch()
    denied.chmod(mode)
    with no_privileges():
        for verb, option in OPTIONS:
            for name in ("denied", "denied/file", "denied/new.svg"):
                ran = kgen(*command_line(verb, option, name))
                if complaint := wrong(ran):
                    found[f"{verb} {option} {name}"] = f"{complaint}\n{ran.err[-600:]}"
        with pytest.raises(PermissionError):
            (denied / "new").touch()
    denied.chmod(0o700)
    assert found == {}


@pytest.mark.parametrize("mode", [0o000, 0o500], ids=["nothing", "read only"])
def test_a_denied_output_folder_is_named_before_anything_is_built(
    kgen: Kgen, here: Path, mode: int
) -> None:
    denied = here / "denied"
    denied.mkdir(mode=mode)
    with no_privileges():
        runs = [kgen("build", "-o", name) for name in ("denied", "denied/below")]
    for ran in runs:
        assert (ran.code, wrong(ran)) == (Exit.BUILD, "")
        assert "denied" in ran.err
        assert "Permission denied" in ran.err


@contextmanager
def no_privileges() -> Iterator[None]:
    """Root obeys the modes of files, too, while the block runs (capset(2))."""
    if sys.platform != "linux":
        assert os.geteuid() != 0, "run the tests as a user"
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, twice
    assert libc.capget(header, before) == 0
    fewer = (ctypes.c_uint32 * 6)(*before)
    fewer[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, fewer) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
