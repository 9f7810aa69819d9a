"""Descriptions type-check with a plain ``mypy --strict``: nobody has to know of pydantic's plugin.

What pages show and what examples hold is what people start from, so just that is checked, as in
a folder of theirs: kgen is installed, and mypy is not configured.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import kgen

from .test_linters import ROOT, tool, tracked

PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def descriptions() -> Iterator[tuple[str, str]]:
    """Name and text of every description in the pages and examples."""
    for path in tracked(".md"):
        blocks = PYTHON.findall(path.read_text(encoding="utf-8"))
        for number, text in enumerate(blocks, 1):
            if "from kgen import" in text:
                yield f"{path.relative_to(ROOT).with_suffix('')}-{number}", text
    for path in tracked(".py"):
        text = path.read_text(encoding="utf-8")
        if path.is_relative_to(ROOT / "examples") and re.search(r"^kernel = ", text, re.MULTILINE):
            yield str(path.relative_to(ROOT).with_suffix("")), text


def plain_mypy(folder: Path) -> str:
    """What ``mypy --strict`` says of all files in ``folder``, without any configuration."""
    command = [tool("mypy"), "--strict", "--config-file=", "--no-error-summary"]
    command += ["--cache-dir", str(ROOT / ".mypy_cache/plain"), "."]
    kept = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    done = subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_descriptions_need_no_plugin(tmp_path: Path) -> None:
    found = list(descriptions())
    assert {"README-1", "examples/tiny", "examples/hello/kernel"} <= {name for name, _ in found}
    for name, text in found:
        (tmp_path / f"{re.sub(r'[^a-z0-9]', '_', name.lower())}.py").write_text(text)
    sections = [name for name in kgen.__all__ if isinstance(getattr(kgen, name), type)]
    calls = "".join(f"kgen.{name}()\n" for name in sections)
    (tmp_path / "nothing_must_be_given.py").write_text(f"import kgen\n\n{calls}")
    assert "kgen.Buddy()" in calls
    if said := plain_mypy(tmp_path):
        pytest.fail(said, pytrace=False)


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """The check can fail: mypy sees kgen's types, not Any."""
    (tmp_path / "wrong.py").write_text(
        "from kgen import Buddy, Kernel\nkernel = Kernel(buddy=Buddy(max_order='x', odrer=3))\n"
    )
    said = plain_mypy(tmp_path)
    assert 'incompatible type "str"; expected "int"' in said
    assert 'Unexpected keyword argument "odrer"' in said
