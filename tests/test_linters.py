"""Linters are tests: what they find fails here, not only where somebody thought of running them.

They come with the development dependencies. One that is missing skips on a developer's machine
and fails where ``CI`` is set, so that no skip reads as a pass there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SETUP_FILES = ("Makefile", "constraints.txt", "scripts/", ".ci/", ".github/")
"""They must work behind any mirror, so they name no host."""


def tool(name: str) -> str:
    """Path of the tool ``name``, beside this Python first."""
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        message = f"{name} is not installed; `make setup` installs it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def run(name: str, *arguments: str, mend: str = "") -> None:
    """Run a linter in the checkout; what it prints is the failure, ``mend`` how to end it."""
    done = subprocess.run(
        [tool(name), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"{name}: {mend}\n{done.stdout}{done.stderr}", pytrace=False)


def tracked(*suffixes: str) -> Iterator[Path]:
    """Files under version control, all or those with one of ``suffixes``."""
    listed = subprocess.run(
        [tool("git"), "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if path.is_file() and (not suffixes or path.suffix in suffixes):
            yield path


def matching(pattern: str, paths: Iterator[Path]) -> list[str]:
    """``file:line: text`` of each line that ``pattern`` matches in the text files of ``paths``."""
    searched = re.compile(pattern)
    found = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
            for number, line in enumerate(lines, 1)
            if searched.search(line)
        ]
    return found


def test_ruff_check() -> None:
    run("ruff", "check", "--output-format", "concise", ".")


def test_ruff_format() -> None:
    run("ruff", "format", "--check", "--diff", ".", mend="`make format` does it")


def test_mypy() -> None:
    run("mypy")


def test_import_layers() -> None:
    run("lint-imports", "--no-cache")


def test_clang_format() -> None:
    """The code templates, comment statements and all, are C that clang-format leaves alone."""
    sources = [path for path in tracked(".c", ".h") if path.is_relative_to(ROOT / "templates")]
    assert sources
    files = map(str, sources)
    run("clang-format", "--dry-run", "--Werror", *files, mend="`make format` does it")


def shell_scripts() -> list[Path]:
    scripts = [path for path in tracked() if path.read_bytes().startswith(b"#!/")]
    shells = [path for path in scripts if b"sh\n" in path.read_bytes()[:32]]
    assert {path.name for path in shells} >= {"setup.sh", "clean.sh", "run"}
    return shells


def test_shell_scripts_parse() -> None:
    for path in shell_scripts():
        run("bash", "-n", str(path))
        assert os.access(path, os.X_OK), f"{path} is not executable"


def test_shell_scripts_change_to_no_other_folder(tmp_path: Path) -> None:
    """Each script up to its last ``cd``, with a CDPATH that leads elsewhere, ends in the clone."""
    for path in shell_scripts():
        name = path.relative_to(ROOT)
        head, found, _ = path.read_text().rpartition("\ncd ")
        if not found:
            continue
        clone, decoy = tmp_path / "clone", tmp_path / "decoy"
        for root in (clone, decoy):
            (root / name.parent).mkdir(parents=True, exist_ok=True)
        line = path.read_text()[len(head) + 1 :].partition("\n")[0]
        (clone / name).write_text(f"{head}\n{line}\npwd -P\n")
        (clone / name).chmod(0o755)
        done = subprocess.run(
            [str(name)],
            cwd=clone,
            env={**os.environ, "CDPATH": str(decoy)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{clone.resolve()}\n", name


def test_no_file_names_a_folder_of_one_machine() -> None:
    somebodys = r"(?<![\w.>}])/(?:home|root|Users|work)/\w|" + re.escape(f"{ROOT}/")
    assert matching(somebodys, tracked()) == []


def test_set_up_names_no_host() -> None:
    files = [path for path in tracked() if str(path.relative_to(ROOT)).startswith(SETUP_FILES)]
    assert len(files) > 3
    host = r"\w://|(?:--|PIP_)(?:extra.)?(?:index.url|find.links|trusted.host)"
    assert matching(host, iter(files)) == []


def test_tests_call_the_compiler_that_is_there() -> None:
    """By ``tests.tools``: a machine whose only gcc is i686-linux-gnu-gcc runs them as well."""
    tests = [path for path in tracked(".py") if path.is_relative_to(ROOT / "tests")]
    tests.remove(ROOT / "tests/tools.py")
    tools = "gcc|cc|ld|as|nm|objcopy|objdump|readelf|strip"
    assert matching(rf"""/usr/bin/(?:{tools})\b(?!: )|\["(?:{tools})", """, iter(tests)) == []


def test_nothing_is_left_for_later() -> None:
    later = "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "pragma: no" + " cover", "x" + "fail"))
    suffixes = (".py", ".c", ".h", ".S", ".j2", ".sh")
    assert matching(rf"\b(?:{later})\b", tracked(*suffixes)) == []


def test_a_missing_linter_skips_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make setup"):
        tool("no-such-linter")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="make setup"):
        tool("no-such-linter")
