"""Modules that would be cut or do not fit are refused before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.qemu.test_maps import MEMORY

from kgen.cli import run
from kgen.describe import Memblock
from kgen_qemu.errors import BootError, Exit
from kgen_qemu.modules import FIELD, MOST, check_lines, told
from kgen_qemu.request import boot_request

KiB = 1 << 10
MiB = 1 << 20

Built = Callable[..., Path]


@pytest.fixture(autouse=True)
def qemu(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path_factory.mktemp("bin") / "qemu-system-i386"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(binary.parent), prepend=":")


def sparse(folder: Path, name: str, size: int) -> Path:
    path = folder / name
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_a_command_line_that_the_kernel_would_cut(built: Built, tmp_path: Path) -> None:
    """63 bytes and a NUL are kept: path, as seen from the output folder, and arguments."""
    folder = built(memory=MEMORY)
    disk = sparse(tmp_path, "disk", 1)
    fits = f"{disk} {'x' * 58}"
    assert boot_request(folder, modules=[fits]).machine.modules == (f"disk {'x' * 58}",)
    with pytest.raises(BootError, match=r"64 bytes, and 'default' keeps 63 of a module") as caught:
        boot_request(folder, modules=[fits + "x"])
    assert caught.value.exit_code == Exit.USAGE
    assert "shorten it by 1, or build with --set memblock.module_line=65" in caught.value.hint


def test_the_limit_is_the_kernels(built: Built, tmp_path: Path) -> None:
    folder = built(memory=MEMORY | {"module_line": 32})
    sparse(tmp_path, "disk", 1)
    boot_request(folder, modules=[f"{tmp_path / 'disk'} {'x' * 26}"])
    with pytest.raises(BootError, match="keeps 31 of"):
        boot_request(folder, modules=[f"{tmp_path / 'disk'} {'x' * 27}"])


def test_media_tell_the_name_without_its_folder(built: Built, tmp_path: Path) -> None:
    (tmp_path / ("long" * 20)).mkdir()
    disk = sparse(tmp_path / ("long" * 20), "disk", 1)
    folder = built(memory=MEMORY)
    with pytest.raises(BootError, match="89 bytes"):
        boot_request(folder, modules=[f"{disk} a b"])
    assert boot_request(folder, modules=[f"{disk} a b"], via="grub").machine.modules
    assert told("../a/b c d/e", "floppy") == "b c d/e"


def test_bytes_are_counted_not_letters(built: Built, tmp_path: Path) -> None:
    sparse(tmp_path, "disk", 1)
    with pytest.raises(BootError, match="67 bytes"):
        boot_request(built(memory=MEMORY), modules=[f"{tmp_path / 'disk'} {'ß' * 31}"])


def test_kgen_image_refuses_it_too(
    built: Built, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = built(memory=MEMORY)
    disk = sparse(tmp_path, "disk", 1)
    arguments = ["image", "--format", "floppy", "-o", str(folder)]
    assert run([*arguments, "--module", f"{disk} {'x' * 59}"]) == Exit.USAGE
    assert "64 bytes, and 'default' keeps 63 of a module" in capsys.readouterr().err
    assert run([*arguments, "--append", "x" * 300]) == Exit.USAGE
    assert "the kernel would cut a command line" in capsys.readouterr().err


def test_the_hint_names_a_value_that_is_admitted(built: Built, tmp_path: Path) -> None:
    disk = sparse(tmp_path, "disk", 1)
    for length, hint in ((138, f"{FIELD}={MOST}"), (139, "shorten it by 81")):
        with pytest.raises(BootError) as caught:
            boot_request(built(memory=MEMORY), modules=[f"{disk} {'x' * length}"])
        assert caught.value.hint.endswith(hint)
    section, name = FIELD.split(".")
    assert section == "memblock"
    assert Memblock(**{name: MOST}).faults == ()
    assert len(Memblock(**{name: MOST + 1}).faults) == 1


def test_nothing_is_known_of_an_older_kernel(built: Built, tmp_path: Path) -> None:
    disk = sparse(tmp_path, "disk", 65 * MiB)
    boot_request(built(), modules=[f"{disk} {'x' * 100}"])


# --- room ---------------------------------------------------------------------------------


def test_modules_larger_than_ram(built: Built, tmp_path: Path) -> None:
    """The image ends at 1152 KiB; each module starts on a page of its own."""
    folder = built(memory=MEMORY)
    small = sparse(tmp_path, "small", 1)
    fits = sparse(tmp_path, "fits", 64 * MiB - 1152 * KiB - 4 * KiB)
    boot_request(folder, modules=[small, fits])
    with pytest.raises(BootError) as caught:
        boot_request(folder, modules=[fits, small, small])
    assert caught.value.exit_code == Exit.USAGE
    assert "the kernel's image ends at 1152K" in caught.value.what
    assert "at 65536 KiB; this machine has 64M of RAM" in caught.value.what
    assert caught.value.hint == "use --memory 66M or more"
    boot_request(folder, modules=[fits, small, small], memory="66M")


def test_modules_larger_than_any_ram(built: Built, tmp_path: Path) -> None:
    folder = built(memory=MEMORY, ram={"minimum": 2 * MiB, "maximum": 64 << 30})
    huge = sparse(tmp_path, "huge", 4095 * MiB)
    with pytest.raises(BootError) as caught:
        boot_request(folder, modules=[huge], memory="8G")
    assert caught.value.hint == "load less"


def test_lines_without_a_limit_in_the_manifest(built: Built) -> None:
    from kgen_qemu.manifest import load_manifest

    check_lines(["x" * 1000], load_manifest(built()))
