"""Process 1: how it is chosen, how it gets its arguments, and what its end is worth."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.boot.conftest import SOURCES
from tests.tools import needs_grub

import kgen_qemu
from kgen.cli import inserted, run
from kgen_qemu.protocol import arguments_of
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Own = Callable[[Path], Path]


@pytest.fixture
def kernel(user_kernel: Callable[..., Path], own: Own) -> Path:
    """A kernel with the program ``tell``, which does as its arguments ask."""
    program = SOURCES / "programs/tell.c"
    sets = ("features.user_space=true", "features.tests=false", f"programs={program}")
    return own(user_kernel(sets=sets))


@pytest.fixture
def other(kernel: Path, tmp_path: Path) -> Path:
    """The same program as a file, by another name."""
    path = tmp_path / "other"
    path.write_bytes((kernel / "build/programs/tell").read_bytes())
    return path


def boot(kernel: Path, **options: Any) -> Result:
    with inserted(kgen_qemu.boot_request(kernel, **options)) as request:
        return kgen_qemu.boot(request)


def said(result: Result) -> str:
    return result.log.read_text()


def test_the_first_program_is_process_1(kernel: Path) -> None:
    result = boot(kernel)
    assert result.verdict == "pass", result.reasons
    assert "\n[/tell]\n" in said(result)
    assert result.to_json()["exit"] == {"pid": 1, "status": 0}
    assert result.to_json()["stages"][-1] == {"index": 9, "name": "user"}


ARGUMENTS = r"""one 'two  words' "it's \"three\"" \' a\ b ''"""


@pytest.mark.parametrize("via", ["multiboot", "floppy", "grub"])
def test_arguments_arrive(kernel: Path, other: Path, via: str) -> None:
    if via == "grub":
        needs_grub()
    arguments = ARGUMENTS.removesuffix(" ''") if via == "grub" else ARGUMENTS  # GRUB drops those
    result = boot(kernel, init=f"{other} {arguments}", via=via, append="stats")
    assert result.verdict == "pass", result.reasons
    words = ["/other", *arguments_of(arguments)]
    assert " ".join(f"[{word}]" for word in words) in said(result)


def test_an_image_has_them_as_well(kernel: Path, other: Path, tmp_path: Path) -> None:
    path = tmp_path / "boot.img"
    words = ["image", "-o", str(kernel), "--format", "floppy", "--init", f"{other} 'a b'"]
    assert run([*words, "--to", str(path)]) == 0
    assert b"other 'a b'\0" in path.read_bytes()
    assert b"init=other\0" in path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        ("exit 0", 0, None),
        ("exit 3", 0x300, "process 1 exited with status 3"),
        ("exit 256", 0, None),
        ("kill 9", 9, "process 1 was killed by SIGKILL"),
        ("kill 15", 15, "process 1 was killed by SIGTERM"),
        ("fault 0xc0100000", 11, "process 1 was killed by SIGSEGV"),
        ("reboot", 0, None),
    ],
)
def test_its_end_is_the_verdict(
    kernel: Path, other: Path, arguments: str, status: int, reason: str | None
) -> None:
    result = boot(kernel, init=f"{other} {arguments}")
    ended = result.transcript.exit
    assert ended is not None
    assert (ended.pid, ended.status) == (1, status)
    assert result.verdict == ("fail" if reason else "pass"), result.reasons
    assert not reason or result.reasons[0] == reason
    if arguments.startswith("fault"):
        assert re.search(r"its last line: other\[1\]: .*0xc0100000.*SIGSEGV$", result.reasons[1])


def test_a_program_cannot_speak_for_the_kernel(kernel: Path, other: Path) -> None:
    result = boot(kernel, init=f"{other} forge")
    assert result.verdict == "pass", result.reasons
    assert "not ok 1 mine" in said(result)


@pytest.mark.parametrize(
    ("content", "status"),
    [(None, 127), (b"no program\n", 126), (b"\x7fELF\1\1\1" + bytes(60), 126)],
)
def test_what_cannot_be_process_1_is_told(
    kernel: Path, tmp_path: Path, content: bytes | None, status: int
) -> None:
    if content is None:
        result = boot(kernel, append="init=nothing")
    else:
        (tmp_path / "bad").write_bytes(content)
        result = boot(kernel, init=str(tmp_path / "bad"))
    assert result.verdict == "fail", result.reasons
    assert result.reasons[0] == f"process 1 exited with status {status}"
    assert "can't be process 1" in result.reasons[1]


def test_instructions_are_counted(kernel: Path, other: Path) -> None:
    """The same on every run, and few."""
    counts = set()
    for _ in range(2):
        result = boot(kernel, init=f"{other} count", icount=True, cpu="pentium2")
        assert result.verdict == "pass", result.reasons
        found = re.search(r"^a thousand calls: (\d+)$", said(result), re.MULTILINE)
        assert found
        counts.add(int(found[1]))
    assert len(counts) == 1
    assert max(counts) < 1000 * 150


def test_a_kernel_with_user_space_left_out_has_none_of_it(
    user_kernel: Callable[..., Path], own: Own
) -> None:
    folder = user_kernel(sets=("features.user_space=false",))
    assert not any((folder / "src").glob("user/*"))
    assert not (folder / "src/program").exists()
    result = boot(own(folder))
    assert result.verdict == "pass"
    assert result.to_json()["exit"] is None
    assert result.to_json()["stages"][-1]["name"] == "allocate"
