"""Images without booting them: what is on them, what is refused, and that they repeat."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iced_x86 import Decoder
from tests.tools import i386, needs_grub

from kgen import cli
from kgen.build.folder import Folder
from kgen.build.toolchain import Toolchain
from kgen.errors import Exit, KgenError
from kgen.image import Cargo, File, floppy, iso, lent, make, write
from kgen.image.plan import SECTOR, Plan, checksum, make_plan, quoted
from kgen.units import MiB
from kgen_qemu.i386 import cpu, first_family
from kgen_qemu.machine import Machine

KERNEL = """
	.section .multiboot, "a"
	.long 0x1badb002, 0, -0x1badb002
	.text
	.skip 5000, 0x90
	.globl _start
_start:
	hlt
	.data
	.ascii "data of the kernel"
	.bss
	.skip 10000
"""
LOAD, ENTRY_OFFSET = 0x10_0000, 12 + 5000


def link(folder: Path, at: int) -> bytes:
    """A kernel with a virtual entry point, its segments loaded from the physical ``at`` on."""
    (folder / "kernel.S").write_text(KERNEL)
    script = f"""
    ENTRY(_start)
    SECTIONS {{
        . = 0xc0000000 + {at};
        .text : AT(ADDR(.text) - 0xc0000000) {{ *(.multiboot) *(.text) }}
        . = ALIGN(4096);
        .data : AT(ADDR(.data) - 0xc0000000) {{ *(.data) }}
        .bss : AT(ADDR(.bss) - 0xc0000000) {{ *(.bss) }}
        /DISCARD/ : {{ *(.note*) }}
    }}
    """
    (folder / "kernel.ld").write_text(script)
    flags = "-m32 -g -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096"
    command = [i386().compiler, *flags.split(), "-T", "kernel.ld", "kernel.S", "-o", "kernel.elf"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "kernel.elf").read_bytes()


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return link(tmp_path_factory.mktemp("kernel"), LOAD)


@pytest.fixture
def cargo(elf: bytes) -> Cargo:
    return Cargo("tiny", "0123456789ab", elf)


@pytest.fixture
def tools() -> Toolchain:
    return i386()


@pytest.fixture
def folder(tmp_path: Path, tools: Toolchain) -> Folder:
    """An output folder, as far as an image needs one."""
    made = Folder(tmp_path / "out")
    made.build.mkdir(parents=True)
    made.toolchain.write_text(json.dumps({"answer": asdict(tools)}))
    return made


# --- the plan ----------------------------------------------------------------------------


def test_segments_and_entry_are_physical(cargo: Cargo) -> None:
    text, data = cargo.segments
    assert (text.address, text.size, len(text.data)) == (LOAD, ENTRY_OFFSET + 1, text.size)
    assert (data.address, data.data) == (LOAD + 0x2000, b"data of the kernel")
    assert data.size >= len(data.data) + 10000
    assert cargo.entry == LOAD + ENTRY_OFFSET


def test_a_bare_elf_loads_the_same(cargo: Cargo) -> None:
    bare = replace(cargo, elf=cargo.bare_elf)
    assert (bare.segments, bare.entry) == (cargo.segments, cargo.entry)
    assert len(bare.elf) < len(cargo.elf)


def test_a_bare_elf_has_a_section_table_of_one_null_entry(cargo: Cargo) -> None:
    """GRUB 2.12 takes no ELF file without one."""
    (offset,) = struct.unpack_from("<I", cargo.bare_elf, 32)
    size, number, names = struct.unpack_from("<HHH", cargo.bare_elf, 46)
    assert offset % 4 == 0
    assert (size, number, names) == (40, 1, 0)
    assert cargo.bare_elf[offset:] == bytes(40)


def test_modules_follow_on_pages_of_their_own(cargo: Cargo) -> None:
    files = (File("a", b"x" * 4097), File("empty with words", b""), File("b", b"y"))
    plan = make_plan(replace(cargo, modules=files), "1")
    first = -(-cargo.segments[-1].end // 4096) * 4096
    places = [(module.start, module.end) for module in plan.modules]
    assert places == [
        (first, first + 4097),
        (first + 0x2000, first + 0x2000),
        (first + 0x2000, first + 0x2001),
    ]
    assert plan.upper_kib == -(-(places[-1][1] - MiB) // 1024)
    assert [extent.name for extent in plan.extents[-2:]] == ["empty", "b"]


def test_a_kernel_below_1_mib_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KgenError, match="0x00008000, where the loader runs") as caught:
        make_plan(Cargo("low", "", link(tmp_path, 0x8000)), "1")
    assert caught.value.exit_code == Exit.BUILD
    assert "layout.load_address" in caught.value.hint


@given(st.binary(max_size=40))
def test_the_sum_depends_on_every_byte_and_its_place(data: bytes) -> None:
    whole = checksum(data)
    assert 0 <= whole < 1 << 32
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 0x80]) + data[place + 1 :]
        assert checksum(changed) != whole
    if data[:1] != data[1:2]:
        swapped = data[1:2] + data[:1] + data[2:]
        assert len(data) < 2 or checksum(swapped) != whole


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_quoted_text_is_what_it_was(text: str) -> None:
    inside = quoted(text)[1:-1]
    assert re.fullmatch(r"(?:[^\"\\*]|\\[0-7]{3})*", inside)
    assert re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), inside) == text


# --- the floppy --------------------------------------------------------------------------


def test_a_floppy_holds_its_parts_in_order(cargo: Cargo, folder: Folder) -> None:
    loaded = replace(cargo, append="a=b", modules=(File("mod x", b"module"),))
    disk = make(loaded, "floppy", folder)
    assert len(disk) == 1_474_560
    assert disk[510:512] == b"\x55\xaa"
    places = [disk.index(extent.data) for extent in make_plan(loaded, "1").extents]
    assert places == sorted(places)
    assert all(place % SECTOR == 0 for place in places)
    assert disk.index(b"a=b\0") < places[0]
    assert disk.index(b"mod x\0") < places[0]


def test_a_floppy_repeats(cargo: Cargo, folder: Folder) -> None:
    assert make(cargo, "floppy", folder) == make(cargo, "floppy", folder)


def test_what_does_not_fit_is_named_with_its_size(cargo: Cargo, folder: Folder) -> None:
    large = replace(cargo, modules=(File("large", bytes(1_474_560)),))
    with pytest.raises(KgenError, match=r"do not fit .*large 1440 KiB") as caught:
        make(large, "floppy", folder)
    assert caught.value.exit_code == Exit.BUILD


def test_too_much_text_is_refused(cargo: Cargo, folder: Folder) -> None:
    make(replace(cargo, append="a" * 30_000), "floppy", folder)
    with pytest.raises(KgenError, match="the floppy's loader has for them"):
        make(replace(cargo, append="a" * 31_000), "floppy", folder)


def test_a_toolchain_that_went_away(cargo: Cargo, folder: Folder) -> None:
    gone = Toolchain("gcc", "0", "/nonexistent/gcc", "/nonexistent/ld", "")
    folder.toolchain.write_text(json.dumps({"answer": asdict(gone)}))
    with pytest.raises(KgenError, match="/nonexistent/gcc: No such file") as caught:
        make(cargo, "floppy", folder)
    assert "kgen build" in caught.value.hint
    folder.toolchain.write_text("{")
    with pytest.raises(KgenError, match=r"toolchain\.json is missing or damaged"):
        make(cargo, "floppy", folder)


# --- the loader's instructions -----------------------------------------------------------


def newer(code: bytes, bits: int) -> Iterator[str]:
    """Instructions that a 386 lacks, and invalid ones."""
    for instruction in Decoder(bits, code):
        family = first_family(instruction)
        if family != 3:
            yield f"{instruction} needs {cpu(family) if family else 'a meaning'}"


@pytest.fixture
def plan(cargo: Cargo) -> Plan:
    return make_plan(replace(cargo, append="x", modules=(File("m", b"m"),)), "1")


@pytest.mark.parametrize(
    ("start", "end", "bits"),
    [
        ("start", "boot_data", 16),
        ("stage2", "to_kernel", 16),
        ("to_kernel", "open_a20", 32),
        ("open_a20", "gdt", 16),
    ],
)
def test_the_loader_runs_on_a_386(
    plan: Plan, tools: Toolchain, start: str, end: str, bits: int
) -> None:
    loader = floppy.link_loader(plan, tools)
    first, last = (loader.labels[label] - floppy.START for label in (start, end))
    code = loader.code[first:last]
    assert len(code) >= 6
    assert list(newer(code, bits)) == []


@pytest.mark.parametrize("text", ["0fa2", "0f0138", "660fc8", "0f20e0", "0f40c1"])
def test_newer_instructions_would_be_seen(text: str) -> None:
    """CPUID, INVLPG, BSWAP, CR4, CMOV."""
    assert len(list(newer(bytes.fromhex("90" + text + "90"), 16))) == 1


# --- the disc ----------------------------------------------------------------------------


def test_a_disc_repeats_and_bears_no_date_of_today(cargo: Cargo, folder: Folder) -> None:
    needs_grub()
    loaded = replace(cargo, modules=(File("m", b"m" * 5000),))
    disc = make(loaded, "iso", folder)
    assert hashlib.sha256(disc).digest() == hashlib.sha256(make(loaded, "iso", folder)).digest()
    created, modified, *_ = struct.unpack_from("16s x 16s", disc, 16 * 2048 + 813)
    assert created == modified == b"1980010100000000"
    assert len(disc) < 2 * MiB
    assert disc[510:512] == b"\x55\xaa"


def test_grub_is_told_to_load_all_or_to_give_up(cargo: Cargo) -> None:
    text = iso.grub_config(replace(cargo, append="a=$b it's", modules=(File("m x;y", b""),)))
    lines = text.splitlines()
    assert "if multiboot /boot/kernel.elf 'a=$b' 'it'\\''s'; then" in lines
    assert "if module /boot/module1 'm' 'x;y'; then" in lines
    assert lines.count("fi") == 2
    assert lines.index("boot") < lines.index("fi") < lines.index("outb 0xf4 0x13")
    assert lines[-2:] == ["terminal_output console", "outb 0xf4 0x13"]
    for again in ("multiboot /boot/kernel.elf 'a=$b' 'it'\\''s'", "module /boot/module1 'm' 'x;y'"):
        place = lines.index(again)
        assert lines[place - 2 : place] == ["else", "speak"]


def test_missing_tools_are_named_with_their_packages(
    cargo: Cargo, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iso, "GRUB", tmp_path)
    for name in ("grub-mkrescue", "xorriso"):
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(KgenError, match=r"missing: grub-pc-bin\n") as caught:
        make(cargo, "iso", folder)
    assert caught.value.exit_code == Exit.BUILD
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KgenError, match=r"missing: grub-common xorriso grub-pc-bin\n") as caught:
        make(cargo, "iso", folder)
    assert "apt-get install grub-common xorriso grub-pc-bin" in caught.value.hint


# --- the machine that it boots ------------------------------------------------------------


def test_a_medium_takes_the_kernels_place() -> None:
    pc = Machine(Path("kernel.elf"), append="x", via="floppy", medium=Path("/some,where/a.img"))
    argv = pc.argv("qemu", 3)
    drive = "file=/some,,where/a.img,format=raw,readonly=on,if=floppy"
    assert argv[-4:] == ["-drive", drive, "-boot", "order=a"]
    assert not {"-kernel", "-append"} & set(argv)
    assert replace(pc, via="grub").argv("qemu", 3)[-1] == "order=d"
    assert "-kernel" in replace(pc, via="multiboot").argv("qemu", 3)


def test_no_medium_is_no_direct_boot() -> None:
    with pytest.raises(ValueError, match="via grub takes a medium"):
        Machine(Path("kernel.elf"), via="grub").argv("qemu", 3)


# --- files -------------------------------------------------------------------------------


def test_an_image_has_its_place_and_is_written_whole(cargo: Cargo, folder: Folder) -> None:
    path = write(cargo, "floppy", folder, None)
    assert path == folder.root / "image" / "tiny.img"
    before = path.read_bytes()
    with pytest.raises(KgenError):
        write(replace(cargo, modules=(File("large", bytes(2 * MiB)),)), "floppy", folder, None)
    assert path.read_bytes() == before
    assert [child.name for child in path.parent.iterdir()] == ["tiny.img"]


def test_a_folder_is_no_place(cargo: Cargo, folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(KgenError, match="is a folder"):
        write(cargo, "floppy", folder, tmp_path)


def test_boots_at_the_same_time_have_media_of_their_own(cargo: Cargo, folder: Folder) -> None:
    with lent(cargo, "floppy", folder) as first:
        other = replace(cargo, append="other")
        with lent(other, "floppy", folder) as second:
            assert (first.name, second.name) == ("floppy.img", "floppy-2.img")
            assert first.read_bytes() == make(cargo, "floppy", folder)
            assert second.read_bytes() == make(other, "floppy", folder)
    with lent(cargo, "floppy", folder) as again:
        assert again == first
    assert len(list(first.parent.iterdir())) == 2


# --- the command -------------------------------------------------------------------------


def built(folder: Folder, elf: bytes) -> None:
    """A manifest for the kernel, as kgen build leaves it."""
    folder.image.write_bytes(elf)
    manifest = {
        "schema": 1,
        "name": "tiny",
        "image": "build/kernel.elf",
        "image_sha256": hashlib.sha256(elf).hexdigest(),
        "image_size": len(elf),
        "build": "0123456789ab",
        "stages": [],
        "features": [],
        "ram": {"minimum": 2 * MiB, "maximum": 64 * MiB},
        "cpu": {"minimum": "386"},
    }
    folder.manifest.write_text(json.dumps(manifest))


def test_the_command_makes_an_image(
    folder: Folder, elf: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built(folder, elf)
    module, image = tmp_path / "my modules/module", tmp_path / "some.img"
    module.parent.mkdir()
    module.write_bytes(b"the module's bytes")
    arguments = ["-o", str(folder.root), "--format", "floppy", "--append", "a=b"]
    arguments += ["--module", f"{module} with words", "--to", str(image)]
    assert cli.run(["image", *arguments]) == 0
    assert capsys.readouterr().out == f"kgen: made {image}, 1,474,560 bytes\n"
    disk = image.read_bytes()
    assert all(part in disk for part in (b"a=b\0", b"module with words\0", b"the module's bytes"))


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (["--format", "floppy", "--module", "/nonexistent"], Exit.USAGE, "/nonexistent: no such"),
        (["--format", "floppy", "--append", "a\nb"], Exit.USAGE, "would break the line"),
        (["--format", "floppy", "--module", f"{__file__} caf\xe9"], Exit.USAGE, "printable ASCII"),
        (["--format", "cd"], Exit.USAGE, "'iso', 'floppy'"),
        ([], Exit.USAGE, "--format"),
        (["--format", "floppy", "--to", "."], Exit.USAGE, "is a folder"),
    ],
)
def test_the_command_refuses(
    folder: Folder,
    elf: bytes,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: Exit,
    what: str,
) -> None:
    built(folder, elf)
    assert cli.run(["image", "-o", str(folder.root), *arguments]) == code
    assert what in capsys.readouterr().err
    assert not (folder.root / "image").exists()


def test_the_command_before_a_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["image", "-o", str(tmp_path), "--format", "iso"]) == Exit.USAGE
    assert "kgen build" in capsys.readouterr().err
