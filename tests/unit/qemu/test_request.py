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
from kgen_qemu.words import FAILURES

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
        ({"timeout": 0}, "above 0", "2.5"),
        ({"timeout": -1}, "above 0", "2.5"),
        ({"timeout": math.nan}, "above 0", "2.5"),
        ({"timeout": math.inf}, "above 0", "2.5"),
        ({"expect": ["ok", "(unclosed"]}, "--expect '(unclosed'", "backslash"),
        ({"expect": ["(" * 5000]}, "is not a regular expression", "backslash"),
        ({"expect": ["a{99999999999}"]}, "is not a regular expression", "backslash"),
        ({"expect": [""]}, "--expect '': an empty expression", "leave it out"),
        ({"forbid": [""]}, "--forbid '': an empty expression", "leave it out"),
        ({"append": "a\nb"}, r"'a\nb': '\n' would break the line", "spaces between words"),
        ({"append": "a\0b"}, "would break the line", "spaces between words"),
        ({"forbid": ["gr\udcf6\udcdfe"]}, "is not text in this locale's encoding", "C.UTF-8"),
        ({"forbid": ["*"]}, "--forbid '*'", "backslash"),
        ({"memory": "lots"}, "not a size", "64M"),
        ({"memory": "1M"}, "needs at least 2M", "--memory 2M or more"),
        ({"memory": "64"}, "needs at least 2M", "64 is bytes; did you mean --memory 64M?"),
        ({"memory": "2048"}, "needs at least 2M", "did you mean --memory 2048M?"),
        ({"memory": "4096"}, "needs at least 2M", "did you mean --memory 4096M?"),
        ({"memory": "8192"}, "needs at least 2M", "did you mean --memory 8192K?"),
        ({"memory": "0"}, "needs at least 2M", "--memory 2M or more"),
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


def test_a_warning_about_an_expression_is_not_ours_to_print(
    built: Built, recwarn: pytest.WarningsRecorder
) -> None:
    boot_request(built(), expect=["[[a]"])
    assert not recwarn.list


def test_the_repeated_timeout_is_the_same_to_the_second(built: Built) -> None:
    assert "--timeout 3000001" in boot_request(built(), timeout=3000001.0).command
    assert "--timeout 0.1" in boot_request(built(), timeout=0.1).command


def test_words_that_the_kernel_heeds(built: Built) -> None:
    folder = built(features=["tests", "fail"])
    for append in ("", "x" * 238, "failure=1 stats", *(f"{name}=1" for name in FAILURES)):
        assert boot_request(folder, append=append).machine.append == append


def test_the_kernel_heeds_every_option_that_is_admitted() -> None:
    """Each is asked for in the kernel's sources, by the name that is rendered for it."""
    templates = Path(__file__).parents[3] / "templates"
    text = "".join((templates / name).read_text() for name in ("base/fail.c", "kernel/sweep.c"))
    asked = {name.lower() for name in re.findall(r"option\(OPTION_FAIL_(\w+)", text)}
    assert {f"fail.{name}" for name in asked} == {*FAILURES}


def test_a_module_with_a_space_in_its_path(built: Built, tmp_path: Path) -> None:
    (tmp_path / "my disk").touch()
    assert (
        "ends a module's path at a space" in refused(built(), modules=[tmp_path / "my disk"]).what
    )


def test_a_module_below_a_folder_with_a_space_in_its_name(built: Built, tmp_path: Path) -> None:
    """Its path ends where a file's name ends; the kernel gets a path that has no space."""
    disk = tmp_path / "my disks" / "disk"
    disk.parent.mkdir()
    disk.touch()
    for arguments in ("", " root=0", " a  b "):
        (module,) = boot_request(built(), modules=[f"{disk}{arguments}"]).machine.modules
        name = module.removesuffix(arguments)
        assert " " not in name
        assert (built() / name).resolve() == disk
    for absent in ("my disk", "my disks/none", "my disks"):
        assert "no such file" in refused(built(), modules=[f"{tmp_path}/{absent} x"]).what


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


PAGES = {"minimum": 2052 << 10, "maximum": 4108 << 10}
"""A kernel's bounds in pages of 4 KiB, between the steps of 8 KiB in which QEMU gives RAM."""


@pytest.mark.parametrize(
    ("memory", "size"), [(None, 4104 << 10), ("2056K", 2056 << 10), ("4104K", 4104 << 10)]
)
def test_memory_between_the_emulators_steps(built: Built, memory: str | None, size: int) -> None:
    """The booted machine has a size that QEMU supports, and the command names that size."""
    folder = built(ram=PAGES)
    request = boot_request(folder, memory=memory)
    assert request.machine.memory == size
    again = shlex.split(request.command)
    assert boot_request(folder, memory=again[again.index("--memory") + 1]) == request


@pytest.mark.parametrize(
    ("memory", "hint"),
    [("2052K", "2056K"), ("2M", "2056K or more"), ("4108K", "4104K"), ("8M", "4104K or less")],
)
def test_hints_are_sizes_that_are_accepted(built: Built, memory: str, hint: str) -> None:
    folder = built(ram=PAGES)
    assert refused(folder, memory=memory).hint == f"use --memory {hint}"
    assert boot_request(folder, memory=hint.split()[0]).machine.memory % 8192 == 0


def test_bounds_between_which_no_machine_is(built: Built) -> None:
    error = refused(built(ram={"minimum": 2052 << 10, "maximum": 2052 << 10}))
    assert error.exit_code == Exit.USAGE
    assert "steps of 8K" in error.what
    assert error.hint == "build it with --set ram.maximum=2056K"


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


@pytest.mark.parametrize(
    ("version", "memory", "refused"),
    [("11.1.2", "4G", True), ("11.0.0", "3584M", False), ("10.0.2", "4G", False)],
)
def test_isapc_ends_at_3584_mib_from_qemu_11_on(
    built: Built,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    memory: str,
    refused: bool,
) -> None:
    binary = tmp_path / "qemu-system-i386"
    binary.write_text(f"#!/bin/sh\necho QEMU emulator version {version}\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    if not refused:
        assert boot_request(built(), machine="isapc", memory=memory).machine.machine == "isapc"
        return
    with pytest.raises(BootError, match="this QEMU's isapc has 3584M at most") as caught:
        boot_request(built(), machine="isapc", memory=memory)
    assert caught.value.exit_code == Exit.USAGE
    assert "--machine pc" in caught.value.hint
    assert boot_request(built(), machine="pc", memory=memory)
