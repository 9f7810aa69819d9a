"""Folders and files whose names are no UTF-8: Linux has them, and so may whoever uses kgen."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import DESCRIPTION, HELLO, Ran, write

Kgen = Callable[..., Ran]

ODD = os.fsdecode(b"d\xff \xe4")

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="its file system has UTF-8 alone")


def test_a_description_a_source_and_an_output_folder(
    kgen: Kgen, here: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = ODD.replace(" ", "")
    write(here / odd / "kernel.py", DESCRIPTION.replace('"hello.c"', ascii(f"hello{odd}.c")))
    write(here / odd / f"hello{odd}.c", HELLO)
    monkeypatch.chdir(here / odd)
    for arguments in (["build"], ["build", "-o", f"out{odd}"], ["build", "-o", f"out{odd}"]):
        ran = kgen(*arguments, "--json")
        assert ran.code == 0, ran.err
    built = json.loads(ran.out)
    assert Path(built["image"]).is_file()
    assert not built["changed"]


def test_errors_name_it(kgen: Kgen, here: Path, small: Path) -> None:
    write(here / ODD / "kernel.py", DESCRIPTION)
    write(here / ODD / "hello.c", "void kernel_main(void) { x; }\n")
    ran = kgen("build", f"{ODD}/kernel.py", "--json")
    assert f"{ODD}/hello.c:1:26" in json.loads(ran.out)["error"]["what"]
