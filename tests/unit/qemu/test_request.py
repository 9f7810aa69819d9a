"""Every wrong option is refused before anything starts, with what to write instead."""

import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgen_qemu.errors import BootError, Exit
from kgen_qemu.request import Request, boot_request
from kgen_qemu.words import FAILURES, MOST

Built = Callable[..., Path]


@pytest.fixture(autouse=True)
def qemu(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A QEMU that can only list its CPUs."""
    folder = tmp_path_factory.mktemp("bin")
    binary = folder / "qemu-system-i386"
    binary.write_text("#!/bin/sh\necho Available CPUs:\necho 'x86 core2duo   (alias)'\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def refused(folder: Path, **options: Any) -> BootError:
    with pytest.raises(BootError) as caught:
        boot_request(folder, **options)
    return caught.value


def test_defaults(built: Built) -> None:
    request = boot_request(built())
    assert request.machine.cpu == "qemu32"
    assert request.machine.memory == 64 << 20
    assert (request.machine.machine, request.machine.accel) == ("pc", "tcg")
    assert request.timeout == 30
    assert request.machine.kernel == Path("build/kernel.elf")


@pytest.mark.parametrize(
    ("options", "what", "hint"),
    [
        ({"machine": "pcc"}, "--machine pcc", "did you mean 'pc'?"),
        ({"machine": "sun4m"}, "--machine sun4m", "known: pc, q35, isapc"),
        ({"accel": "hvf"}, "--accel hvf", "tcg, kvm"),
        ({"via": "lilo"}, "--via lilo", "known: multiboot, grub, floppy"),
        ({"via": "grbu"}, "--via grbu", "did you mean 'grub'?"),
        ({"timeout": 0}, "more than 0", "2.5"),
        ({"timeout": -1}, "more than 0", "2.5"),
        ({"timeout": math.nan}, "more than 0", "2.5"),
        ({"timeout": math.inf}, "more than 0", "2.5"),
        ({"expect": ["ok", "(unclosed"]}, "--expect '(unclosed'", "backslash"),
        ({"forbid": ["gr\udcf6\udcdfe"]}, "is not text in this locale's encoding", "C.UTF-8"),
        ({"forbid": ["*"]}, "--forbid '*'", "backslash"),
        ({"memory": "lots"}, "not a size", "64M"),
        ({"memory": "1M"}, "needs at least 2M", "--memory 2M or more"),
        ({"memory": "5G"}, "built for 4G at most", "--memory 4G or less"),
        ({"memory": "4100K"}, "steps of 8K", "--memory 4M"),
        ({"modules": ["/nonexistent/disk.img"]}, "no such file", ""),
        ({"cpu": "386,-x"}, "QEMU has no 386", "--cpu 386"),
        ({"cpu": "386", "accel": "kvm"}, "--audit on needs --accel tcg", "unseen"),
        ({"audit": "exakt"}, "--audit exakt", "did you mean 'exact'?"),
        ({"audit": "on"}, "'default' cannot be audited", "kgen build"),
        ({"machine": "pc,x"}, "'x' is not NAME=VALUE", "-machine pc,help"),
        ({"firmware": "/nonexistent.rom"}, "--firmware /nonexistent.rom: no such", "qboot"),
        ({"firmware": "qboot", "via": "floppy"}, "reads no disks", "seabios"),
        ({"cpu": "pentum"}, "no such CPU model", "did you mean 'pentium'?"),
        ({"append": "fail.nth=5"}, "'default' was built without failure", "--set debug.fail=true"),
        ({"append": "a=b fail.nht=5"}, "no option fail.nht", "did you mean 'fail.nth'?"),
        ({"append": "fail.nth 5"}, "--append fail.nth: there is no value", "fail.nth=VALUE"),
        ({"append": "x" * 239}, "a command line of 256 bytes, it keeps 255", "by 1"),
        ({"append": "x" * 238, "cpu": "386", "audit": "off"}, "of 263 bytes", "by 8"),
        ({"cpu": "z80"}, "no such CPU model", "known: 386, 486, pentium"),
    ],
)
def test_refusals(built: Built, options: dict[str, Any], what: str, hint: str) -> None:
    error = refused(built(), **options)
    assert error.exit_code == Exit.USAGE
    assert what in error.what
    assert hint in error.hint


def test_words_that_the_kernel_heeds(built: Built) -> None:
    folder = built(features=["tests", "fail"])
    for append in ("", "x" * 238, "failure=1 stats", *(f"{name}=1" for name in FAILURES)):
        assert boot_request(folder, append=append).machine.append == append


def test_the_kernel_says_the_same_of_its_command_line() -> None:
    """The words and the room for them stand in the kernel's sources as well."""
    templates = Path(__file__).parents[3] / "templates"
    text = "".join((templates / name).read_text() for name in ("mm/fail.c", "kernel/sweep.c"))
    assert {*re.findall(r'option\("(fail\.\w+)"', text)} == {*FAILURES}
    room = (templates / "include/kernel/boot_info.h").read_text()
    assert f"#define CMDLINE_MAX {MOST + 1} " in room


def test_a_module_with_a_space_in_its_path(built: Built, tmp_path: Path) -> None:
    (tmp_path / "my disk").touch()
    assert (
        "ends a module's path at a space" in refused(built(), modules=[tmp_path / "my disk"]).what
    )


def test_a_module_is_named_as_seen_from_the_output_folder(built: Built, tmp_path: Path) -> None:
    (tmp_path / "disk").touch()
    request = boot_request(built(), modules=[f"{tmp_path}/disk root=0"])
    assert request.machine.modules == ("disk root=0",)


@pytest.mark.parametrize("cpu", ["core2duo", "pentium,-pse"])
def test_other_cpus_that_qemu_has(built: Built, cpu: str) -> None:
    assert boot_request(built(), cpu=cpu).machine.cpu == cpu


@pytest.mark.parametrize(
    ("ram", "size"),
    [((2 << 20, 4 << 30), 64 << 20), ((96 << 20, 4 << 30), 96 << 20), ((1, 16 << 20), 16 << 20)],
)
def test_default_memory_is_what_the_kernel_admits(
    built: Built, ram: tuple[int, int], size: int
) -> None:
    folder = built(ram={"minimum": ram[0], "maximum": ram[1]})
    assert boot_request(folder).machine.memory == size


def test_no_qemu(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    error = refused(built())
    assert error.exit_code == Exit.EMULATOR
    assert "apt-get install qemu-system-x86" in error.hint


def test_the_command_repeats_the_request(built: Built, tmp_path: Path) -> None:
    """Parse the printed command back and ask again: the same Request comes out."""
    module = tmp_path / "disk"
    module.touch()
    options: dict[str, Any] = {
        "cpu": "486",
        "memory": "16M",
        "machine": "q35",
        "accel": "kvm",
        "append": "-v 'quoted' $HOME",
        "modules": [f"{module} a b"],
        "expect": ["--x y", "z"],
        "forbid": ["panic|oops"],
        "timeout": 2.5,
    }
    request = boot_request(built(), **options)
    assert parsed_back(request) == request


def test_the_command_leaves_out_what_need_not_be_said(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = built()
    folder.rename(folder.parent / "kernel_out")
    monkeypatch.chdir(folder.parent)
    request = boot_request()
    assert request.command == "kgen boot --cpu qemu32 --memory 64M --machine pc"
    (folder.parent / "kernel_out").rename(folder)


def parsed_back(request: Request) -> Request:
    words = shlex.split(request.command)
    assert words[:2] == ["kgen", "boot"]
    found: dict[str, list[str]] = {}
    rest = iter(words[2:])
    for option in rest:
        found.setdefault(option.lstrip("-"), []).append(next(rest))
    return boot_request(
        Path(found["o"][0]),
        cpu=found["cpu"][0],
        memory=found["memory"][0],
        machine=found["machine"][0],
        accel=found["accel"][0],
        append=found["append"][0],
        modules=found["module"],
        expect=found["expect"],
        forbid=found["forbid"],
        timeout=float(found["timeout"][0]),
    )
