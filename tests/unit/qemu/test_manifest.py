"""The manifest: what it says, and each way in which it cannot be used."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgen_qemu.errors import BootError, Exit
from kgen_qemu.manifest import build_command, load_manifest

Built = Callable[..., Path]


def refused(folder: Path) -> str:
    with pytest.raises(BootError) as caught:
        load_manifest(folder)
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.hint == f"run: kgen build -o {shlex.quote(str(folder))}"
    return caught.value.what


def test_what_it_says(built: Built) -> None:
    folder = built()
    manifest = load_manifest(folder)
    assert (manifest.name, manifest.build) == ("default", "0123456789ab")
    assert manifest.stages == ("one", "two")
    assert manifest.features == ("tests",)
    assert (manifest.ram_minimum, manifest.ram_maximum) == (2 << 20, 4 << 30)
    assert manifest.cpu_minimum == "386"
    assert manifest.image_path == folder / "build" / "kernel.elf"


def test_nothing_built(tmp_path: Path) -> None:
    assert "nothing is built" in refused(tmp_path)
    assert "nothing is built" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "\xff\xfe", "nul"])
def test_not_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode("latin-1"))
    assert "cannot be read" in refused(tmp_path)


@pytest.mark.parametrize("text", ["[]", "null", "{}"])
def test_not_a_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    assert "is malformed" in refused(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": 2}, "schema 2, this version reads 1"),
        ({"stages": "one two"}, "'stages' is 'one two', not of type list"),
        ({"stages": [1]}, "'stages' holds something that is not text"),
        ({"image_size": "8"}, "'image_size' is '8', not of type int"),
        ({"ram": {"minimum": 1}}, "'maximum' is missing"),
        ({"cpu": "386"}, "'cpu' is '386', not of type dict"),
    ],
)
def test_malformed(built: Built, changes: dict[str, Any], said: str) -> None:
    assert said in refused(built(**changes))


@pytest.mark.parametrize("key", ["name", "image", "build", "features", "ram", "cpu"])
def test_every_key_is_needed(built: Built, key: str) -> None:
    folder = built()
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    del data[key]
    path.write_text(json.dumps(data))
    assert f"is another version's, or damaged: '{key}' is missing" in refused(folder)


def test_image_gone(built: Built) -> None:
    folder = built()
    (folder / "build" / "kernel.elf").unlink()
    assert "No such file" in refused(folder)


@pytest.mark.parametrize("image", [b"an imagf", b"an image, longer", b""])
def test_image_changed(built: Built, image: bytes) -> None:
    folder = built()
    (folder / "build" / "kernel.elf").write_bytes(image)
    assert "is not the one that its manifest describes" in refused(folder)


def test_build_command() -> None:
    assert build_command(Path("kernel_out")) == "kgen build"
    assert build_command(Path("my out")) == "kgen build -o 'my out'"


def test_an_image_that_is_being_installed_is_waited_for(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build replaces the image first, its manifest right after."""
    folder = built(b"the former image")
    new = built(b"the new image", build="ba9876543210") / "manifest.json"
    text = new.read_text()
    built(b"the former image")
    (folder / "build/kernel.elf").write_bytes(b"the new image")
    monkeypatch.setattr("time.sleep", lambda _: new.write_text(text))
    manifest = load_manifest(folder)
    assert (manifest.build, manifest.image_data) == ("ba9876543210", b"the new image")
