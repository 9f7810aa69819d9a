"""Templates written by the test itself, rendered for one kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kgen.derive import derive
from kgen.describe import Kernel
from kgen.render import Tree, render

Render = Callable[..., Tree]


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    return folder


@pytest.fixture
def rendered(templates: Path) -> Render:
    """Write ``{name: text}`` as templates and render them; later calls replace the former's."""

    def run(files: dict[str, str], kernel: Kernel | None = None) -> Tree:
        for old in templates.rglob("*"):
            if old.is_file():
                old.unlink()
        for name, text in files.items():
            path = templates / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return render(derive(kernel or Kernel()), templates)

    return run
