"""Call sites of leaks and in messages, named from an ELF that is built here."""

import subprocess
from pathlib import Path

import pytest
from tests.tools import addresses, i386

from kgen_qemu.sites import leak_sites, message_sites
from kgen_qemu.transcript import Leak, Panic, Transcript

SOURCE = """\
int first(void)
{
	return 1;
}

int second(void)
{
	return first() + 2;
}

__asm__(".globl label\\nlabel:\\n\\tnop");

char bytes[64] = "data";
"""


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elf")
    (folder / "k.c").write_text(SOURCE)
    flags = "-m32 -g -ffreestanding -fno-pic -no-pie -nostdlib -Wl,-Ttext=0xc0100000 -Wl,-e,first"
    subprocess.run([i386().compiler, *flags.split(), "k.c", "-o", "k.elf"], cwd=folder, check=True)
    return folder / "k.elf"


def test_leaks_by_bytes_with_the_line_of_the_call(elf: Path) -> None:
    start = addresses(elf)
    # The return address is the first byte after first(): the call was first()'s last.
    said = Transcript(leaks=(Leak(1, 9, 10), Leak(start["second"], 1, 500)))
    worst, other = leak_sites(elf, said)
    assert (worst.frame.function, worst.frame.file, worst.frame.line) == ("first", "k.c", 4)
    assert (worst.count, worst.bytes) == (1, 500)
    assert (other.frame.address, other.frame.function) == (1, None)


def named(elf: Path, message: str) -> list[tuple[str, int, str | None]]:
    sites = message_sites(elf, Panic(message))
    return [(site.relation, site.frame.address, site.frame.function) for site in sites]


def test_a_messages_code_is_named(elf: Path) -> None:
    start = addresses(elf)
    second = start["second"]
    one = f"kfree(0xc3c00048): bad (61 bytes, from {second:#x})"
    assert named(elf, one) == [("from", second, "first")]
    exact = f"kfree({second:#x}): not an address of kmalloc's: {second:#x}"
    assert named(elf, exact) == [("", second, "second")]
    two = f"kfree(0xc3c00048): bad (allocated from {second:#x}, freed from {start['label']:#x})"
    assert named(elf, two) == [
        ("allocated from", second, "first"),
        ("freed from", start["label"], "second"),
    ]


def test_what_is_no_code_has_no_name(elf: Path) -> None:
    """A label of assembly has no size, and no data after the code belongs to it."""
    start = addresses(elf)
    assert named(elf, f"at {start['label']:#x}") == [("", start["label"], "label")]
    assert start["bytes"] > start["label"]
    assert named(elf, f"at {start['bytes']:#x}, 0xffffffff, 0x1, 61 bytes, 0xfeedfacecafe") == []


def test_without_panic_or_kernel(tmp_path: Path) -> None:
    assert message_sites(tmp_path / "none", None) == ()
    assert message_sites(tmp_path / "none", Panic("from 0xc0100000")) == ()
    said = Transcript(leaks=(Leak(7, 1, 2),))
    assert [site.frame.address for site in leak_sites(tmp_path / "none", said)] == [7]
