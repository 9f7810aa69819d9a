"""The environment of a build: what compilers need to run, and what must not reach them."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tools import i386

from kgen.errors import Exit, KgenError
from kgen.pipeline import Built

from .conftest import write

Build = Callable[..., Built]

CROSS = """#!/bin/sh
case "$LD_LIBRARY_PATH" in
*/cross/lib) exec {gcc} "$@" ;;
esac
echo "cc1: error while loading shared libraries: libmpc.so.3" >&2
exit 1
"""


@pytest.fixture
def cross(tmp_path: Path) -> Path:
    """A compiler that does not start without its own libraries."""
    path = write(tmp_path / "cross/bin/i686-elf-gcc", CROSS.replace("{gcc}", i386().compiler))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_compiler_with_libraries_of_its_own_builds(
    built: Build, cross: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cross/lib")
    assert built(toolchain=str(cross)).changed


def test_without_them_it_is_refused_before_anything_is_built(
    built: Build, cross: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it was accepted a moment ago."""
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cross/lib")
    built(toolchain=str(cross))
    monkeypatch.delenv("LD_LIBRARY_PATH")
    with pytest.raises(KgenError) as caught:
        built(toolchain=str(cross))
    assert caught.value.exit_code == Exit.BUILD
    assert caught.value.what.count("libmpc.so.3") == 1
    assert caught.value.what.startswith("no compiler for an i386 kernel")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GNUTARGET", "binary"),
        ("DEPENDENCIES_OUTPUT", "deps"),
        ("SUNPRO_DEPENDENCIES", "deps"),
    ],
)
def test_what_would_change_the_kernel_does_not_reach_the_tools(
    built: Build, here: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    expected = built(out=here / "plain").image.read_bytes()
    monkeypatch.setenv(name, str(here / value) if value == "deps" else value)
    assert built(out=here / "other").image.read_bytes() == expected
    assert not (here / "deps").exists()
