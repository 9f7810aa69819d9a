"""A small kernel, a folder to work in, and kgen's command line in process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.descriptions import WITHOUT_USER_SPACE

from kgen.cli import run as run_command
from kgen.load import Loaded, load
from kgen.pipeline import Built, Request, build
from kgen.progress import Progress

SMALL = Path(__file__).parents[2] / "data" / "small"

HELLO = "#include <kernel.h>\n\nvoid kernel_main(void)\n{\n\tanswer = 7;\n}\n"

DESCRIPTION = 'from kgen import Kernel\nkernel = Kernel(name="mine", sources=["hello.c"])\n'


def unverified(_elf: Path, _derived: object) -> SimpleNamespace:
    """In place of verification: facts of a kernel without symbols."""
    return SimpleNamespace(address_of=lambda _: None)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an empty one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the small kernel's templates in place of kgen's own, and no verification."""
    folder = tmp_path / "templates"
    shutil.copytree(SMALL, folder)

    # It has no programs: every description of it says so, in this one place.
    def load_small(description: Path | None, sets: Sequence[str] = ()) -> Loaded:
        return load(description, (WITHOUT_USER_SPACE, *sets))

    monkeypatch.setattr("kgen.load.load", load_small)
    monkeypatch.setattr("kgen.pipeline.templates_dir", lambda: folder)
    monkeypatch.setattr("kgen.verify.verify", unverified)
    return folder


BUILD_SMALL = f"""
import sys
from pathlib import Path
from types import SimpleNamespace
import kgen.load, kgen.pipeline, kgen.verify
templates, load = Path(sys.argv[1]), kgen.load.load
kgen.pipeline.templates_dir = lambda: templates
kgen.load.load = lambda path, sets=(): load(path, ("{WITHOUT_USER_SPACE}", *sets))
kgen.verify.verify = lambda *_: SimpleNamespace(address_of=lambda _: None)
"""
"""Lets a process of its own build the small kernel, whose templates it is given, as ``small``."""

BUILD = f"""{BUILD_SMALL}
import kgen.cli
sys.argv = ["kgen", "build"]
kgen.cli.main()
"""
"""``kgen build`` of the small kernel whose templates are named, as a process of its own."""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def kgen(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run ``kgen`` with some arguments."""

    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        code = run_command(list(arguments))
        captured = capfd.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def built(here: Path, small: Path) -> Callable[..., Built]:
    """Build in process; keyword arguments go to the request."""

    def run(**options: object) -> Built:
        return build(Request(**options), Progress())  # type: ignore[arg-type]

    return run


def write(path: Path, text: str) -> Path:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
