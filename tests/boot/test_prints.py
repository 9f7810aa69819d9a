"""Text that tests print, in any form, is never mistaken for the kernel's report on them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.boot.conftest import Boot

pytestmark = pytest.mark.boot

KGEN = str(Path(sys.executable).with_name("kgen"))


@pytest.fixture(scope="module")
def chatty(user_kernel: Callable[..., Path]) -> Path:
    return user_kernel("chatty.c", sets=["console.vga=true"])


NAMES = ["newline", "long_line", "looks_like_a_report", "größe", "skipped", "cache_with_blanks"]


def test_a_pass_stays_a_pass(chatty: Path, boot: Boot) -> None:
    result = boot(
        chatty,
        expect=[
            "^Größe: \\+5 BEEF abc ff -1 %f all there$",
            "^value 3, and no newline$",
            "^0{4000}",
            "^not ok$",
            "^  ok 5 skipped # SKIP two\\?lines, ok 6 of them$",
        ],
    )
    assert result.verdict == "pass", result.reasons
    said = result.transcript
    mine = {test.name: test.outcome for test in said.tests if test.name.startswith("chatty.")}
    assert mine == {f"chatty.{name}": "skip" if name == "skipped" else "ok" for name in NAMES}
    assert said.problems == ()


def test_a_failure_stays_a_failure(chatty: Path, boot: Boot) -> None:
    result = boot(chatty, append="fail")
    assert result.verdict == "fail"
    assert result.reasons == ("test failed: chatty.newline",)


def test_machine_lines_can_be_read_whatever_is_put_into_them(chatty: Path, boot: Boot) -> None:
    result = boot(chatty)
    stats = result.transcript.stats
    assert stats["a_key_with__odd_____characters"] == 1
    assert stats["_"] == 2
    assert stats["0" * 95] == 3
    assert stats["slab.my_objects.mine"] == 40
    log = result.log.read_bytes().splitlines()
    (later,) = [line for line in log if line.startswith(b"# kgen:later")]
    assert later == (b'# kgen:later msg="? ? ???' + b"0" * 300)[:199] + b'"'


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_any_terminal_shows_it(chatty: Path, own: Callable[[Path], Path], encoding: str) -> None:
    """Characters that the terminal lacks are escaped."""
    done = subprocess.run(
        [KGEN, "boot", "-o", str(own(chatty))],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = {"utf-8": "Größe: ", "latin-1": "Größe: ", "ascii": "Gr\\xf6\\xdfe: "}[encoding]
    assert shown.encode(encoding) in done.stdout
