"""The workflow runs the tests where kgen says that it runs: Ubuntu, and bare Debian 12 and 13."""

from __future__ import annotations

import re
from pathlib import Path

WORKFLOW = (Path(__file__).resolve().parents[2] / ".github/workflows/test.yml").read_text()


def test_the_matrix_has_every_system() -> None:
    assert len(re.findall(r"^ +- on: ubuntu", WORKFLOW, re.MULTILINE)) == 4
    assert re.findall(r"^ +container: (debian:\d+)$", WORKFLOW, re.MULTILINE) == [
        "debian:12",
        "debian:13",
    ]


def test_one_checkout_has_a_blank_in_its_path() -> None:
    assert re.findall(r"^ +folder: (.*)$", WORKFLOW, re.MULTILINE) == ["my kgen"]
    for key in ("path", "working-directory"):
        assert f"{key}: ${{{{ matrix.folder || '.' }}}}\n" in WORKFLOW


def test_a_container_gets_what_the_readme_asks_for_and_no_more() -> None:
    """git, make and python3; set-up brings the rest."""
    (installed,) = re.findall(r"apt-get install .*--no-install-recommends (.*)$", WORKFLOW, re.M)
    assert installed.split() == ["ca-certificates", "git", "make", "python3"]
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    assert "git, make and python3" in readme
