"""A machine as QEMU's arguments."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen_qemu.machine import Machine, find_qboot, parse_size, size_text

PLAIN = Machine(kernel=Path("build/kernel.elf"))


def value(argv: list[str], option: str) -> str:
    return argv[argv.index(option) + 1]


def test_the_whole_of_a_plain_machine() -> None:
    assert " ".join(PLAIN.argv("qemu", 7)) == (
        "qemu -nodefaults -no-user-config -display none -S -no-reboot -no-shutdown "
        "-machine pc -accel tcg -cpu qemu32 -m 65536K "
        "-chardev stdio,id=com1,signal=off -serial chardev:com1 "
        "-chardev socket,id=qmp,fd=7 -qmp chardev:qmp "
        "-device isa-debug-exit,iobase=0xf4,iosize=0x04 "
        "-kernel build/kernel.elf"
    )


def test_every_part_is_said() -> None:
    machine = replace(
        PLAIN, cpu="486", memory=4 << 30, machine="q35", accel="kvm", append="cpu=386 a,b"
    )
    argv = machine.argv("qemu", 7)
    assert value(argv, "-cpu") == "486,pse36=on"
    assert value(argv, "-m") == "4194304K"
    assert value(argv, "-machine") == "q35"
    assert value(argv, "-accel") == "kvm"
    assert value(argv, "-append") == "cpu=386 a,b"
    assert "-bios" not in argv
    assert value(replace(PLAIN, firmware=Path("q.rom")).argv("qemu", 7), "-bios") == "q.rom"
    assert "-device" not in replace(PLAIN, exit_device=False).argv("qemu", 7)


@pytest.mark.parametrize(
    ("board", "memory", "cpu", "model"),
    [
        ("pc", 3583 << 20, "386", "486"),
        ("pc", 3584 << 20, "386", "486,pse36=on"),
        ("pc", 4 << 30, "pentium", "pentium,pse36=on"),
        ("pc", 4 << 30, "pentium,-pse", "pentium,-pse,pse36=on"),
        ("pc", 4 << 30, "pentium,pse36=off", "pentium,pse36=off"),
        ("pc", 4 << 30, "pentium2", "pentium2"),
        ("pc", 4 << 30, "core2duo", "core2duo"),
        ("q35", 2815 << 20, "486", "486"),
        ("q35", 2816 << 20, "486", "486,pse36=on"),
        ("pc,max-ram-below-4g=1G", 2 << 30, "486", "486,pse36=on"),
    ],
)
def test_ram_above_4_gib_takes_more_than_32_address_lines(
    board: str, memory: int, cpu: str, model: str
) -> None:
    machine = replace(PLAIN, machine=board, memory=memory, cpu=cpu)
    assert value(machine.argv("qemu", 7), "-cpu") == model


def test_commas_in_modules_are_doubled() -> None:
    machine = replace(PLAIN, modules=("a,b c,d", "e"))
    assert value(machine.argv("qemu", 7), "-initrd") == "a,,b c,,d,e"


@pytest.mark.parametrize(
    ("text", "size"),
    [("64M", 64 << 20), ("1G", 1 << 30), ("2048K", 2 << 20), ("4096", 4096), ("1g", 1 << 30)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1M", "1.5G", "64 M", "64MB", "0x100", "1T", "²"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@given(st.integers(1, 1 << 40))
def test_sizes_are_written_as_they_are_read(size: int) -> None:
    assert parse_size(size_text(size)) == size


def test_qboot_is_looked_for_beside_the_binary(tmp_path: Path) -> None:
    rom = tmp_path / "share" / "qemu" / "qboot.rom"
    rom.parent.mkdir(parents=True)
    rom.touch()
    assert find_qboot(str(tmp_path / "bin" / "qemu-system-i386")) == rom
