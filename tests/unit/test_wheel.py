"""What pip would install: packages, the command's module and templates, each in its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import kgen

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel, opened."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (path,) = folder.glob("*.whl")
    return ZipFile(path)


def test_everything_is_in_its_place(wheel: ZipFile) -> None:
    names = {Path(name) for name in wheel.namelist()}
    information = f"kgen_i386-{kgen.__version__}.dist-info"
    assert {name.parts[0] for name in names} == {
        *("kgen", "kgen_qemu", "kgen_command.py", information)
    }
    for source, place in (("generator/kgen", "kgen"), ("qemu/kgen_qemu", "kgen_qemu")):
        modules = {path.relative_to(ROOT / source) for path in (ROOT / source).rglob("*.py")}
        assert {Path(place) / module for module in modules} <= names
    templates = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert {
        Path("kgen/_templates") / path.relative_to(ROOT / "templates") for path in templates
    } <= names


def test_it_says_what_it_is(wheel: ZipFile) -> None:
    information = f"kgen_i386-{kgen.__version__}.dist-info"
    metadata = wheel.read(f"{information}/METADATA").decode().splitlines()
    assert {"Name: kgen-i386", f"Version: {kgen.__version__}"} <= {*metadata}
    script = wheel.read(f"{information}/entry_points.txt").decode()
    assert script == "[console_scripts]\nkgen = kgen_command:main\n"
