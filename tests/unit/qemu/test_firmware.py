"""Which firmware, which board, and who plays a 386."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgen_qemu import cpus
from kgen_qemu.errors import BootError, Exit
from kgen_qemu.firmware import firmware
from kgen_qemu.machine import Machine


@pytest.fixture
def binary(tmp_path: Path) -> str:
    """A QEMU that ships qboot."""
    rom = tmp_path / "share" / "qemu" / "qboot.rom"
    rom.parent.mkdir(parents=True)
    rom.touch()
    return str(tmp_path / "bin" / "qemu-system-i386")


def test_auto_is_qboot_where_it_serves(binary: str) -> None:
    found = firmware("auto", machine="pc", via="multiboot", binary=binary)
    assert found is not None
    assert found.name == "qboot.rom"
    assert firmware("auto", machine="q35", via="multiboot", binary=binary) is None
    assert firmware("auto", machine="pc", via="floppy", binary=binary) is None


def test_what_is_asked_for_is_given(binary: str, tmp_path: Path) -> None:
    assert firmware("seabios", machine="pc", via="multiboot", binary=binary) is None
    found = firmware("qboot", machine="isapc", via="multiboot", binary=binary)
    assert found is not None
    own = tmp_path / "own.rom"
    own.touch()
    assert firmware(str(own), machine="pc", via="floppy", binary=binary) == own


def test_refusals(binary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BootError, match="no such file") as caught:
        firmware("seabois", machine="pc", via="multiboot", binary=binary)
    assert caught.value.exit_code == Exit.USAGE
    assert "did you mean 'seabios'?" in caught.value.hint
    with pytest.raises(BootError, match="reads no disks") as caught:
        firmware("qboot", machine="pc", via="grub", binary=binary)
    assert caught.value.exit_code == Exit.USAGE
    monkeypatch.setattr("kgen_qemu.firmware.find_qboot", lambda _: None)
    with pytest.raises(BootError, match="not among this QEMU's files") as caught:
        firmware("qboot", machine="pc", via="multiboot", binary=binary)
    assert caught.value.exit_code == Exit.EMULATOR
    assert firmware("auto", machine="pc", via="multiboot", binary=binary) is None


def test_a_386_is_played_by_a_486_and_told() -> None:
    argv = Machine(kernel=Path("k"), cpu="386").argv("qemu", 7)
    assert argv[argv.index("-cpu") + 1] == "486"
    assert cpus.told("386", "") == "cpu=386"
    assert cpus.told("386", "quiet cpu=pentium") == "quiet cpu=pentium cpu=386"  # the last one wins
    assert cpus.told("486", "quiet") == "quiet"


def test_properties_of_a_board_are_passed_on() -> None:
    machine = Machine(kernel=Path("k"), machine="pc,max-ram-below-4g=1G")
    argv = machine.argv("qemu", 7)
    assert argv[argv.index("-machine") + 1] == "pc,max-ram-below-4g=1G"
