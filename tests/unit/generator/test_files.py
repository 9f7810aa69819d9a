"""Whole files or none, and faults with a name."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from kgen.errors import Exit, KgenError
from kgen.files import shown, write_if_changed, write_whole


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_whole(path, b"one")
    with path.open("rb") as reader:
        write_whole(path, b"two")
        assert reader.read() == b"one"
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file"]  # noqa: PTH208


def test_equal_content_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write_if_changed(path, b"one")
    os.utime(path, ns=(1, 1))
    assert not write_if_changed(path, b"one")
    assert path.stat().st_mtime_ns == 1
    assert write_if_changed(path, b"two")


def test_a_fault_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    """The kernel itself refuses to write more than 64 KiB here, as on a full disk."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    script = (
        "import sys; from pathlib import Path; from kgen.files import write_whole\n"
        "from kgen.errors import KgenError\n"
        "try: write_whole(Path(sys.argv[1]), bytes(1 << 20))\n"
        "except KgenError as error: print(error.what, '|', error.hint)\n"
    )
    limit = 1 << 16
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.stdout.startswith(f"cannot write {path}: File too large | the file would exceed")
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(KgenError, match=r"cannot write .*out/build/file") as caught:
        write_whole(tmp_path / "out/build/file", b"")
    assert caught.value.exit_code == Exit.BUILD
    assert "-o DIR" in caught.value.hint


def test_paths_are_shown_as_one_would_type_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a" / "b") == "a/b"
    assert shown(Path("a/b")) == "a/b"
    assert shown(Path("/elsewhere")) == "/elsewhere"
