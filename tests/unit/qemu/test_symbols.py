"""Addresses to names, on an ELF built here, a stripped one, and files that are not ELF."""

import subprocess
from pathlib import Path

import pytest
from tests.tools import addresses, binutil, i386

from kgen_qemu.symbols import Frame, symbolise

SOURCE = """\
int inner(int x)
{
	asm volatile("nop");
	return x + 1;
}

int outer(int x)
{
	return inner(x) + 2;
}
"""


@pytest.fixture(scope="module", params=["-gdwarf-4", "-gdwarf-5"])
def elf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elf")
    (folder / "mm").mkdir()
    (folder / "mm" / "two.c").write_text(SOURCE)
    flags = "-m32 -O0 -ffreestanding -fno-pic -no-pie -nostdlib -Wl,-Ttext=0xc0100000 -Wl,-e,outer"
    command = [i386().compiler, *flags.split(), request.param, "mm/two.c", "-o", "k.elf"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "k.elf"


def test_function_file_and_line(elf: Path) -> None:
    start = addresses(elf)
    (frame,) = symbolise(elf, [start["outer"]])
    assert frame == Frame(start["outer"], "outer", 0, "mm/two.c", 8)
    assert str(frame) == f"{start['outer']:#010x} outer+0x0 at mm/two.c:8"


def test_a_return_address_is_of_the_call_before_it(elf: Path) -> None:
    """The first byte of outer, taken as a return address, is right after inner's last."""
    start = addresses(elf)
    exact, returning = symbolise(elf, [start["outer"], start["outer"]])
    assert exact.function == "outer"
    assert returning.function == "inner"
    assert returning.line == 5
    assert returning.offset == start["outer"] - start["inner"]


def test_functions_laid_out_in_another_order_than_written(tmp_path: Path) -> None:
    """Each function is a sequence of its own in the line table; its end is not another's start."""
    (tmp_path / "k.c").write_text(
        "int a(void){return 1;}\nint z(void){return 2;}\nint m(void){return 3;}\n"
    )
    flags = "-m32 -g -ffreestanding -fno-pic -no-pie -nostdlib -ffunction-sections"
    layout = "-Wl,-Ttext=0xc0100000 -Wl,-e,a -Wl,--sort-section=name"
    command = [i386().compiler, *flags.split(), *layout.split(), "k.c", "-o", "k.elf"]
    subprocess.run(command, cwd=tmp_path, check=True)
    start = addresses(tmp_path / "k.elf")
    assert start["a"] < start["m"] < start["z"]
    (frame,) = symbolise(tmp_path / "k.elf", [start["m"]])
    assert (frame.function, frame.line) == ("m", 3)


def test_a_call_of_panic_gives_return_addresses_only(elf: Path) -> None:
    behind = addresses(elf)["outer"]
    (frame,) = symbolise(elf, [behind], first_exact=False)
    assert frame.function == "inner"


def test_unknown_addresses_stay_bare(elf: Path) -> None:
    assert symbolise(elf, [0, 0xFFFFFFFF]) == (Frame(0), Frame(0xFFFFFFFF))


def test_a_stripped_elf(elf: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.elf"
    subprocess.run([binutil("strip"), str(elf), "-o", str(bare)], check=True)
    assert symbolise(bare, [0xC0100000]) == (Frame(0xC0100000),)


def test_symbols_without_lines(elf: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.elf"
    subprocess.run([binutil("strip"), "-g", str(elf), "-o", str(bare)], check=True)
    start = addresses(elf)["inner"]
    assert symbolise(bare, [start]) == (Frame(start, "inner"),)


@pytest.mark.parametrize("size", [0, 4, 52, 300, 5000])
def test_a_cut_elf_never_raises(elf: Path, tmp_path: Path, size: int) -> None:
    cut = tmp_path / "cut.elf"
    cut.write_bytes(elf.read_bytes()[:size])
    assert symbolise(cut, [0xC0100000]) == (Frame(0xC0100000),)


def test_no_file_and_no_addresses(tmp_path: Path) -> None:
    assert symbolise(tmp_path / "none", [1]) == (Frame(1),)
    assert symbolise(tmp_path / "none", []) == ()
