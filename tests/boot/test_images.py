"""Kernels that boot from a disc through GRUB, and from a floppy through kgen's own loader.

The floppy's loader meets BIOSes of all ages, and QEMU has one, a good one. ``odd_bios`` stands
before it with a flaw of choice: calls that are not known, a disk that fails, A20 closed.
"""

from __future__ import annotations

import json
import random
import re
import shlex
import struct
import subprocess
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.boot.conftest import Kernels
from tests.tools import binutil, i386, needs_grub

import kgen_qemu
from kgen import cli, image
from kgen.build.folder import Folder
from kgen.image.plan import checksum
from kgen_qemu.errors import Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

ODD_BIOS = Path(__file__).parent / "odd_bios" / "odd_bios.S"
SECTOR = 512
KiB, MiB = 1 << 10, 1 << 20
AVAILABLE = 1


@pytest.fixture(scope="module")
def summing(kernels: Kernels) -> Path:
    """The kernel that sums its modules, first thing and last thing."""
    return kernels.user("modules.c")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Modules of sizes that matter: none, one byte, a sector, a page and one, some tracks."""
    sizes = {"empty": 0, "one": 1, "sector": SECTOR, "page": 4097, "tracks": 100_001}
    paths = [tmp_path / name for name in sizes]
    for path, size in zip(paths, sizes.values(), strict=True):
        path.write_bytes(random.Random(path.name).randbytes(size))
    return paths


def boot(folder: Path, via: str, **options: Any) -> Result:
    """``kgen boot --via …`` without the command line's printing."""
    if via == "grub":
        needs_grub()
    request = kgen_qemu.boot_request(folder, via=via, **options)
    with cli.inserted(request) as complete:
        return kgen_qemu.boot(complete)


def boot_disk(folder: Path, disk: bytes, to: Path, binary: str | None = None) -> Result:
    """Boot from a floppy that a test has changed."""
    to.write_bytes(disk)
    # A second on a quiet machine; disks that take patience took half a minute on a busy one.
    request = kgen_qemu.boot_request(folder, via="floppy", timeout=100)
    machine = replace(request.machine, medium=to)
    return kgen_qemu.boot(replace(request, machine=machine, binary=binary or request.binary))


def floppy(folder: Path, *modules: Path, append: str = "") -> bytes:
    cargo = image.gather(
        kgen_qemu.load_manifest(folder), append, [(str(path), "") for path in modules]
    )
    return image.make(cargo, "floppy", Folder(folder.resolve()))


def assert_modules(result: Result, files: Sequence[Path]) -> None:
    """The kernel found just these files, whole at the start and at the end."""
    stats = result.transcript.stats
    assert stats["module.count"] == len(files)
    for number, path in enumerate(files):
        wanted = zlib.adler32(path.read_bytes())
        assert (stats[f"module.{number}.first"], stats[f"module.{number}.last"]) == (wanted,) * 2


def assert_pass(result: Result) -> None:
    assert result.verdict == "pass", (result.reasons, result.log.read_text())


def assert_refused(result: Result, why: str) -> None:
    """The loader gave up by itself, and its reason (a regular expression) is the verdict's."""
    assert (result.verdict, result.exit_code) == ("panic", Exit.PANIC), result.log.read_text()
    assert result.reasons[0].startswith("boot refused before the kernel ran: ")
    assert re.search(why, result.reasons[0])


# --- both kinds ------------------------------------------------------------------------


@pytest.mark.parametrize("via", ["grub", "floppy"])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_modules_and_command_line_arrive(
    summing: Path, files: list[Path], via: str, count: int
) -> None:
    chosen = files[-count:] if count else []
    modules = [f"{path} its arguments" for path in chosen]
    result = boot(summing, via, modules=modules, append="some=thing else", memory="16M")
    assert_pass(result)
    assert_modules(result, chosen)
    log = result.log.read_text(errors="replace")
    assert 'command line "some=thing else"' in log
    for path in chosen:
        assert f' msg="{path.name} its arguments"' in log


@pytest.mark.parametrize("via", ["grub", "floppy"])
@pytest.mark.parametrize("machine", ["pc", "q35", "isapc"])
def test_machines_with_little_memory(default: Path, via: str, machine: str) -> None:
    memory = "2M" if via == "floppy" else "3M"  # GRUB holds the kernel twice while it loads it
    assert_pass(boot(default, via, machine=machine, memory=memory, cpu="486", append="cpu=386"))


@pytest.mark.parametrize("via", ["grub", "floppy"])
def test_the_verdict_is_that_of_a_direct_boot(default: Path, via: str) -> None:
    # isapc, as it runs the same BIOS whoever loads the kernel; `pc` starts under qboot.
    direct = kgen_qemu.boot(kgen_qemu.boot_request(default, machine="isapc"))
    loaded = boot(default, via, machine="isapc")
    assert_pass(loaded)
    assert loaded.transcript.tests == direct.transcript.tests
    assert loaded.transcript.stages == direct.transcript.stages
    assert loaded.transcript.memory_map == direct.transcript.memory_map
    for key in ("mem.available", "mem.kernel"):
        assert loaded.transcript.stats[key] == direct.transcript.stats[key]


@pytest.mark.parametrize("via", ["grub", "floppy"])
def test_the_command(
    default: Path, via: str, capsys: pytest.CaptureFixture[str], files: list[Path]
) -> None:
    if via == "grub":
        needs_grub()
    arguments = ["boot", "-o", str(default), "--via", via, "--module", str(files[1]), "--json"]
    assert cli.run(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] == "pass"
    assert f"--via {via} " in answer["command"]
    assert Path(answer["log"]).stem.endswith(f"-{via}")


@pytest.mark.parametrize("via", ["grub", "floppy"])
def test_too_little_memory_is_named(default: Path, tmp_path: Path, via: str) -> None:
    """On a machine that has less than `kgen boot` would give it: the loader says so."""
    if via == "grub":
        needs_grub()
    large = tmp_path / "large"
    large.write_bytes(bytes(1100 * KiB))
    request = kgen_qemu.boot_request(default, via=via, modules=[large], memory="4M")
    request = replace(request, machine=replace(request.machine, memory=2 * MiB))
    with cli.inserted(request) as complete:
        assert_refused(kgen_qemu.boot(complete), "memory")


def test_grub_says_itself_why_it_refuses(default: Path, tmp_path: Path) -> None:
    needs_grub()
    cargo = image.gather(kgen_qemu.load_manifest(default), "", [])
    nameless = replace(cargo, elf=cargo.elf.replace(struct.pack("<I", 0x1BADB002), bytes(4)))
    disc = tmp_path / "nameless.iso"
    disc.write_bytes(image.make(nameless, "iso", Folder(default.resolve())))
    request = kgen_qemu.boot_request(default, via="grub", timeout=20)
    result = kgen_qemu.boot(replace(request, machine=replace(request.machine, medium=disc)))
    assert_refused(result, r"ran: error: .*no multiboot header found\.$")


# --- the floppy's loader and BIOSes of all ages ----------------------------------------


def odd(disk: bytes, tmp_path: Path, *flaws: str) -> bytes:
    """``disk`` for a BIOS with these flaws: the boot sector moves to the last sector."""
    elf, code = tmp_path / "odd.elf", tmp_path / "odd.bin"
    flags = ["-m32", "-march=i386", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"]
    flags += ["-Wl,-N", "-Wl,-Ttext=0", "-Wl,-e,start", *(f"-D{flaw}" for flaw in flaws)]
    subprocess.run([i386().compiler, *flags, str(ODD_BIOS), "-o", str(elf)], check=True)
    objcopy = [binutil("objcopy"), "-O", "binary", "-j", ".text"]
    subprocess.run([*objcopy, str(elf), str(code)], check=True)
    sector = code.read_bytes()
    assert len(sector) == SECTOR
    assert not any(disk[-SECTOR:])
    return sector + disk[SECTOR:-SECTOR] + disk[:SECTOR]


def usable(result: Result) -> list[tuple[int, int]]:
    return [(r.base, r.length) for r in result.transcript.memory_map if r.kind == AVAILABLE]


WHOLE = [(0, 0x9FC00), (MiB, 63 * MiB - 128 * KiB)]
SPLIT = [(0, 0x9FC00), (MiB, 15 * MiB), (16 * MiB, 48 * MiB - 128 * KiB)]
"""What a machine of 64 MiB reports as RAM; E801 counts below and above 16 MiB apart."""


@pytest.mark.parametrize(
    ("flaws", "ranges"),
    [
        ("", WHOLE),
        ("LONG_E820", WHOLE),
        ("NO_E820", SPLIT),
        ("LOSES_SMAP", SPLIT),
        ("NO_E820 E801_IN_AX", SPLIT),
        ("NO_E820 NO_E801", WHOLE),
    ],
)
def test_every_way_to_ask_for_memory(
    default: Path, tmp_path: Path, flaws: str, ranges: list[tuple[int, int]]
) -> None:
    result = boot_disk(
        default, odd(floppy(default), tmp_path, *flaws.split()), tmp_path / "odd.img"
    )
    assert_pass(result)
    assert usable(result) == ranges


KEYBOARD, PORT_92 = bytes.fromhex("b0df e660"), bytes.fromhex("0c02 24fe e692")
"""The loader's instructions that open A20: 0xdf to port 60h; bit 1 of port 92h."""


def without(disk: bytes, *ways: bytes) -> bytes:
    """The disk as if these ways to open A20 did nothing: the bit stays 0. Its sum is set right."""
    changed = bytearray(disk)
    for way in ways:
        assert disk.count(way) == 1
        changed[disk.index(way) + 1] &= 0xFD
    sectors = sum_at = 0
    for at in range(SECTOR - 100, SECTOR - 2, 2):  # the fields, known by what they hold
        count, total = struct.unpack_from("<HI", disk, at)
        if count and checksum(disk[SECTOR : SECTOR * (count + 1)]) == total:
            sectors, sum_at = count, at + 2
    assert sectors
    total = checksum(bytes(changed[SECTOR : SECTOR * (sectors + 1)]))
    struct.pack_into("<I", changed, sum_at, total)
    return bytes(changed)


@pytest.mark.parametrize(
    ("flaws", "broken"),
    [
        ("A20_CLOSED WANTS_2401", ()),
        ("A20_CLOSED NO_2401 NOT_BY_92", ()),
        ("A20_CLOSED NO_2401", (KEYBOARD,)),
    ],
    ids=["by the BIOS", "by the keyboard controller", "by port 92h"],
)
def test_every_way_to_open_a20(
    default: Path, tmp_path: Path, flaws: str, broken: tuple[bytes, ...]
) -> None:
    disk = odd(without(floppy(default), *broken), tmp_path, *flaws.split())
    assert_pass(boot_disk(default, disk, tmp_path / "odd.img"))


def test_no_way_to_open_a20(default: Path, tmp_path: Path) -> None:
    disk = without(floppy(default), KEYBOARD, PORT_92)
    result = boot_disk(default, odd(disk, tmp_path, "A20_CLOSED", "NO_2401"), tmp_path / "odd.img")
    assert_refused(result, "kgen: A20 cannot be opened")


def test_memory_need_not_be_clear(default: Path, tmp_path: Path) -> None:
    junk, qemu = tmp_path / "junk", tmp_path / "qemu"
    junk.write_bytes(b"\xa5" * MiB)
    loads = shlex.join(["-device", f"loader,addr=0x100000,force-raw=on,file={junk}"])
    qemu.write_text(f'#!/bin/sh\nexec qemu-system-i386 "$@" {loads}\n')
    qemu.chmod(0o755)
    result = boot_disk(default, floppy(default), tmp_path / "plain.img", binary=str(qemu))
    assert_pass(result)


@pytest.mark.parametrize("flaw", ["FLAKY", "SINGLE", "SHORT_TRACK"])
def test_disks_that_take_patience(
    summing: Path, tmp_path: Path, files: list[Path], flaw: str
) -> None:
    disk = odd(floppy(summing, *files), tmp_path, flaw)
    result = boot_disk(summing, disk, tmp_path / "odd.img")
    assert_pass(result)
    assert_modules(result, files)


def test_a_bad_sector_is_named(default: Path, tmp_path: Path) -> None:
    disk = odd(floppy(default), tmp_path, "BAD_TRACK=2")
    result = boot_disk(default, disk, tmp_path / "odd.img")
    assert_refused(result, "kgen: disk error 0x20 at sector 72")


@pytest.mark.parametrize(
    ("sector", "what"),
    [
        (1, "kgen: loader is damaged on disk"),
        (-1, "kgen: damaged on disk or in memory: tracks"),
        (30, "kgen: damaged on disk or in memory: kernel, segment 1"),
    ],
)
def test_a_damaged_sector_is_noticed(
    summing: Path, tmp_path: Path, files: list[Path], sector: int, what: str
) -> None:
    disk = bytearray(floppy(summing, *files))
    used = len(bytes(disk).rstrip(b"\0")) // SECTOR
    place = (sector if sector > 0 else used) * SECTOR
    disk[place] ^= 0x10
    assert_refused(boot_disk(summing, bytes(disk), tmp_path / "bad.img"), what)


def test_a_truncated_disk_is_named(summing: Path, tmp_path: Path, files: list[Path]) -> None:
    disk = floppy(summing, *files)
    result = boot_disk(summing, disk[: 100 * SECTOR], tmp_path / "short.img")
    # QEMU takes the file for a smaller disk, of another shape: sectors are missing or misplaced.
    assert_refused(result, "kgen: (disk error 0x|damaged on disk)")
