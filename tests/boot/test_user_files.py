"""Files of programs: calls answer as Linux's do, an archive is a tree, output is but text."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from tests.boot.conftest import Boot, Kernels
from tests.boot.plain_programs import compiled, said
from tests.host.archives import DIRECTORY, FILE, LINK, Entry, archive

pytestmark = pytest.mark.boot

Program = Callable[[str], Path]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Builds a program of ``tests/programs`` that needs no library."""
    folder = tmp_path_factory.mktemp("programs")
    return lambda name: compiled(name, folder)


@pytest.fixture(scope="module")
def kernel(kernels: Kernels) -> Path:
    """A kernel with user space, without tests of its own."""
    return kernels.user(sets=["features.user_space=true", "features.tests=false"])


@pytest.mark.parametrize(("cpu", "memory"), [("386", "16M"), ("pentium", "2G")])
def test_file_calls_answer_as_linux_does(
    kernel: Path, boot: Boot, program: Program, tmp_path: Path, cpu: str, memory: str
) -> None:
    """Some 470 calls, right and wrong: each line is the same on both."""
    calls = program("file_calls")
    folder = tmp_path / "empty"
    folder.mkdir()
    native = subprocess.run([calls, folder], capture_output=True, text=True, check=True)
    result = boot(kernel, cpu=cpu, memory=memory, init=f"{calls} /tmp")
    assert result.verdict == "pass", result.reasons
    ours = [line for line in said(result.log) if line.lstrip()[:1].isdigit() or "mode" in line]
    assert ours == native.stdout.splitlines()


BLOCK = 256
"""Bytes that are summed once, however often they come."""


@cache
def block_sum(block: bytes) -> int:
    total = 0
    for byte in block:
        total = (total * 31 + byte) & 0xFFFFFFFF
    return total


def tree_sum(content: bytes) -> int:
    """What tree.c says of a file's content."""
    total = 0
    for at in range(0, len(content), BLOCK):
        block = content[at : at + BLOCK]
        total = (total * pow(31, len(block), 1 << 32) + block_sum(block)) & 0xFFFFFFFF
    return total - (1 << 32) if total >> 31 else total


def lines_of(result_log: Path) -> list[str]:
    return [line for line in said(result_log) if line.startswith("/")]


CONTENT = bytes(range(256)) * 40
ENTRIES = (
    Entry(b".", mode=DIRECTORY),
    Entry(b"etc", mode=DIRECTORY),
    Entry(b"etc/one", CONTENT[:5000]),
    Entry(b"etc/two", b"", inode=7, links=2),
    Entry(b"etc/too", CONTENT[:77], inode=7, links=2),
    Entry(b"etc/../../escape", b"x"),
    Entry(b"deep/er/file", CONTENT[:4096], mode=0o100755),
    Entry(b"link", b"etc/one", mode=LINK),
    Entry(b"link/below", b"not followed"),
    Entry(b"etc/one", CONTENT[1:100]),
    Entry(b"etc", b"no folder"),
    Entry(b"nowhere", b"", mode=LINK),
    Entry(b"n" * 256, b"too long"),
    Entry(b"pipe", mode=0o010644),
    Entry(b"tmp/ready", b"in tmp"),
)


def line(path: str, mode: int, content: bytes) -> str:
    return f"{path} {mode} {len(content)} {tree_sum(content)}"


def folder(path: str) -> str:
    return f"{path} {DIRECTORY} 0 "


UNPACKED = [
    folder("/etc"),
    line("/etc/two", FILE, CONTENT[:77]),
    line("/etc/too", FILE, CONTENT[:77]),
    line("/etc/one", FILE, CONTENT[1:100]),
    folder("/deep"),
    folder("/deep/er"),
    line("/deep/er/file", 0o100755, CONTENT[:4096]),
    f"/link {LINK} 7 etc/one",
]


def test_an_archive_is_a_tree(kernel: Path, boot: Boot, program: Program, tmp_path: Path) -> None:
    """With entries that an archive should not hold: the log names them, the rest is there."""
    packed = tmp_path / "files.cpio"
    packed.write_bytes(archive(ENTRIES))
    result = boot(kernel, memory="16M", init=f"{program('tree')} /", modules=[packed])
    assert result.verdict == "pass", result.reasons
    shown = lines_of(result.log)
    below = [text.replace("//", "/", 1) for text in shown]
    ours = [
        text for text in below if not text.startswith(("/dev", "/proc", "/tmp", "/tree", "/init"))
    ]
    assert ours == UNPACKED
    assert line("/tmp/ready", FILE, b"in tmp") in below
    log = result.log.read_text(errors="replace")
    for name in ("link/below", "etc left out: there is a folder", "nowhere", "n" * 100):
        assert name in log, f"{name} is not complained of"
    assert 'with ".."' in log


def test_a_cut_archive_is_a_tree_as_far_as_it_goes(
    kernel: Path, boot: Boot, program: Program, tmp_path: Path
) -> None:
    packed = tmp_path / "files.cpio"
    whole = archive([Entry(b"first", b"1"), Entry(b"second", CONTENT)])
    packed.write_bytes(whole[:-5000])
    result = boot(kernel, memory="16M", init=f"{program('tree')} /", modules=[packed])
    assert result.verdict == "pass", result.reasons
    assert line("//first", FILE, b"1") in lines_of(result.log)
    log = result.log.read_text(errors="replace")
    assert "files.cpio: the archive is cut short" in log
    assert "/second" not in log


def test_a_file_above_the_direct_map_is_read(
    kernels: Kernels, boot: Boot, program: Program, tmp_path: Path
) -> None:
    """It is longer than the direct map: its end is seen through a window only."""
    kernel = kernels.user(
        sets=[
            *("features.user_space=true", "features.tests=false"),
            "layout.direct_map_limit=24M",
        ]
    )
    large = tmp_path / "large"
    content = CONTENT * 3000 + b"the end"
    large.write_bytes(content)
    result = boot(kernel, memory="64M", init=f"{program('tree')} /", modules=[large])
    assert result.verdict == "pass", result.reasons
    assert line("//large", 0o100755, content) in lines_of(result.log)


def test_no_program_speaks_for_the_kernel(kernel: Path, boot: Boot, program: Program) -> None:
    """Its lines are text, whatever they say: the kernel's own end is the one that counts."""
    result = boot(kernel, memory="16M", init=str(program("forger")))
    assert result.verdict == "pass", result.reasons
    assert "forged" not in result.transcript.stats
    assert "forged" not in [stage.name for stage in result.transcript.stages]
    log = result.log.read_bytes()
    assert log.count(b"# kgen:end ") == 1
    assert log.count(b"\\:") >= 6


def test_what_is_typed_is_read_by_lines(kernel: Path, boot: Boot, program: Program) -> None:
    """With erasing, an end of file, and a single key."""
    result = boot(
        kernel,
        memory="16M",
        init=str(program("typed")),
        answers=[
            ("next line", "helo\x7f\x7fllo\r"),
            ("read 6", "two words\r"),
            ("read 10", "\x04"),
            ("press", "k"),
        ],
        expect=["read 6: hello\\$", "read 10: two words\\$", "read 0", "pressed 1 k"],
    )
    assert result.verdict == "pass", result.reasons
    assert said(result.log)[:2] == ["a terminal", "nothing yet: -11"]
