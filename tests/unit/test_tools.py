"""A missing tool causes a skip that names it, and a failure in CI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests import tools

from kgen.image import iso


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any tool, whose processor and terminals are not a PC's."""

    def none() -> tuple[int, int]:
        raise OSError(2, "No such file or directory")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(iso, "GRUB", tmp_path)
    monkeypatch.setattr(tools, "_refuses_i386", lambda: "Exec format error")
    monkeypatch.setattr(tools, "_makes_programs", tools._makes_programs.__wrapped__)
    monkeypatch.setattr("pty.openpty", none)


@pytest.mark.parametrize(
    ("need", "what", "always"),
    [
        (tools.native_gcc, "no gcc with a C library", False),
        (tools.needs_grub, "missing: grub-common xorriso grub-pc-bin", False),
        (tools.needs_i386, "does not run 32-bit x86 programs: Exec format error", False),
        (tools.terminal, "is devpts mounted?", True),
    ],
)
def test_what_lacks_is_named(
    bare: None,
    monkeypatch: pytest.MonkeyPatch,
    need: Callable[[], object],
    what: str,
    always: bool,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception) as skipped:
        need()
    assert what in str(skipped.value)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(pytest.skip.Exception if always else pytest.fail.Exception):
        need()
